/** When numbers are looked at by themselves, what is seen in our own books, and what a disconnected number still takes in. */
import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { systemActor } from "../src/core/actor.ts";
import { limits } from "../src/limits.ts";
import { connectionJobs } from "../src/queue/workers/connections.worker.ts";
import { createMetaApps, listApps, putApp, rotateAppSecret } from "../src/services/tenants/apps.ts";
import { disconnectNumber } from "../src/services/whatsapp/connections/disconnect.ts";
import { probeConnection } from "../src/services/whatsapp/connections/probe.ts";
import { readStatus } from "../src/services/whatsapp/connections/status.ts";
import { countNumbers, runProbe, sweepConnections } from "../src/services/whatsapp/connections/sweep.ts";
import type { ConnectionTools } from "../src/services/whatsapp/connections/tools.ts";
import { createAppSecrets } from "../src/webhooks/app-secrets.ts";
import { bodyOf, bodyOfChanges, message } from "./support/bodies.ts";
import { accepts, outboxOf, refusal, rowOf, scriptedGraph } from "./support/outbox.ts";
import { handSender } from "./support/sender.ts";
import { randomDigits, startRig, testToken, type Connected } from "./support/worker.ts";

const rig = await startRig({ after });
const hourMs = 3_600_000;
const asked: string[] = [];
const seal = (_context: unknown, plain: string): Buffer => Buffer.from(plain);
const open = (_context: unknown, sealed: Uint8Array): string => Buffer.from(sealed).toString();
const tools: ConnectionTools = {
  app: rig.app,
  platform: rig.platform,
  // A Graph that is away: these tests are about our own books.
  graph: {
    url: "http://127.0.0.1:9",
    version: "v26.0",
    fetch: (input) => (asked.push(String(input)), Promise.reject(new TypeError("fetch failed"))),
  },
  tokens: { read: async () => ({ token: testToken, proof: null }), forget: () => undefined },
  apps: createMetaApps({ platform: null, db: rig.platform, open }),
  seal,
  open,
  publicUrl: () => null,
  configId: null,
  nowMs: () => rig.clock.nowMs,
  onActivity: () => undefined,
};

type Job = { connectionId: string; why: string; delay: number };
const jobs = (): Promise<Job[]> =>
  rig.sql<Job>(
    `select data ->> 'connectionId' as "connectionId", data ->> 'why' as why, round(extract(epoch from start_after - created_on))::int as delay
     from pgboss.job where name = 'connection-probe' order by 3, 1`,
  );
beforeEach(async () => {
  await rig.sql("delete from pgboss.job");
  await rig.sql("delete from whatsapp_sends");
  await rig.sql("update whatsapp_connections set probe_due_at = 'infinity'");
  asked.length = 0;
});

const news = (number: Connected, field: string, value: object) =>
  rig.receive(bodyOfChanges([{ wabaId: number.wabaId, changes: [{ field, value }] }]));

test("What Meta tells of a number or its account makes it be looked at soon, once for many words, and what it says of other things does not", async () => {
  const tenantId = await rig.tenant();
  const one = await rig.connect(tenantId);
  const two = await rig.connect(tenantId, { wabaId: one.wabaId });
  const elsewhere = await rig.connect(tenantId);
  await rig.sql("delete from pgboss.job");
  const quality = { display_phone_number: one.displayPhoneNumber, event: "FLAGGED", current_limit: "TIER_250" };
  await news(one, "phone_number_quality_update", quality);
  await news(one, "phone_number_quality_update", { ...quality, event: "UNFLAGGED" });
  await news(elsewhere, "flows", { event: "FLOW_STATUS_CHANGE" });
  await rig.receive(bodyOf(message(elsewhere, { phone: "972501234567" }, `wamid.${randomDigits()}`, rig.clock.nowMs)));
  await rig.drain();
  const delay = limits.connectionProbeDelayMs / 1_000;
  assert.deepEqual(await jobs(), [{ connectionId: one.id, why: "news", delay }]);
  // Of the account: both of its numbers; the same words again are no news.
  await news(one, "account_update", { event: "ACCOUNT_RESTRICTION" });
  await rig.drain();
  assert.deepEqual((await jobs()).map(({ connectionId }) => connectionId).toSorted(), [one.id, two.id].toSorted());
  await rig.sql("delete from pgboss.job");
  await news(one, "account_update", { event: "ACCOUNT_RESTRICTION" });
  await rig.drain();
  assert.deepEqual(await jobs(), []);
});

test("A refused token or an account's trouble makes the number be looked at, once in five minutes for however many errors", async () => {
  const box = outboxOf(rig, await rig.connect(await rig.tenant()));
  await box.pace(100_000);
  const graph = scriptedGraph();
  const sender = handSender(rig, graph);
  const sendNew = async (code: number): Promise<void> => {
    graph.judge = () => refusal(code);
    await rig.sql("delete from whatsapp_sends");
    await rig.sql("update whatsapp_send_lanes set paused_until = null, pause_reason = null, pause_code = null");
    await box.send(await box.customer());
    await rig.sql("delete from pgboss.job");
    await sender.turn();
  };
  for (const code of [131_047, 131_026, 130_429]) {
    await sendNew(code);
    assert.deepEqual(await jobs(), [], `${code} is the message's own`);
  }
  await sendNew(131_042);
  assert.deepEqual(
    (await jobs()).map(({ connectionId, why }) => [connectionId, why]),
    [[box.number.id, "trouble"]],
  );
  await sendNew(190);
  assert.deepEqual(
    (await jobs()).map(({ why }) => why),
    ["trouble"],
  );

  const trouble = { connectionId: box.number.id, why: "trouble" } as const;
  await runProbe(tools, box.number.scope, trouble);
  const first = asked.length;
  assert.ok(first > 0);
  rig.clock.nowMs += limits.connectionTroubleMsMin - 1;
  await runProbe(tools, box.number.scope, trouble);
  assert.equal(asked.length, first);
  rig.clock.nowMs += 1;
  await runProbe(tools, box.number.scope, trouble);
  assert.ok(asked.length > first);
});

test("Numbers are looked at every half hour, a thousand in a sweep, spread over minutes; not those that are closed or not connected", async () => {
  const tenantId = await rig.tenant();
  const { id, wabaId } = await rig.connect(tenantId);
  const gone = await rig.connect(tenantId);
  const closed = await rig.connect(await rig.tenant());
  await rig.sql("update whatsapp_connections set probe_due_at = null where id = any ($1)", [[id, gone.id, closed.id]]);
  await rig.sql("update whatsapp_connections set state = 'disconnected' where id = $1", [gone.id]);
  await rig.sql("update tenants set closed_at = now() where id = $1", [closed.tenantId]);
  await rig.sql("delete from pgboss.job");
  const sweep = () => sweepConnections(rig.ingest, rig.clock.nowMs);
  assert.deepEqual([await sweep(), await sweep()], [1, 0]);
  assert.deepEqual(await jobs(), [{ connectionId: id, why: "due", delay: 0 }]);
  rig.clock.nowMs += limits.connectionProbeEveryMs - 1;
  assert.equal(await sweep(), 0);
  rig.clock.nowMs += 1;
  assert.equal(await sweep(), 1);

  await rig.sql("delete from pgboss.job");
  await rig.sql(
    `insert into whatsapp_connections (tenant_id, id, account_id, phone_number_id, state)
     select $1, gen_random_uuid(), a.id, 'many-' || n, 'connected' from whatsapp_accounts a, generate_series(1, $3::int) n where a.waba_id = $2`,
    [tenantId, wabaId, limits.connectionSweepMax + 1],
  );
  assert.deepEqual([await sweep(), await sweep()], [limits.connectionSweepMax, 1]);
  const delays = (await jobs()).map(({ delay }) => delay);
  assert.equal(new Set(delays).size, 20);
  assert.ok(Math.max(...delays) < limits.connectionSpreadMs / 1_000);
  await rig.sql("delete from whatsapp_connections where phone_number_id like 'many-%'");
});

test("A job for a number that is gone or disconnected asks nobody and does not come again", async () => {
  const number = await rig.connect(await rig.tenant());
  const outcomes: string[] = [];
  const { "connection-probe": probe, "connection-sweep": sweep } = connectionJobs({
    ...tools,
    ingest: rig.ingest,
    onProbed: ({ outcome, ms }) => void outcomes.push(ms >= 0 ? outcome : `${ms} ms`),
  });
  await probe({ tenantId: number.tenantId, connectionId: "00000000-0000-7000-8000-000000000000", why: "due" });
  await rig.sql("update whatsapp_connections set state = 'disconnected' where id = $1", [number.id]);
  await probe({ tenantId: number.tenantId, connectionId: number.id, why: "due" });
  await sweep();
  assert.deepEqual([asked, (await readStatus(rig.app, number.scope, number.id)).checks], [[], []]);
  const looked = await rig.connect(number.tenantId);
  const job = { tenantId: looked.tenantId, connectionId: looked.id };
  await probe({ ...job, why: "due" });
  await probe({ ...job, why: "trouble" });
  await assert.rejects(probe({ ...job, connectionId: "no id", why: "due" }));
  assert.deepEqual(outcomes, ["gone", "gone", "unreached", "spared", "failed"]);
  // What the metrics show of them.
  const counted = await countNumbers(rig.platform);
  assert.ok(counted.some(({ state, code }) => state === "disconnected" && code === "none"));
  const [all] = await rig.sql<{ numbers: number }>("select count(*)::int as numbers from whatsapp_connections");
  assert.equal(
    counted.reduce((sum, { numbers }) => sum + numbers, 0),
    all?.numbers,
  );
});

test("Silence is measured against the number's own past, and a conversation on standby says that another system holds it", async () => {
  const number = await rig.connect(await rig.tenant());
  const bad = async (): Promise<string[]> => {
    await probeConnection(tools, number.scope, number.id);
    const { checks } = await readStatus(rig.app, number.scope, number.id);
    return checks.flatMap(({ check, code }) => (check === "silence" || check === "ownership" ? [`${check} ${code}`] : []));
  };
  const hear = () => rig.sql("update whatsapp_connections set last_seen_at = $2 where id = $1", [number.id, new Date(rig.clock.nowMs)]);
  for (let hours = 0; hours < 3 * 168; hours += 1) {
    rig.clock.nowMs += hourMs;
    await hear();
    if (hours % 24 < 12) await probeConnection(tools, number.scope, number.id);
  }
  assert.deepEqual(await bad(), ["ownership null", "silence null"]);
  rig.clock.nowMs += 24 * hourMs;
  assert.deepEqual(await bad(), ["ownership null", "silence silent"]);
  const standby = { ...message(number, { phone: "972501112222" }, `wamid.${randomDigits()}`, rig.clock.nowMs), standby: true };
  await rig.receive(bodyOf(standby));
  await rig.drain();
  assert.deepEqual(await bad(), ["ownership on_standby", "silence null"]);
  await rig.receive(bodyOf(message(number, { phone: "972501112222" }, `wamid.${randomDigits()}`, rig.clock.nowMs + 1_000)));
  await rig.drain();
  assert.deepEqual(await bad(), ["ownership null", "silence null"]);
});

test("A disconnected number takes in what still comes; what waited to be sent fails with the reason, and nothing reaches Meta", async () => {
  const box = outboxOf(rig, await rig.connect(await rig.tenant()));
  await box.pace(100_000);
  const graph = scriptedGraph();
  graph.judge = accepts;
  const sender = handSender(rig, graph);
  const dana = await box.customer();
  const { id } = await box.send(dana);
  const answer = await disconnectNumber(tools, { scope: box.number.scope, actor: systemActor }, box.number.id);
  assert.deepEqual(
    [answer.waiting, answer.unsubscribed, answer.detail],
    [{ queued: 1, scheduled: 0, waiting: 0 }, false, "Meta could not be asked"],
  );
  await sender.turn();
  assert.deepEqual([(await rowOf(rig, id)).status, graph.ledger.length], ["failed", 0]);
  const [row] = await rig.sql<{ title: string }>("select error_title as title from whatsapp_messages where id = $1", [id]);
  assert.equal(row?.title, "The number is not connected");
  const before = await rig.sql("select id from whatsapp_messages where connection_id = $1 and direction = 'inbound'", [box.number.id]);
  await box.writes(dana.phone, Date.now() + 1_000);
  const later = await rig.sql("select id from whatsapp_messages where connection_id = $1 and direction = 'inbound'", [box.number.id]);
  assert.equal(later.length, before.length + 1);
  assert.deepEqual(await rig.sql("select state from whatsapp_connections where id = $1", [box.number.id]), [{ state: "disconnected" }]);
});

test("A tenant's own app changes its secret without a refused webhook in between; a dropped one signs nothing any more", async () => {
  const [tenantId, other] = [await rig.tenant(), await rig.connect(await rig.tenant())];
  const { appKey } = await putApp(
    rig.platform,
    { tenantId, appId: "1", appSecret: "first", verifyToken: "v" },
    { seal, nowMs: rig.clock.nowMs },
  );
  const { scope } = await rig.connect(tenantId, { appKey });
  const [app] = await listApps(rig.platform, scope, open);
  assert.ok(app);
  assert.deepEqual([app.appKey, app.appId, app.secrets], [appKey, "1", 1]);
  assert.ok(!JSON.stringify(app).includes("first"));
  const rotate = (appSecret: string, keepOld: boolean) =>
    rotateAppSecret(rig.platform, scope, { appId: app.id, appSecret, keepOld }, { seal, open, nowMs: rig.clock.nowMs, actor: systemActor });
  const signing = async (): Promise<readonly string[] | null> => {
    rig.clock.nowMs += limits.appSecretsKeptMs;
    return secrets.secretsOf(appKey);
  };
  const platform = { secrets: ["platform"], verifyToken: "v" };
  const secrets = createAppSecrets({ platform, db: rig.platform, open, nowMs: () => rig.clock.nowMs });
  assert.deepEqual(await signing(), ["first"]);
  assert.deepEqual([await rotate("second", true), await signing()], [{ secrets: 2 }, ["second", "first"]]);
  assert.deepEqual([await rotate("second", true), await signing()], [{ secrets: 2 }, ["second", "first"]], "again is no third one");
  assert.deepEqual([await rotate("second", false), await signing()], [{ secrets: 1 }, ["second"]]);
  // Calls to Meta are proven with the one that is to stay.
  assert.deepEqual(await createMetaApps({ platform: null, db: rig.platform, open }).find(appKey), { appId: "1", secrets: ["second"] });
  for (let count = 0; count <= limits.appSecretsMax; count += 1) await rotate(`more-${count}`, true);
  assert.equal((await signing())?.length, limits.appSecretsMax);
  await assert.rejects(rotate("a,b", true), { code: "invalid_request" });
  await assert.rejects(
    rotateAppSecret(
      rig.platform,
      other.scope,
      { appId: app.id, appSecret: "x", keepOld: false },
      { seal, open, nowMs: 0, actor: systemActor },
    ),
    { code: "not_found" },
  );
  const deeds = await rig.sql("select distinct action from audit_events where tenant_id = $1 and subject_kind = 'meta_app' order by 1", [
    tenantId,
  ]);
  assert.deepEqual(deeds, [{ action: "meta_app.created" }, { action: "meta_app.secrets_replaced" }]);
});

test("A step that died with its node is taken up again, and not before", async () => {
  const number = await rig.connect(await rig.tenant());
  await rig.sql("update whatsapp_connection_steps set started_at = $2 where connection_id = $1", [number.id, new Date(rig.clock.nowMs)]);
  rig.clock.nowMs += limits.connectionStepClaimMs - 1;
  const attempts = async (): Promise<number> => {
    await probeConnection(tools, number.scope, number.id);
    const { steps } = await readStatus(rig.app, number.scope, number.id);
    return steps.find(({ step }) => step === "token")?.attempts ?? -1;
  };
  assert.equal(await attempts(), 0);
  rig.clock.nowMs += 1;
  assert.equal(await attempts(), 1);
});
