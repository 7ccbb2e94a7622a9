/** What a review of tenants and trust found: a token that came back, a PIN that was lost, a verdict of yesterday, a secret that changes, a proxy. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { readConfig } from "../src/config.ts";
import { tenantScope } from "../src/core/scope.ts";
import { tenantTransaction } from "../src/db/transaction.ts";
import { limits } from "../src/limits.ts";
import { claimStep, readSteps, settleStep } from "../src/services/whatsapp/connections/steps.ts";
import { proveToken } from "../src/services/whatsapp/connections/proof.ts";
import { callGraph } from "../src/services/whatsapp/graph/call.ts";
import { createGraphClient } from "../src/services/whatsapp/graph/client.ts";
import { AccessTokens } from "../src/services/whatsapp/outbox/access-tokens.ts";
import { startApi, type Api } from "./support/api.ts";
import { startConnectionRig } from "./support/connections.ts";

const rig = await startConnectionRig({ after });
const { sandbox, clock } = rig;
const secondSecret = "the-next-secret";
const proofOf = (token: string, secret: string): string => createHmac("sha256", secret).update(token).digest("hex");

test("A look at a token that began before it was forgotten is not remembered after it", async () => {
  const { id: tenantId } = await rig.tenant();
  const { id, accessToken } = await rig.connected(tenantId);
  let meanwhile = (): void => undefined;
  const tokens = new AccessTokens(rig.api.app, rig.open, async () => {
    meanwhile();
    return [];
  });
  // Between the look and its end: what was looked at is of no use any more.
  meanwhile = () => tokens.forget(id);
  assert.equal((await tokens.read(tenantId, id))?.token, accessToken);
  meanwhile = () => undefined;
  await rig.api.platform.pool.query("update whatsapp_connections set state = 'disconnected', access_token = null where id = $1", [id]);
  assert.equal(await tokens.read(tenantId, id), null);
});

test("A PIN that somebody mistypes does not cost the one that is kept", async () => {
  const { id: tenantId, key } = await rig.tenant();
  const number = sandbox.addNumber({ status: "PENDING", pin: "123456" });
  const { wabaId, phoneNumberId, accessToken } = number;
  const made = await rig.as(key)("POST", "connections", { wabaId, phoneNumberId, accessToken, pin: "123456" });
  const { id } = made.json;
  const registerAgain = async (pin?: string): Promise<string> => {
    sandbox.number(phoneNumberId).status = "PENDING";
    clock.nowMs += limits.connectionProbeMsMin;
    const { json } = await rig.as(key)("POST", `connections/${id}/setup`, { steps: ["register"], ...(pin === undefined ? {} : { pin }) });
    const { state, code } = json.steps.find(({ step }: { step: string }) => step === "register");
    return `${state} ${code}`;
  };
  assert.equal(await registerAgain("654321"), "failed register_wrong_pin");
  assert.equal(await registerAgain(), "done null");
  const { rows } = await rig.api.platform.pool.query<{ pin: Buffer }>("select pin from whatsapp_connections where id = $1", [id]);
  const context = { table: "whatsapp_connections", column: "pin", tenantId, rowId: id };
  assert.equal(rig.open(context, rows[0]?.pin ?? Buffer.alloc(0)), "123456");
});

test("What became of a step that was begun anew meanwhile is not told by whoever was at it before", async () => {
  const { id: tenantId } = await rig.tenant();
  const { id } = await rig.connected(tenantId);
  const scope = tenantScope(tenantId);
  const { nowMs } = clock;
  const run = <T>(work: Parameters<typeof tenantTransaction<T>>[2]): Promise<T> => tenantTransaction(rig.api.app, scope, work);
  const done = { state: "done", code: null, metaCode: null, detail: null } as const;
  const invalid = { state: "failed", code: "token_invalid", metaCode: 190, detail: null } as const;
  assert.ok(await run((tx) => claimStep(tx, scope, id, { step: "token", nowMs })));
  // A new token begins all steps anew.
  await rig.api.platform.pool.query("update whatsapp_connection_steps set started_at = null where connection_id = $1", [id]);
  assert.ok(await run((tx) => claimStep(tx, scope, id, { step: "token", nowMs: nowMs + 1 })));
  await run((tx) => settleStep(tx, scope, id, { step: "token", outcome: invalid, claimedAtMs: nowMs, nowMs: nowMs + 2 }));
  await run((tx) => settleStep(tx, scope, id, { step: "token", outcome: done, claimedAtMs: nowMs + 1, nowMs: nowMs + 3 }));
  await run((tx) => settleStep(tx, scope, id, { step: "token", outcome: invalid, claimedAtMs: nowMs, nowMs: nowMs + 4 }));
  const [token] = await run((tx) => readSteps(tx, scope, id));
  assert.deepEqual([token?.step, token?.state], ["token", "done"]);
});

test("While an app's secret is being changed, calls and sends are proven by whichever of them Meta knows, and never sent twice", async (t) => {
  const seen: string[] = [];
  const known = { secret: "old-secret" };
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://graph");
    const proof = url.searchParams.get("appsecret_proof");
    const isRight = proof === proofOf("a-token", known.secret);
    seen.push(`${url.pathname} ${isRight}`);
    const refusal = { error: { code: 100, message: "Invalid appsecret_proof provided in the API argument" } };
    const other = { error: { code: 100, message: "Invalid parameter" } };
    response.end(JSON.stringify(isRight ? (url.pathname.endsWith("/bad") ? other : { messages: [{ id: "wamid.1" }] }) : refusal));
    request.resume();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => void server.close());
  const graph = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, version: "v26.0" };
  const accessToken = { token: "a-token", proof: proofOf("a-token", "new-secret"), otherProofs: [proofOf("a-token", "old-secret")] };
  const call = (path: string) => callGraph(graph, { method: "POST", path: [path], body: {}, accessToken, timeoutMs: 60_000 });
  const send = () => createGraphClient(graph).sendMessage({ phoneNumberId: "7", accessToken, body: {}, timeoutMs: 60_000 });
  assert.equal((await call("good")).kind, "answered");
  assert.deepEqual(await send(), { kind: "accepted", waMessageId: "wamid.1" });
  assert.equal((await call("bad")).kind, "refused");
  assert.deepEqual(
    seen.splice(0),
    ["good", "7/messages", "bad"].flatMap((path) => [`/v26.0/${path} false`, `/v26.0/${path} true`]),
  );
  known.secret = "new-secret";
  assert.equal((await call("bad")).kind, "refused");
  assert.equal((await send()).kind, "accepted");
  assert.deepEqual(seen.splice(0), ["/v26.0/bad true", "/v26.0/7/messages true"], "another refusal is not asked again");
  known.secret = "neither";
  assert.equal((await send()).kind, "refused");
  assert.equal(seen.length, 2);
});

test("A token is read with a proof by each secret of its app, and proven by whichever Meta knows", async () => {
  const { id: tenantId } = await rig.tenant();
  const { id, wabaId, phoneNumberId, accessToken } = await rig.connected(tenantId);
  const secrets = [secondSecret, "sandbox-secret"];
  const tokens = new AccessTokens(rig.api.app, rig.open, async () => secrets);
  assert.deepEqual(await tokens.read(tenantId, id), {
    token: accessToken,
    proof: proofOf(accessToken, secondSecret),
    otherProofs: [proofOf(accessToken, "sandbox-secret")],
  });
  const apps = { find: async () => ({ appId: sandbox.appId, secrets }) };
  const claim = { wabaId, phoneNumberId, accessToken, appKey: "" };
  assert.equal((await proveToken({ graph: rig.tools.graph, apps }, claim, 60_000)).kind, "proven");
});

test("Behind a proxy that is trusted by name a caller's own address counts; from anybody else the header says nothing", async (t) => {
  const ipsOf = async (api: Api): Promise<unknown[]> => {
    const { id, key } = await api.tenant();
    for (const forwarded of ["203.0.113.9", "10.9.9.9, 203.0.113.9"]) {
      const headers = { "x-forwarded-for": forwarded };
      const made = await api.call("POST", "/api/v1/api-keys", { key, headers, body: { name: forwarded, scopes: ["read"] } });
      assert.equal(made.status, 201);
    }
    const { rows } = await api.platform.pool.query<{ ip: string }>(
      "select ip from audit_events where tenant_id = $1 and action = 'api_key.created'",
      [id],
    );
    return rows.map(({ ip }) => ip);
  };
  assert.deepEqual(await ipsOf(await startApi(t, { trustedProxies: ["127.0.0.0/8"] })), ["203.0.113.9", "203.0.113.9"]);
  assert.deepEqual(await ipsOf(rig.api), ["127.0.0.1", "127.0.0.1"]);
});

test("Trusted proxies are addresses or networks, and nothing that would mean everybody", () => {
  const read = (text: string) => readConfig({ TRUSTED_PROXIES: text }).trustedProxies;
  assert.deepEqual(readConfig({}).trustedProxies, []);
  assert.deepEqual(read("10.0.0.1, 10.1.0.0/16,fd00::/8,::1"), ["10.0.0.1", "10.1.0.0/16", "fd00::/8", "::1"]);
  for (const text of ["true", "1", "0.0.0.0/0", "::/0", "10.0.0.1/33", "10.0.0.0/x", "10.0.0.0/8/8", "proxy.example", "10.0.0.1,"]) {
    assert.throws(() => read(text), /TRUSTED_PROXIES/, text);
  }
});
