import assert from "node:assert/strict";
import { after, test } from "node:test";
import { tenantScope } from "../src/core/scope.ts";
import { limits } from "../src/limits.ts";
import type { SandboxNumber } from "../src/sandbox/sandbox.ts";
import { probeConnection } from "../src/services/whatsapp/connections/probe.ts";
import { adminKey, type Answer } from "./support/api.ts";
import { startConnectionRig, verdictOf } from "./support/connections.ts";

const rig = await startConnectionRig({ after });
const { sandbox, clock, asked, network } = rig;
const operator = rig.as(adminKey);
const hourMs = 3_600_000;

const idsOf = ({ wabaId, phoneNumberId, accessToken }: SandboxNumber) => ({ wabaId, phoneNumberId, accessToken });
const stepsOf = ({ json }: Answer): string[] =>
  json.steps.map(
    ({ step, state, code }: { step: string; state: string; code: string | null }) => `${step} ${state}${code === null ? "" : ` ${code}`}`,
  );
const wellSteps = ["token done", "subscribe done", "register done", "contacts skipped", "history skipped"];
const badChecks = ({ json }: Answer): string[] =>
  json.checks.flatMap(({ check, state, code }: { check: string; state: string; code: string | null }) =>
    state === "problem" || state === "warning" ? [`${check} ${state} ${code}`] : [],
  );
const rows = async <Row extends object>(text: string, values: unknown[]): Promise<Row[]> =>
  (await rig.api.platform.pool.query<Row>(text, values)).rows;
const eventsOf = async (tenantId: string, key: string) => {
  const { json } = await rig.as(key)("GET", `activity?limit=200&tenantId=${tenantId}`);
  return json.data.filter(({ type }: { type: string }) => type === "connection.changed").map(({ data }: { data: unknown }) => data);
};
const deedsOf = async (tenantId: string): Promise<string[]> => {
  const found = await rows<{ action: string }>(
    "select action from audit_events where tenant_id = $1 and action ~ '^(connection|meta_app)' order by action",
    [tenantId],
  );
  return found.map(({ action }) => action);
};
const sendTo = (key: string, connectionId: string) =>
  rig.as(key)("POST", "messages", { connectionId, to: { waId: "972501234567" }, content: { type: "text", body: "x" }, whenTheyWrite: {} });

test("A tenant connects its own number with its token: it is proven, the app subscribed, the number registered with a PIN that nobody is shown", async () => {
  const { id: tenantId, key } = await rig.tenant();
  const number = sandbox.addNumber({ status: "PENDING" });
  sandbox.account(number.wabaId).isSubscribed = false;
  const made = await rig.as(key)("POST", "connections", idsOf(number));
  assert.equal(made.status, 201, made.text);
  assert.deepEqual([stepsOf(made), made.json.verification.ok], [wellSteps, true]);
  assert.deepEqual([sandbox.account(number.wabaId).isSubscribed, sandbox.number(number.phoneNumberId).status], [true, "CONNECTED"]);

  const [row] = await rows<{ pin: Buffer; access_token: Buffer }>("select pin, access_token from whatsapp_connections where id = $1", [
    made.json.id,
  ]);
  const pin = rig.open({ table: "whatsapp_connections", column: "pin", tenantId, rowId: made.json.id }, row?.pin ?? Buffer.alloc(0));
  assert.match(pin, /^\d{6}$/);
  assert.equal(pin, sandbox.number(number.phoneNumberId).pin);
  const status = await rig.as(key)("POST", `connections/${made.json.id}/probe`);
  assert.deepEqual([status.status, badChecks(status), verdictOf(status.json.health)], [200, [], "ok"]);
  const shown = await rig.as(key)("GET", `connections/${made.json.id}`);
  const { displayPhoneNumber, verifiedName, quality, messagingLimit, health, checkedAt } = shown.json;
  assert.deepEqual(
    [displayPhoneNumber, verifiedName, quality, messagingLimit],
    [`+${number.displayPhoneNumber}`, "Sandbox", "GREEN", "TIER_2K"],
  );
  assert.deepEqual([verdictOf(health), checkedAt], ["ok", new Date(clock.nowMs).toISOString()]);
  for (const text of [made.text, status.text, shown.text]) assert.ok(!text.includes(number.accessToken) && !text.includes(`"${pin}"`));
  assert.deepEqual(await deedsOf(tenantId), ["connection.connected"]);

  asked.length = 0;
  const again = await rig.as(key)("POST", "connections", idsOf(number));
  assert.deepEqual([again.status, again.json.id, stepsOf(again)], [200, made.json.id, wellSteps]);
  assert.ok(!asked.some((one) => one.startsWith("POST")), `nothing is changed at Meta that is done: ${asked.join()}`);
});

test("A tenant's claim is refused before anything is written unless its token opens account and number, and an account of another is not told of", async () => {
  const [{ id: tenantId, key }, other] = [await rig.tenant(), await rig.tenant()];
  const theirs = await rig.connected(other.id);
  const free = sandbox.addNumber();
  const own = sandbox.addNumber();
  const wabaIds = [free.wabaId];
  const cases: [object, string][] = [
    [{ ...idsOf(free), accessToken: own.accessToken }, "token_other_account"],
    [{ ...idsOf(free), phoneNumberId: own.phoneNumberId }, "token_other_account"],
    [{ ...idsOf(free), accessToken: "no token of Meta's" }, "token_invalid"],
    [{ ...idsOf(free), accessToken: sandbox.issueToken({ wabaIds, expiresAtMs: clock.nowMs }) }, "token_invalid"],
    [{ ...idsOf(free), accessToken: sandbox.issueToken({ wabaIds, appId: "another-app" }) }, "token_foreign_app"],
    [{ ...idsOf(free), accessToken: sandbox.issueToken({ wabaIds, scopes: ["whatsapp_business_management"] }) }, "token_scopes"],
    // An account that is another's, and one that nobody has, answer the same.
    [{ ...idsOf(theirs), accessToken: own.accessToken }, "token_other_account"],
    [{ wabaId: "1", phoneNumberId: "2", accessToken: own.accessToken }, "token_other_account"],
  ];
  for (const [body, reason] of cases) {
    const { status, json, text } = await rig.as(key)("POST", "connections", body);
    assert.deepEqual([status, json.code, json.reason], [422, "meta_refused", reason], text);
    assert.ok(!text.includes(other.id));
  }
  // Who really has a token of another tenant's account is told that it is taken, and not by whom.
  const taken = await rig.as(key)("POST", "connections", idsOf(theirs));
  assert.deepEqual([taken.status, taken.json.code], [409, "conflict"]);
  assert.ok(!taken.text.includes(other.id));
  network.isUp = false;
  const away = await rig.as(key)("POST", "connections", idsOf(free));
  network.isUp = true;
  assert.deepEqual([away.status, away.json.code], [503, "unavailable"]);
  const foreignApp = await operator("POST", "apps", { tenantId: other.id, appId: "88", appSecret: "s", verifyToken: "v" });
  const wrongApp = await rig.as(key)("POST", "connections", { ...idsOf(free), appKey: foreignApp.json.appKey });
  assert.equal(wrongApp.status, 400);
  assert.equal((await rig.as(key)("POST", "connections", { ...idsOf(free), tenantId: other.id })).status, 404, "another tenant");
  assert.deepEqual(await rows("select id from whatsapp_accounts where tenant_id = $1", [tenantId]), []);
  assert.deepEqual(await deedsOf(tenantId), []);
});

test("A tenant's own app is taken back once no account is connected by it; another tenant's is not there", async () => {
  const { id: tenantId, key } = await rig.tenant();
  const other = await rig.tenant();
  const app = { appId: "99", appSecret: "s", verifyToken: "v" };
  await operator("POST", "apps", { tenantId, ...app });
  const [mine] = (await rig.as(key)("GET", "apps")).json.data;
  const number = sandbox.addNumber();
  const body = { ...idsOf(number), tenantId, appKey: mine.appKey };
  assert.equal((await operator("POST", "connections", body)).status, 201);
  assert.equal((await rig.as(key)("DELETE", `apps/${mine.id}`)).status, 409);
  await operator("POST", "apps", { tenantId, ...app, appId: "100" });
  const [free] = (await rig.as(key)("GET", "apps")).json.data;
  assert.equal((await rig.as(other.key)("DELETE", `apps/${free.id}`)).status, 404);
  assert.equal((await rig.as(key)("DELETE", `apps/${free.id}`)).status, 204);
  assert.deepEqual((await rig.as(key)("GET", "apps")).json.data.length, 1);
  assert.ok((await deedsOf(tenantId)).includes("meta_app.removed"));
});

test("The operator is believed: without Graph the number is connected, what is missing waits, and the next look does it", async () => {
  const { id: tenantId } = await rig.tenant();
  const number = sandbox.addNumber({ status: "PENDING" });
  network.isUp = false;
  const made = await operator("POST", "connections", { ...idsOf(number), tenantId });
  assert.deepEqual(
    [made.status, made.json.verification.checked, stepsOf(made).slice(0, 2)],
    [201, false, ["token pending not_reached", "subscribe pending"]],
  );
  const status = await operator("POST", `connections/${made.json.id}/probe?tenantId=${tenantId}`);
  assert.deepEqual(badChecks(status), ["setup warning setup_waits", "graph warning graph_unreachable"]);
  network.isUp = true;
  clock.nowMs += limits.connectionProbeMsMin;
  const next = await operator("POST", `connections/${made.json.id}/probe?tenantId=${tenantId}`);
  assert.deepEqual([stepsOf(next), badChecks(next)], [wellSteps, []]);
  assert.equal(sandbox.number(number.phoneNumberId).status, "CONNECTED");
});

test("A step that cannot be done is tried by itself a few times, and then waits for somebody who presses on", async () => {
  const { id: tenantId } = await rig.tenant();
  const number = sandbox.addNumber();
  network.isUp = false;
  const made = await operator("POST", "connections", { ...idsOf(number), tenantId });
  const probe = () => probeConnection(rig.tools, tenantScope(tenantId), made.json.id);
  for (let attempt = 1; attempt < limits.connectionStepAttemptsMax; attempt += 1) await probe();
  network.isUp = true;
  await probe();
  const given = await operator("GET", `connections/${made.json.id}/status?tenantId=${tenantId}`);
  assert.deepEqual([stepsOf(given)[0], given.json.health.code], ["token pending not_reached", "setup_waits"]);
  clock.nowMs += limits.connectionProbeMsMin;
  const pressed = await operator("POST", `connections/${made.json.id}/setup?tenantId=${tenantId}`, {});
  assert.deepEqual(stepsOf(pressed), wellSteps);
});

test("A set-up that stops half-way says what is missing and whose turn it is, and goes on where it stopped", async () => {
  const { id: tenantId, key } = await rig.tenant();
  const number = sandbox.addNumber({ status: "PENDING", pin: "123456" });
  sandbox.account(number.wabaId).isSubscribed = false;
  sandbox.fail({ when: { method: "POST", path: "subscribed_apps" }, fault: { kind: "error", code: 200, details: "No permission" } });
  const made = await rig.as(key)("POST", "connections", idsOf(number));
  assert.deepEqual(stepsOf(made).slice(0, 3), ["token done", "subscribe failed subscribe_refused", "register failed register_wrong_pin"]);
  const [, subscribe, register] = made.json.steps;
  assert.deepEqual([subscribe.metaCode, subscribe.detail, register.metaCode], [200, "No permission", 133_005]);
  assert.match(register.action.he, /קוד/);
  const listed = await rig.as(key)("GET", "connections");
  assert.equal(verdictOf(listed.json.data[0].health), "unknown", "not looked at yet");

  const wrong = await rig.as(key)("POST", `connections/${made.json.id}/setup`, { pin: "000000" });
  assert.deepEqual(stepsOf(wrong).slice(1, 3), ["subscribe done", "register failed register_wrong_pin"]);
  assert.equal(verdictOf(wrong.json.health), "problem register_wrong_pin");
  clock.nowMs += limits.connectionProbeMsMin;
  const right = await rig.as(key)("POST", `connections/${made.json.id}/setup`, { pin: "123456" });
  assert.deepEqual([stepsOf(right), badChecks(right)], [wellSteps, []]);
  const repeated = await rig.as(key)("POST", `connections/${made.json.id}/setup`, { steps: ["token", "subscribe", "register"] });
  assert.deepEqual([stepsOf(repeated), sandbox.number(number.phoneNumberId).registeredAtMs.length], [wellSteps, 3]);
  const audited = await deedsOf(tenantId);
  assert.deepEqual(audited, ["connection.connected", ...Array.from({ length: 3 }, () => "connection.setup_continued")]);
});

test("Whatever Meta holds against a number is found, told once, shown in the list, and told again when it is mended", async () => {
  const { id: tenantId, key } = await rig.tenant();
  const { id, phoneNumberId, wabaId, accessToken } = await rig.connected(tenantId);
  const [number, account] = [sandbox.number(phoneNumberId), sandbox.account(wabaId)];
  const probe = async (): Promise<Answer> => {
    clock.nowMs += limits.connectionProbeMsMin;
    return rig.as(key)("POST", `connections/${id}/probe`);
  };
  assert.deepEqual(badChecks(await probe()), []);
  const before = (await eventsOf(tenantId, key)).length;
  const cases: [() => void, () => void, string[]][] = [
    [() => (number.qualityRating = "RED"), () => (number.qualityRating = "GREEN"), ["quality problem quality_low"]],
    [
      () => (number.status = "FLAGGED"),
      () => (number.status = "CONNECTED"),
      ["registration warning number_flagged", "sending problem sending_blocked"],
    ],
    [() => (number.canSend = "LIMITED"), () => (number.canSend = null), ["sending warning sending_limited"]],
    [() => (number.nameStatus = "DECLINED"), () => (number.nameStatus = "APPROVED"), ["name problem name_declined"]],
    [() => (account.isSubscribed = false), () => (account.isSubscribed = true), ["subscription problem app_not_subscribed"]],
    [() => (number.overrideUrl = "https://old.example/hook"), () => (number.overrideUrl = null), ["webhook problem webhook_elsewhere"]],
    [() => (account.overrideUrl = "https://old.example/hook"), () => (account.overrideUrl = null), ["webhook problem webhook_elsewhere"]],
    [() => sandbox.revokeToken(accessToken), () => undefined, ["token problem token_invalid"]],
  ];
  let told = before;
  for (const [spoil, mend, expected] of cases) {
    spoil();
    assert.deepEqual(badChecks(await probe()), expected);
    await probe();
    const events = await eventsOf(tenantId, key);
    assert.equal(events.length, (told += 1), `${expected.join()} is told once`);
    const listed = await rig.as(key)("GET", "connections");
    const [worst] = expected.map((line) => line.split(" ")).toSorted((a, b) => (a[1] === "problem" ? 0 : 1) - (b[1] === "problem" ? 0 : 1));
    const { health } = listed.json.data[0];
    assert.equal(verdictOf(health), worst?.slice(1).join(" "));
    assert.ok(health.sentence.he && health.action.ar, "said in the inbox's languages");
    assert.deepEqual(events.at(-1).health, { state: health.state, code: health.code });
    mend();
    if (expected[0]?.startsWith("token") === true) continue;
    assert.deepEqual(badChecks(await probe()), []);
    told += 1;
  }
  const status = await rig.as(key)("GET", `connections/${id}/status`);
  const token = status.json.checks.find(({ check }: { check: string }) => check === "token");
  assert.deepEqual(
    [token.since, token.checkedAt],
    [new Date(clock.nowMs - limits.connectionProbeMsMin).toISOString(), new Date(clock.nowMs).toISOString()],
  );
  assert.match(token.sentence.ar, /رمز/);
});

test("A Graph that is away takes nothing back that was known, and a look within seconds of another asks nobody", async () => {
  const { id: tenantId, key } = await rig.tenant();
  const { id, phoneNumberId } = await rig.connected(tenantId);
  sandbox.number(phoneNumberId).qualityRating = "YELLOW";
  const first = await rig.as(key)("POST", `connections/${id}/probe`);
  assert.deepEqual(badChecks(first), ["quality warning quality_medium"]);
  asked.length = 0;
  await rig.as(key)("POST", `connections/${id}/probe`);
  assert.deepEqual(asked, []);
  network.isUp = false;
  clock.nowMs += limits.connectionProbeMsMin;
  const away = await rig.as(key)("POST", `connections/${id}/probe`);
  network.isUp = true;
  assert.deepEqual(badChecks(away), ["quality warning quality_medium", "graph warning graph_unreachable"]);
});

test("A token that expires is warned of, one that expires within a week is a problem, and what a check says of a tier is told when it changes", async () => {
  const { id: tenantId, key } = await rig.tenant();
  const number = sandbox.addNumber({ tokenExpiresAtMs: clock.nowMs + 30 * 24 * hourMs });
  const made = await rig.as(key)("POST", "connections", idsOf(number));
  const probe = () => rig.as(key)("POST", `connections/${made.json.id}/probe`);
  assert.deepEqual(badChecks(await probe()), ["token_expiry warning token_expires"]);
  sandbox.number(number.phoneNumberId).messagingLimit = "TIER_10K";
  clock.nowMs += 24 * 24 * hourMs;
  assert.deepEqual(badChecks(await probe()), ["token_expiry problem token_expires_soon"]);
  const { changes } = (await eventsOf(tenantId, key)).at(-1);
  assert.deepEqual(changes.map(({ check }: { check: string }) => check).toSorted(), ["messaging_limit", "token_expiry"]);
  clock.nowMs += 7 * 24 * hourMs;
  assert.deepEqual(badChecks(await probe()), ["token problem token_invalid"]);
});

test("A new token replaces the old one only when it opens this number, and lets a number send again that was paused for the old one", async () => {
  const { id: tenantId, key } = await rig.tenant();
  const { id, wabaId, accessToken } = await rig.connected(tenantId);
  const stored = async (): Promise<string> => {
    const [row] = await rows<{ access_token: Buffer }>("select access_token from whatsapp_connections where id = $1", [id]);
    return rig.open({ table: "whatsapp_connections", column: "access_token", tenantId, rowId: id }, row?.access_token ?? Buffer.alloc(0));
  };
  const replace = (token: string) => rig.as(key)("POST", `connections/${id}/token`, { accessToken: token });
  const stranger = sandbox.addNumber();
  const refused = await replace(stranger.accessToken);
  assert.deepEqual([refused.status, refused.json.reason, await stored()], [422, "token_other_account", accessToken]);
  network.isUp = false;
  const away = await replace(stranger.accessToken);
  network.isUp = true;
  assert.deepEqual([away.status, await stored()], [503, accessToken]);

  await rows(
    "insert into whatsapp_send_lanes (tenant_id, connection_id, paused_until, pause_reason, pause_code) values ($1, $2, 'infinity', 'token', 190)",
    [tenantId, id],
  );
  const fresh = sandbox.issueToken({ wabaIds: [wabaId] });
  const replaced = await replace(fresh);
  assert.deepEqual([replaced.status, stepsOf(replaced), await stored()], [200, wellSteps, fresh]);
  assert.deepEqual(await rows("select paused_until from whatsapp_send_lanes where connection_id = $1", [id]), [{ paused_until: null }]);
  assert.deepEqual(await deedsOf(tenantId), ["connection.connected", "connection.token_replaced"]);
  assert.ok(!replaced.text.includes(fresh));
});

test("A disconnected number sends nothing and has no token; only with the last number of its account the subscription goes; and it can be connected again", async () => {
  const { id: tenantId, key } = await rig.tenant();
  const first = await rig.connected(tenantId);
  const second = await rig.connected(tenantId, { wabaId: first.wabaId, accessToken: first.accessToken });
  assert.equal((await sendTo(key, first.id)).status, 201, "waits for the customer");
  await rig.as(key)("POST", `connections/${first.id}/probe`);

  const one = await rig.as(key)("POST", `connections/${first.id}/disconnect`);
  assert.deepEqual(one.json, {
    id: first.id,
    state: "disconnected",
    unsubscribed: null,
    detail: null,
    waiting: { queued: 0, scheduled: 0, waiting: 1 },
  });
  assert.equal(sandbox.account(first.wabaId).isSubscribed, true);
  const [row] = await rows<{ access_token: Buffer | null }>("select access_token from whatsapp_connections where id = $1", [first.id]);
  assert.equal(row?.access_token, null);
  const refused = await sendTo(key, first.id);
  assert.deepEqual([refused.status, refused.json.code], [409, "not_connected"]);
  const status = await rig.as(key)("GET", `connections/${first.id}/status`);
  assert.deepEqual(
    [status.json.state, status.json.health.state, status.json.checks, status.json.steps],
    ["disconnected", "unknown", [], []],
  );
  assert.equal((await rig.as(key)("POST", `connections/${first.id}/probe`)).status, 409);

  const two = await rig.as(key)("POST", `connections/${second.id}/disconnect`);
  assert.deepEqual([two.json.unsubscribed, sandbox.account(first.wabaId).isSubscribed], [true, false]);
  const again = await rig.as(key)("POST", `connections/${second.id}/disconnect`);
  assert.deepEqual([again.status, again.json.unsubscribed], [200, null]);
  const back = await rig.as(key)("POST", `connections/${first.id}/token`, { accessToken: first.accessToken });
  assert.deepEqual([back.status, back.json.state, stepsOf(back)], [200, "connected", wellSteps]);
  assert.deepEqual([sandbox.account(first.wabaId).isSubscribed, (await sendTo(key, first.id)).status], [true, 201]);
  const told = (await eventsOf(tenantId, key))
    .map(({ state }: { state?: string }) => state)
    .filter((state: string | undefined) => state !== undefined);
  assert.deepEqual(told, ["connected", "connected", "disconnected", "disconnected", "connected"]);
  const deeds = await deedsOf(tenantId);
  assert.deepEqual(deeds, [
    ...Array.from({ length: 3 }, () => "connection.connected"),
    "connection.disconnected",
    "connection.disconnected",
  ]);
});

test("Where Meta cannot be told of the end, the number is disconnected all the same, and the answer says so", async () => {
  const { id: tenantId, key } = await rig.tenant();
  const { id } = await rig.connected(tenantId);
  sandbox.fail({ when: { method: "DELETE", path: "subscribed_apps" }, fault: { kind: "error", code: 10, details: "Not allowed" } });
  const { json } = await rig.as(key)("POST", `connections/${id}/disconnect`);
  assert.deepEqual([json.state, json.unsubscribed, json.detail], ["disconnected", false, "Not allowed"]);
});

test("Who may only read sees connections and changes none; another tenant's connection is none", async () => {
  const [{ id: tenantId, key }, other] = [await rig.tenant(), await rig.tenant()];
  const { id } = await rig.connected(tenantId);
  const reader = await rig.as(key)("POST", "api-keys", { name: "reader", scopes: ["read", "send"] });
  const changes: [string, object | undefined][] = [
    [`connections/${id}/probe`, undefined],
    [`connections/${id}/setup`, {}],
    [`connections/${id}/token`, { accessToken: "x" }],
    [`connections/${id}/disconnect`, undefined],
  ];
  for (const [path, body] of changes) {
    assert.equal((await rig.as(reader.json.apiKey)("POST", path, body)).status, 403, path);
    assert.equal((await rig.as(other.key)("POST", path, body)).status, 404, path);
  }
  for (const path of [`connections/${id}`, `connections/${id}/status`]) {
    assert.equal((await rig.as(reader.json.apiKey)("GET", path)).status, 200, path);
    assert.equal((await rig.as(other.key)("GET", path)).status, 404, path);
  }
});
