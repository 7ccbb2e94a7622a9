/** Calls that come together share transactions: each is answered for itself, and what one is refused for concerns no other. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { limits } from "../src/limits.ts";
import { assertRoom } from "../src/services/whatsapp/outbox/room.ts";
import { sendMessage } from "../src/services/whatsapp/outbox/send-message.ts";
import { outboxOf, scriptedGraph } from "./support/outbox.ts";
import { handSender } from "./support/sender.ts";
import { randomDigits, startRig } from "./support/worker.ts";

const cleanups: (() => Promise<void> | void)[] = [];
after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});
const rig = await startRig({ after: (cleanup) => void cleanups.push(cleanup) }, { connectionsMax: 6 });
const tenantId = await rig.tenant();
const box = outboxOf(rig, await rig.connect(tenantId));
await box.pace(100_000);

let commits = 0;
const tools = {
  ...box.tools,
  wakeSends: () => {
    commits += 1;
  },
};
const send = (body: object, idempotencyKey: string | null = null) =>
  sendMessage(tools, box.number.scope, body, { origin: "api", idempotencyKey });
const text = (body: string) => ({ type: "text", body });

test("a hundred calls at once are a few transactions, each is answered with its own message, and each conversation keeps its order", async () => {
  const people = [await box.customer(), await box.customer(), await box.customer()];
  commits = 0;
  const calls = Array.from({ length: 2 * limits.sendGroupMax }, (_, index) => {
    const to = people[index % people.length];
    return send({ conversationId: to?.conversationId, content: text(`${index % people.length}:${index}`) });
  });
  const answers = await Promise.all(calls);
  assert.equal(new Set(answers.map(({ id }) => id)).size, calls.length);
  assert.ok(commits <= 5, `${commits} transactions`);
  for (const [index, { content }] of answers.entries()) {
    assert.equal((content as { body: string }).body, `${index % people.length}:${index}`);
  }
  const graph = scriptedGraph();
  await rig.sql(`delete from whatsapp_send_pairs`);
  await handSender(rig, graph).drain(1_000);
  for (const person of people.keys()) {
    const numbers = graph.ledger
      .map((request) => request.text.split(":").map(Number))
      .flatMap(([who, nth]) => (who === person ? [nth ?? -1] : []));
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
    );
  }
});

test("among calls that are refused the others go, and a refused one leaves neither a conversation nor its key behind", async () => {
  const dana = await box.customer();
  const closed = await box.customer({ agoMs: 25 * 3_600_000 });
  const stranger = randomDigits();
  const to = (waId: string) => ({ connectionId: box.number.id, to: { waId } });
  const count = async () => (await rig.sql(`select id from whatsapp_conversations where tenant_id = $1`, [tenantId])).length;
  const before = await count();
  const results = await Promise.allSettled([
    send({ conversationId: dana.conversationId, content: text("first") }),
    send({ conversationId: closed.conversationId, content: text("too late") }, "key of the late one"),
    send({ ...to(stranger), content: text("to a stranger") }, "key of the strange one"),
    send({ conversationId: "00000000-0000-7000-8000-000000000000", content: text("to nobody") }),
    send({ ...to(randomDigits()), content: { type: "template", name: "hello", language: "en_US" } }),
    send({ conversationId: dana.conversationId, content: text("second") }, "twice"),
    send({ conversationId: dana.conversationId, content: text("second") }, "twice"),
    send({ conversationId: dana.conversationId, content: text("another") }, "twice"),
    send({ conversationId: dana.conversationId, content: text("last") }),
  ]);
  const shown = results.map((result) => (result.status === "fulfilled" ? "sent" : (result.reason as { code: string }).code));
  assert.deepEqual(shown, ["sent", "window_closed", "window_closed", "not_found", "sent", "sent", "sent", "idempotency_conflict", "sent"]);
  const [twice, again] = [results[5], results[6]];
  assert.ok(twice?.status === "fulfilled" && again?.status === "fulfilled");
  assert.deepEqual(twice.value, again.value);
  assert.equal(await count(), before + 1);
  const keys = await rig.sql<{ key: string }>(`select key from idempotency_keys where tenant_id = $1`, [tenantId]);
  assert.deepEqual(
    keys.map(({ key }) => key),
    ["twice"],
  );
});

test("a tenant that has as much waiting as it may is told so, and no other", async () => {
  const other = await rig.tenant();
  const { scope } = await rig.connect(other);
  await rig.sql(`update whatsapp_send_lanes set paused_until = 'infinity' where tenant_id = $1`, [tenantId]);
  const [dana, app] = [await box.customer(), { ...rig.app }];
  await box.send(dana);
  await assert.rejects(assertRoom(app, box.number.scope, 1), { code: "too_many", status: 429 });
  await assertRoom({ ...rig.app }, box.number.scope, limits.sendsWaitingPerTenantMax);
  await assertRoom(app, scope, 1);
});
