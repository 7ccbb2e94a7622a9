/** Deliveries that are not Meta's, not of this app, or not new (RELIABILITY 3.1, F18). What the header may look like is in `signature` and `webhook`. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, test } from "node:test";
import { isSigned, sign } from "../src/core/signature.ts";
import { createWebhookHandler, webhookAppKey } from "../src/http/webhook.ts";
import { bodyOf, message, status } from "./support/bodies.ts";
import { snapshot } from "./support/snapshot.ts";
import { startRig } from "./support/worker.ts";

const dayMs = 86_400_000;
const rig = await startRig({ after });
const [tenantA, tenantB] = [await rig.tenant({ autoReplyEnabled: false }), await rig.tenant({ autoReplyEnabled: false })];
const [keyA, keyB] = [await rig.ownApp(tenantA), await rig.ownApp(tenantB)];
const ofA = await rig.connect(tenantA, { appKey: keyA });
await rig.connect(tenantB, { appKey: keyB });
const onPlatform = await rig.connect(tenantB);
const secrets: Readonly<Record<string, readonly string[]>> = { "": ["of-the-platform"], [keyA]: ["of-a", "of-a-before"], [keyB]: ["of-b"] };

const handle = createWebhookHandler({
  secretsOf: (appKey) => secrets[appKey] ?? null,
  receive: (appKey, body) => rig.receive(body, appKey),
  onAnswer: () => undefined,
  isDraining: () => false,
});
const server = createServer((request, response) => handle(request, response, webhookAppKey(request.url ?? "") ?? ""));
server.listen(0, "127.0.0.1");
await once(server, "listening");
after(() => {
  server.closeAllConnections();
  server.close();
});
const address = server.address();
assert.ok(address !== null && typeof address === "object");
const origin = `http://127.0.0.1:${address.port}/webhook/whatsapp`;

async function deliver(body: Buffer, appKey: string, signature: string): Promise<number> {
  const answer = await fetch(appKey === "" ? origin : `${origin}/${appKey}`, {
    method: "POST",
    body: new Uint8Array(body),
    headers: { "x-hub-signature-256": signature },
  });
  await answer.arrayBuffer();
  return answer.status;
}

let ordinal = 0;
const bytesOf = (body: object): Buffer =>
  Buffer.from(JSON.stringify(body).replaceAll(/[^ -~]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`));
const from = (number: typeof ofA): ReturnType<typeof message> =>
  message(number, { phone: "972501234567", name: "דנה" }, `wamid.forged.${(ordinal += 1)}`, rig.clock.nowMs);
const count = async (table: string): Promise<number> =>
  (await rig.sql<{ n: number }>(`select count(*)::int as n from ${table}`))[0]?.n ?? -1;
const messagesOf = async (tenantId: string): Promise<number> =>
  (await rig.sql<{ n: number }>("select count(*)::int as n from whatsapp_messages where tenant_id = $1", [tenantId]))[0]?.n ?? -1;

test("a delivery of which one byte is another, is missing or is one more is refused, wherever it stands, and leaves nothing", async () => {
  const body = bytesOf(bodyOf(from(ofA), status(ofA, "wamid.x", "read", rig.clock.nowMs)));
  const signature = sign(body, "of-a");
  for (let at = 0; at < body.length; at += 1) {
    for (const bit of [1, 32, 128]) {
      const flipped = Buffer.from(body);
      flipped[at] = (flipped[at] ?? 0) ^ bit;
      assert.equal(isSigned(flipped, signature, ["of-a"]), false, `byte ${at}`);
    }
  }
  // One of each kind of byte over the wire: a bracket, a quote, a letter, a digit, an escape, the comma, the first, the last.
  const kinds = [/[{}]/, /"/, /[a-z]/, /\d/, /\\/, /,/, /:/].map((kind) => body.toString("latin1").search(kind));
  const changed = [...kinds, 0, body.length - 1].map((at) => {
    const flipped = Buffer.from(body);
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    return flipped;
  });
  const padded = ["\n", " ", "\0", "{}", "\ufeff"].map((more) => Buffer.concat([body, Buffer.from(more)]));
  const others = [
    body.subarray(1),
    body.subarray(0, -1),
    Buffer.alloc(0),
    Buffer.concat([Buffer.from("\ufeff"), body]),
    Buffer.concat([body, body]),
  ];
  for (const forged of [...changed, ...padded, ...others])
    assert.equal(await deliver(forged, keyA, signature), 401, forged.toString().slice(0, 40));
  assert.deepEqual([await count("webhook_deliveries"), await count("webhook_pending"), await count("parked_updates")], [0, 0, 0]);
});

test("the secret of one app opens no other app's path, and one that has ended opens none", async () => {
  const body = bytesOf(bodyOf(from(ofA)));
  for (const [secret, taken] of [
    ["of-a", [keyA]],
    ["of-a-before", [keyA]],
    ["of-b", [keyB]],
    ["of-the-platform", [""]],
    ["of-a-long-ago", []],
    ["", []],
  ] as const) {
    for (const appKey of ["", keyA, keyB, "nobodys", keyA.toUpperCase(), `${keyA}x`]) {
      const isTaken = taken.some((own) => own === appKey);
      if (isTaken) continue;
      assert.equal(await deliver(body, appKey, sign(body, secret)), 401, `${secret} at ${appKey}`);
    }
  }
  assert.equal(await count("webhook_deliveries"), 0);
});

test("whoever has an app of their own can sign, but moves nothing of an account that is another app's", async () => {
  await rig.receive(bytesOf(bodyOf(from(ofA), from(onPlatform))), keyA);
  await rig.drain();
  const before = await snapshot(rig, [tenantA]);
  const known =
    (await rig.sql<{ id: string }>("select wa_message_id as id from whatsapp_messages where tenant_id = $1", [tenantA]))[0]?.id ?? "";
  for (const appKey of [keyB, ""]) {
    const forged = bytesOf(bodyOf(from(ofA), status(ofA, known, "failed", rig.clock.nowMs)));
    assert.equal(await deliver(forged, appKey, sign(forged, secrets[appKey]?.[0] ?? "")), 200);
    await rig.drain();
  }
  const later = await snapshot(rig, [tenantA]);
  assert.deepEqual({ ...later, parked: [] }, { ...before, parked: [] });
  assert.equal(await messagesOf(tenantB), 0);
  const reasons = await rig.sql<{ reason: string }>("select distinct reason from parked_updates where app_key <> $1", [keyA]);
  assert.ok(reasons.length > 0);
});

test("a delivery that was recorded and is sent again a week later is taken and changes nothing", async () => {
  const number = await rig.connect(tenantA, { appKey: keyA });
  const [first, second] = [from(number), from(number)];
  const body = bytesOf(bodyOf(first, second, status(number, String(first.element["id"]), "read", rig.clock.nowMs)));
  const signature = sign(body, "of-a");
  assert.equal(await deliver(body, keyA, signature), 200);
  await rig.drain();
  const state = await snapshot(rig, [tenantA]);
  const activity = await count("activity_events");
  for (const laterMs of [1_000, dayMs, 7 * dayMs]) {
    rig.clock.nowMs += laterMs;
    assert.equal(await deliver(body, keyA, signature), 200);
    await rig.drain();
    assert.deepEqual(await snapshot(rig, [tenantA]), state);
  }
  assert.equal(await count("activity_events"), activity);
  // At another app's door the same bytes are a stranger's.
  assert.equal(await deliver(body, keyB, signature), 401);
});
