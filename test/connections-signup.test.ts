/** Embedded Signup: from Meta's dialogue to a connected number. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { limits } from "../src/limits.ts";
import { adminKey, type Answer } from "./support/api.ts";
import { startConnectionRig } from "./support/connections.ts";

const rig = await startConnectionRig({ after });
const { sandbox, clock, asked, network } = rig;
const hourMs = 3_600_000;

const begin = async (key: string): Promise<string> => (await rig.as(key)("GET", "connections/embedded-signup")).json.state;
const complete = (key: string, body: object): Promise<Answer> => rig.as(key)("POST", "connections/embedded-signup", body);
const stepsOf = ({ json }: Answer): string[] =>
  json.steps.map(
    ({ step, state, code }: { step: string; state: string; code: string | null }) => `${step} ${state}${code === null ? "" : ` ${code}`}`,
  );

test("The browser gets the app, the configuration, the version and a state that tells nothing", async () => {
  const { id, key } = await rig.tenant();
  const { json, text } = await rig.as(key)("GET", "connections/embedded-signup");
  assert.deepEqual([json.appId, json.configId, json.graphVersion], [sandbox.appId, "a-configuration", "v26.0"]);
  assert.ok(!Buffer.from(json.state, "base64url").toString().includes(id) && !text.includes("sandbox-secret"));
  const reader = await rig.as(key)("POST", "api-keys", { name: "reader", scopes: ["read"] });
  assert.equal((await rig.as(reader.json.apiKey)("GET", "connections/embedded-signup")).status, 403);
});

test("The code becomes a token within its 30 seconds, the ids are proven by it, and the number is subscribed and registered", async () => {
  const { id: tenantId, key } = await rig.tenant();
  const { wabaId, phoneNumberId, displayPhoneNumber } = sandbox.addNumber({ status: "PENDING" });
  sandbox.account(wabaId).isSubscribed = false;
  const state = await begin(key);
  const code = sandbox.issueCode([wabaId]);
  clock.nowMs += 29_000;
  const made = await complete(key, { state, code, wabaId, phoneNumberId, portfolioId: "777" });
  assert.equal(made.status, 201, made.text);
  assert.deepEqual(stepsOf(made), ["token done", "subscribe done", "register done", "contacts skipped", "history skipped"]);
  assert.deepEqual([sandbox.account(wabaId).isSubscribed, sandbox.number(phoneNumberId).status], [true, "CONNECTED"]);
  const shown = await rig.as(key)("GET", `connections/${made.json.id}`);
  assert.deepEqual([shown.json.displayPhoneNumber, shown.json.isCoexistence], [`+${displayPhoneNumber}`, false]);
  const accounts = await rig.as(key)("GET", "accounts");
  assert.deepEqual([accounts.json.data[0].wabaId, accounts.json.data[0].portfolioId], [wabaId, "777"]);

  const used = await complete(key, { state, code, wabaId, phoneNumberId });
  assert.deepEqual([used.status, used.json.code], [422, "meta_refused"], "a code works once");
  const late = sandbox.issueCode([wabaId]);
  clock.nowMs += 30_000;
  assert.equal((await complete(key, { state, code: late, wabaId, phoneNumberId })).status, 422);
  const audited = await rig.api.platform.pool.query(
    "select action, data from audit_events where tenant_id = $1 and action ~ '^connection'",
    [tenantId],
  );
  assert.deepEqual(audited.rows, [{ action: "connection.connected", data: { wabaId, phoneNumberId, isOnboarded: false } }]);
});

test("Ids that a browser makes up connect nothing: the token of the code must open them", async () => {
  const { id: tenantId, key } = await rig.tenant();
  const [own, victim] = [sandbox.addNumber(), sandbox.addNumber()];
  const state = await begin(key);
  const attempts = [
    { wabaId: victim.wabaId, phoneNumberId: victim.phoneNumberId },
    { wabaId: own.wabaId, phoneNumberId: victim.phoneNumberId },
    { wabaId: victim.wabaId },
  ];
  for (const ids of attempts) {
    const { status, json } = await complete(key, { state, code: sandbox.issueCode([own.wabaId]), ...ids });
    assert.deepEqual([status, json.reason], [422, "token_other_account"]);
  }
  const { rows } = await rig.api.platform.pool.query("select id from whatsapp_accounts where tenant_id = $1", [tenantId]);
  assert.deepEqual(rows, []);
});

test("A dialogue is ended by who began it, for the tenant it was begun for, and not for ever", async () => {
  const [one, other] = [await rig.tenant(), await rig.tenant()];
  const { wabaId, phoneNumberId } = sandbox.addNumber();
  const body = () => ({ code: sandbox.issueCode([wabaId]), wabaId, phoneNumberId });
  const state = await begin(one.key);
  const colleague = await rig.as(one.key)("POST", "api-keys", { name: "colleague", scopes: ["read", "send", "manage"] });
  const refusals = [
    await complete(other.key, { ...body(), state }),
    await complete(colleague.json.apiKey, { ...body(), state }),
    await complete(adminKey, { ...body(), state, tenantId: one.id }),
    await complete(one.key, { ...body(), state: `${state.slice(0, -2)}AA` }),
    await complete(one.key, { ...body(), state: "made-up" }),
  ];
  clock.nowMs += limits.signupMsMax;
  refusals.push(await complete(one.key, { ...body(), state }));
  assert.deepEqual(
    refusals.map(({ status, json }) => [status, json.code]),
    refusals.map(() => [400, "invalid_request"]),
  );
  clock.nowMs -= 1;
  assert.equal((await complete(one.key, { ...body(), state })).status, 201);
});

test("A dialogue that ends with an account only connects its one number; with none or several it says what to do", async () => {
  const { key } = await rig.tenant();
  const state = await begin(key);
  const first = sandbox.addNumber();
  const single = await complete(key, { state, code: sandbox.issueCode([first.wabaId]), wabaId: first.wabaId });
  assert.equal(single.status, 201, single.text);
  sandbox.addNumber({ wabaId: first.wabaId });
  const several = await complete(key, { state, code: sandbox.issueCode([first.wabaId]), wabaId: first.wabaId });
  assert.deepEqual([several.status, several.json.code], [422, "meta_refused"]);
});

test("An account with more numbers than one page is looked through to the end, and no further than the limit", async () => {
  const { key } = await rig.tenant();
  const first = sandbox.addNumber();
  const { wabaId, accessToken } = first;
  let last = first;
  for (let count = 0; count < limits.numbersPerPageMax; count += 1) last = sandbox.addNumber({ wabaId, accessToken });
  asked.length = 0;
  const made = await rig.as(key)("POST", "connections", { wabaId, phoneNumberId: last.phoneNumberId, accessToken });
  assert.equal(made.status, 201, made.text);
  assert.ok(asked.filter((one) => one === `GET ${wabaId}/phone_numbers`).length >= 2);
  const { phoneNumberId } = first;
  sandbox.fail({
    when: { method: "GET", path: `/${wabaId}/phone_numbers` },
    times: null,
    fault: {
      kind: "answer",
      status: 200,
      body: JSON.stringify({ data: [], paging: { cursors: { after: "a" }, next: "https://elsewhere.example" } }),
    },
  });
  asked.length = 0;
  const endless = await rig.as(key)("POST", "connections", { wabaId, phoneNumberId, accessToken });
  sandbox.clearFaults();
  assert.equal(endless.status, 503);
  // Twice, since what Meta did not answer is asked again.
  assert.equal(asked.filter((one) => one.endsWith("phone_numbers")).length, 2 * limits.numberPagesMax);
});

test("In coexistence the number is not registered, and contacts and history are asked for once, within 24 hours", async () => {
  const { id: tenantId, key } = await rig.tenant();
  const onboard = async (change: () => void = () => undefined) => {
    const number = sandbox.addNumber({ isOnBizApp: true, status: "CONNECTED" });
    change();
    const { wabaId, phoneNumberId } = number;
    const made = await complete(key, {
      state: await begin(key),
      code: sandbox.issueCode([wabaId]),
      wabaId,
      phoneNumberId,
      isCoexistence: true,
    });
    assert.equal(made.status, 201, made.text);
    return { made, number };
  };
  asked.length = 0;
  const { made, number } = await onboard();
  assert.deepEqual(stepsOf(made), ["token done", "subscribe done", "register skipped", "contacts done", "history done"]);
  assert.deepEqual(sandbox.number(number.phoneNumberId).handedOver, ["smb_app_state_sync", "history"]);
  assert.ok(!asked.some((one) => one.endsWith("/register")));
  assert.equal((await rig.as(key)("GET", `connections/${made.json.id}`)).json.isCoexistence, true);
  const again = await rig.as(key)("POST", `connections/${made.json.id}/setup`, { steps: ["contacts", "history"] });
  assert.deepEqual([stepsOf(again), asked.filter((one) => one.endsWith("smb_app_data")).length], [stepsOf(made), 2]);

  // Meta did not answer the second of the two: it is asked again, and after a day no more.
  sandbox.fail({
    when: { method: "POST", path: "smb_app_data", test: ({ body }) => body?.["sync_type"] === "history" },
    times: 1,
    fault: { kind: "status", status: 500 },
  });
  const half = await onboard();
  assert.deepEqual(stepsOf(half.made).slice(3), ["contacts done", "history pending not_reached"]);
  clock.nowMs += 24 * hourMs + 1;
  const late = await rig.as(key)("POST", `connections/${half.made.json.id}/setup`, {});
  assert.deepEqual(stepsOf(late).slice(3), ["contacts done", "history failed sync_too_late"]);
  assert.deepEqual(late.json.health, { state: "warning", code: "sync_too_late" });
  const { rows } = await rig.api.platform.pool.query(
    "select count(*)::int as count from whatsapp_connections where tenant_id = $1 and pin is not null",
    [tenantId],
  );
  assert.deepEqual(rows, [{ count: 0 }]);
});

test("Meta's being away is told as such, and nothing is written", async () => {
  const { id: tenantId, key } = await rig.tenant();
  const { wabaId, phoneNumberId } = sandbox.addNumber();
  const state = await begin(key);
  network.isUp = false;
  const away = await complete(key, { state, code: sandbox.issueCode([wabaId]), wabaId, phoneNumberId });
  network.isUp = true;
  assert.deepEqual([away.status, away.json.code], [503, "unavailable"]);
  // Once, for a moment: the token is in hand, and is asked about again.
  sandbox.fail({ when: { method: "GET", path: "debug_token" }, times: 1, fault: { kind: "status", status: 500 } });
  assert.equal((await complete(key, { state, code: sandbox.issueCode([wabaId]), wabaId, phoneNumberId })).status, 201);
  const { rows } = await rig.api.platform.pool.query("select count(*)::int as count from whatsapp_connections where tenant_id = $1", [
    tenantId,
  ]);
  assert.deepEqual(rows, [{ count: 1 }]);
});

const redirectUri = "https://inbox.example/connect/whatsapp";

test("Where the dialogue tells no ids, the code's own token finds the number; the code is taken only from the address it was sent to", async () => {
  const { key } = await rig.tenant();
  const state = await begin(key);
  const { wabaId, phoneNumberId } = sandbox.addNumber({ status: "PENDING" });
  const elsewhere = await complete(key, { state, code: sandbox.issueCode([wabaId], redirectUri), redirectUri: `${redirectUri}/x` });
  assert.deepEqual([elsewhere.status, elsewhere.json.code], [422, "meta_refused"]);
  const made = await complete(key, { state, code: sandbox.issueCode([wabaId], redirectUri), redirectUri });
  assert.equal(made.status, 201, made.text);
  assert.ok(stepsOf(made).includes("register done"));
  assert.equal((await rig.as(key)("GET", `connections/${made.json.id}`)).json.phoneNumberId, phoneNumberId);

  const inApp = sandbox.addNumber();
  sandbox.number(inApp.phoneNumberId).isOnBizApp = true;
  const stays = await complete(key, { state, code: sandbox.issueCode([inApp.wabaId], redirectUri), redirectUri });
  assert.deepEqual(stepsOf(stays).slice(2), ["register skipped", "contacts done", "history done"]);
});

test("Of several numbers one is chosen, by who began the dialogue and without another code; the token is not shown", async () => {
  const [one, other] = [await rig.tenant(), await rig.tenant()];
  const state = await begin(one.key);
  const first = sandbox.addNumber();
  const second = sandbox.addNumber({ wabaId: first.wabaId });
  const third = sandbox.addNumber();
  const several = await complete(one.key, { state, code: sandbox.issueCode([first.wabaId, third.wabaId], redirectUri), redirectUri });
  assert.deepEqual([several.status, several.json.code], [422, "meta_refused"]);
  const { exchanged, numbers } = several.json.choice as { exchanged: string; numbers: { wabaId: string; phoneNumberId: string }[] };
  assert.deepEqual(
    new Set(numbers.map(({ phoneNumberId }) => phoneNumberId)),
    new Set([first, second, third].map(({ phoneNumberId }) => phoneNumberId)),
  );
  assert.ok(!Buffer.from(exchanged, "base64url").toString("latin1").includes("sandbox-"));
  const chosen = { exchanged, wabaId: second.wabaId, phoneNumberId: second.phoneNumberId };
  const stolen = await complete(other.key, { state: await begin(other.key), ...chosen });
  assert.deepEqual([stolen.status, stolen.json.code], [400, "invalid_request"]);
  const made = await complete(one.key, { state, ...chosen });
  assert.equal(made.status, 201, made.text);
  clock.nowMs += limits.signupMsMax;
  assert.equal((await complete(one.key, { state: await begin(one.key), ...chosen })).status, 400);
  const long = (chars: number) => complete(one.key, { state, exchanged: "A".repeat(chars) });
  assert.match((await long(limits.signupChoiceCharsMax + 1)).json.detail, /exchanged/);
  assert.match((await long(limits.signupChoiceCharsMax)).json.detail, /state/);
  assert.equal((await complete(one.key, { state: await begin(one.key) })).status, 400);
});

test("Of a code that opens more accounts than signupAccountsMax no more are asked for their numbers", async () => {
  const { key } = await rig.tenant();
  const state = await begin(key);
  const numbers = Array.from({ length: limits.signupAccountsMax + 1 }, () => sandbox.addNumber());
  const code = sandbox.issueCode(
    numbers.map(({ wabaId }) => wabaId),
    redirectUri,
  );
  const { json } = await complete(key, { state, code, redirectUri });
  assert.equal(json.choice.numbers.length, limits.signupAccountsMax);
});
