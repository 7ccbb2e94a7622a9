import assert from "node:assert/strict";
import { after, test } from "node:test";
import { limits } from "../src/limits.ts";
import { createConnector } from "../src/webhooks/forward-connector.ts";
import { createDestinations } from "../src/webhooks/forward-secrets.ts";
import { seedWorld, startApi } from "./support/api.ts";
import { loopbackRules, startReceiver } from "./support/endpoint.ts";

type Forwarding = {
  connector: ReturnType<typeof createConnector>;
  destinations: ReturnType<typeof createDestinations>;
  rules: typeof loopbackRules;
};

const forwarding = { rules: loopbackRules } as Forwarding;
const api = await startApi({ after }, { forwarding });
const nowMs = (): number => Date.now();
forwarding.connector = createConnector({ rules: loopbackRules, nowMs });
forwarding.destinations = createDestinations({
  app: api.app,
  open: (_context, sealed) => JSON.parse(Buffer.from(sealed).toString()).plain,
  nowMs,
});
after(() => forwarding.connector.close());
const strict = await startApi({ after });

const body = { name: "Bot", url: "https://example.com/hook", form: "meta" };

test("an endpoint is made, read, changed, paused, resumed and deleted; its secret is shown once; each act is in the activity", async () => {
  const { key } = await api.tenant();
  const made = await api.call("POST", "/api/v1/endpoints", { key, body: { ...body, topics: ["messages"] } });
  assert.equal(made.status, 201);
  assert.match(made.json.secret, /^[0-9a-f]{32}$/);
  const path = `/api/v1/endpoints/${made.json.id}`;
  const read = await api.call("GET", path, { key });
  assert.equal(read.json.secret, undefined);
  assert.deepEqual([read.json.url, read.json.topics, read.json.state], [body.url, ["messages"], "active"]);
  const paused = await api.call("PATCH", path, { key, body: { name: "New", topics: null, state: "paused" } });
  assert.deepEqual([paused.json.name, paused.json.topics, paused.json.state, paused.json.pausedReason], ["New", null, "paused", "asked"]);
  const resumed = await api.call("POST", `${path}/resume`, { key });
  assert.deepEqual([resumed.json.state, resumed.json.pausedReason], ["active", null]);
  const rotated = await api.call("POST", `${path}/rotate-secret`, { key });
  assert.notEqual(rotated.json.secret, made.json.secret);
  assert.deepEqual((await api.call("GET", "/api/v1/endpoints", { key })).json.data.length, 1);
  assert.equal((await api.call("DELETE", path, { key })).status, 204);
  assert.equal((await api.call("GET", path, { key })).status, 404);
  const activity = await api.call("GET", "/api/v1/activity", { key });
  assert.deepEqual(
    activity.json.data.map(({ type, data }: { type: string; data: { change: string } }) => `${type} ${data.change}`),
    ["created", "paused", "resumed", "secret_rotated", "deleted"].map((change) => `endpoint.changed ${change}`),
  );
});

test("an endpoint of the form events has a Standard Webhooks secret", async () => {
  const { key } = await api.tenant();
  const made = await api.call("POST", "/api/v1/endpoints", { key, body: { ...body, form: "events" } });
  assert.match(made.json.secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  const rotated = await api.call("POST", `/api/v1/endpoints/${made.json.id}/rotate-secret`, { key });
  const keptMs = Date.parse(rotated.json.previousSecretUntil) - Date.now();
  assert.ok(keptMs > limits.endpointOldSecretMs - 60_000 && keptMs <= limits.endpointOldSecretMs);
});

test("a test sends a signed ping and tells the status and the time, or why there was none", async (t) => {
  const { key } = await api.tenant();
  const receiver = await startReceiver(t, () => (response) => response.writeHead(401).end("who are you?"));
  const made = await api.call("POST", "/api/v1/endpoints", { key, body: { ...body, url: receiver.url, form: "events" } });
  const ping = async () => (await api.call("POST", `/api/v1/endpoints/${made.json.id}/test`, { key })).json;
  assert.partialDeepStrictEqual(await ping(), { ok: false, status: 401, error: "who are you?" });
  receiver.answer = () => 204;
  const answer = await ping();
  assert.partialDeepStrictEqual(answer, { ok: true, status: 204, error: null });
  assert.ok(Number.isInteger(answer.ms));
  assert.deepEqual(receiver.received.at(-1)?.json, {
    type: "endpoint.ping",
    timestamp: receiver.received.at(-1)?.json.timestamp,
    data: { endpointId: made.json.id },
  });
  assert.match(String(receiver.received.at(-1)?.headers["webhook-signature"]), /^v1,/);
});

test("outside of the sandbox an endpoint is https on a public address; what is wrong is named", async () => {
  const { key } = await strict.tenant();
  const refuse = async (change: object, detail: RegExp) => {
    const answer = await strict.call("POST", "/api/v1/endpoints", { key, body: { ...body, ...change } });
    assert.equal(answer.status, 400, JSON.stringify(change));
    assert.match(answer.json.detail, detail);
  };
  await refuse({ url: "http://example.com/" }, /^url must begin with https/);
  await refuse({ url: "http://127.0.0.1:3000/" }, /^url must begin with https/);
  await refuse({ url: "https://169.254.169.254/" }, /^url must lead to a public address/);
  await refuse({ url: "https://example.com:22/" }, /^url must have the port/);
  await refuse({ url: `https://example.com/${"x".repeat(limits.endpointUrlCharsMax)}` }, /url/);
  await refuse({ topics: Array.from({ length: limits.endpointTopicsMax + 1 }, (_, index) => `t${index}`) }, /topics/);
  const ids = Array.from({ length: limits.endpointConnectionsMax + 1 }, () => "01234567-0123-7123-8123-012345678901");
  await refuse({ connectionIds: ids }, /connectionIds/);
  await refuse({ connectionIds: ids.slice(0, 1) }, /connectionIds names a connection that is not there/);
  await refuse({ form: "xml" }, /form/);
  const { json } = await strict.call("POST", "/api/v1/endpoints", { key, body });
  const moved = await strict.call("PATCH", `/api/v1/endpoints/${json.id}`, { key, body: { url: "https://10.0.0.1/" } });
  assert.equal(moved.status, 400);
});

test("another tenant's connection is none; reading needs `read`, all else `manage`; a tenant has so many endpoints and no more", async () => {
  const [mine, theirs] = [await api.tenant(), await api.tenant()];
  const { connectionId } = await seedWorld(api, theirs.id);
  const foreign = await api.call("POST", "/api/v1/endpoints", { key: mine.key, body: { ...body, connectionIds: [connectionId] } });
  assert.equal(foreign.status, 400);
  const reader = (await api.call("POST", "/api/v1/api-keys", { key: mine.key, body: { name: "r", scopes: ["read"] } })).json.apiKey;
  assert.equal((await api.call("POST", "/api/v1/endpoints", { key: reader, body })).status, 403);
  for (let count = 0; count < limits.endpointsPerTenantMax; count += 1) {
    assert.equal((await api.call("POST", "/api/v1/endpoints", { key: mine.key, body })).status, 201);
  }
  const excess = await api.call("POST", "/api/v1/endpoints", { key: mine.key, body });
  assert.deepEqual([excess.status, excess.json.code], [409, "too_many"]);
  const { id } = (await api.call("GET", "/api/v1/endpoints", { key: reader })).json.data[0];
  assert.equal((await api.call("GET", `/api/v1/endpoints/${id}/deliveries?state=dead`, { key: reader })).status, 200);
  for (const [method, path, sent] of [
    ["PATCH", "", { name: "x" }],
    ["DELETE", "", undefined],
    ["POST", "/rotate-secret", undefined],
    ["POST", "/test", undefined],
    ["POST", "/resume", undefined],
    ["POST", "/replay", { from: "2020-01-01T00:00:00Z", to: "2030-01-01T00:00:00Z" }],
    ["POST", `/deliveries/${id}/replay`, undefined],
  ] as const) {
    const answer = await api.call(method, `/api/v1/endpoints/${id}${path}`, { key: reader, ...(sent === undefined ? {} : { body: sent }) });
    assert.equal(answer.status, 403, `${method} ${path}`);
  }
  const unknown = await api.call("POST", `/api/v1/endpoints/${id}/deliveries/${id}/replay`, { key: mine.key });
  assert.equal(unknown.status, 404);
});
