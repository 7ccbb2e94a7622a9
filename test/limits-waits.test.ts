/** How long is waited, and how often is looked: driven to the edge while time is held, on a real database. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { setImmediate as turnOfLoop } from "node:timers/promises";
import { tenantScope } from "../src/core/scope.ts";
import { openDatabases } from "../src/db/open.ts";
import { keepPartitions } from "../src/db/partitions.ts";
import { transaction } from "../src/db/transaction.ts";
import { createStreams } from "../src/http/stream.ts";
import { limits } from "../src/limits.ts";
import { startWorkers, stopWorkers } from "../src/queue/index.ts";
import { startForwarding } from "../src/queue/workers/forward.worker.ts";
import { inboxWorkOnce, startInboxWork } from "../src/queue/workers/inbox.worker.ts";
import { appendActivity } from "../src/services/activity/append.ts";
import { createHub } from "../src/services/activity/hub.ts";
import { createMetaApps } from "../src/services/tenants/apps.ts";
import { othersEnded } from "../src/services/privacy/wait.ts";
import { runSetUp } from "../src/services/whatsapp/connections/setup.ts";
import type { ConnectionTools } from "../src/services/whatsapp/connections/tools.ts";
import { AccessTokens } from "../src/services/whatsapp/outbox/access-tokens.ts";
import { Answers } from "../src/services/whatsapp/outbox/answers.ts";
import { createPrepareBody } from "../src/services/whatsapp/outbox/prepare.ts";
import { assertRoom } from "../src/services/whatsapp/outbox/room.ts";
import { createMetrics } from "../src/telemetry/metrics.ts";
import { startSealing, startUpkeep } from "../src/upkeep.ts";
import { bodyOf, message } from "./support/bodies.ts";
import { forwarderOf } from "./support/endpoint.ts";
import { countStatements, holdTime, quiet, turnUntil, type HeldTime } from "./support/held-time.ts";
import { scriptedGraph } from "./support/outbox.ts";
import { handSender } from "./support/sender.ts";
import { startRig } from "./support/worker.ts";

const rig = await startRig({ after });
const { app, ingest, platform } = rig;
// As a program does when it starts: events of now have their partition.
await keepPartitions(rig.open("owner"), rig.clock.nowMs);

/** Asks for `statement` again after exactly so long, whatever else is done meanwhile. */
async function looksEvery(time: HeldTime, wanted: { asked: () => number; everyMs: number; settled: () => Promise<void> }): Promise<void> {
  const { asked, everyMs, settled } = wanted;
  await turnUntil(() => asked() > 0, "it is looked at first");
  await settled();
  const before = asked();
  time.pass(everyMs - 1);
  await settled();
  assert.equal(asked(), before, "looked too early");
  time.pass(1);
  await settled();
  assert.equal(asked(), before + 1, "not looked in time");
}

test("A node looks every activityPollMs whether other nodes have committed events of the tenants that are read", async (t) => {
  const tenantId = await rig.tenant();
  const asked = countStatements(t);
  const time = holdTime(t);
  const hub = createHub({ app, platform, onError: assert.ifError });
  const subscription = hub.subscribe(tenantScope(tenantId));
  subscription.goLive(0);
  hub.start();
  time.pass(limits.activityPollMs);
  await looksEvery(time, {
    asked: () => asked("activity_hub.heads"),
    everyMs: limits.activityPollMs,
    settled: () => quiet(app.pool, platform.pool),
  });
  hub.stop();
  subscription.close();
});

test("A sender looks for work every sendPollMs, at the timers every sendTimersMs, and says every sendNodeBeatMs that it lives", async (t) => {
  const asked = countStatements(t);
  const time = holdTime(t);
  const { sender } = handSender(rig, scriptedGraph());
  const settled = (): Promise<void> => quiet(ingest.pool, app.pool);
  sender.start();
  await looksEvery(time, { asked: () => asked("outbox.lock_lanes"), everyMs: limits.sendPollMs, settled });
  const timers = asked("send_timers.due");
  time.pass(limits.sendTimersMs - limits.sendPollMs - 1);
  await settled();
  assert.equal(asked("send_timers.due"), timers);
  time.pass(1);
  await settled();
  assert.equal(asked("send_timers.due"), timers + 1);
  const beats = asked("send_nodes.beat");
  time.pass(limits.sendNodeBeatMs - limits.sendTimersMs - 1);
  await settled();
  assert.equal(asked("send_nodes.beat"), beats);
  time.pass(1);
  await settled();
  assert.equal(asked("send_nodes.beat"), beats + 1);
  await sender.stop();
});

test("How much a tenant has waiting is looked at again after sendRoomKeptMs", async (t) => {
  const scope = tenantScope(await rig.tenant());
  const asked = countStatements(t);
  const time = holdTime(t);
  const looks = async (): Promise<number> => {
    await assertRoom(app, scope);
    return asked("outbox.count");
  };
  assert.equal(await looks(), 1);
  time.pass(limits.sendRoomKeptMs - 1);
  assert.equal(await looks(), 1);
  time.pass(1);
  assert.equal(await looks(), 2);
});

test("Forwarding looks every forwardPollMs for what is due, and for tenants that have endpoints", async (t) => {
  const asked = countStatements(t);
  const time = holdTime(t);
  const forwarding = startForwarding({ ...forwarderOf(t, rig), onError: assert.ifError });
  const settled = (): Promise<void> => quiet(ingest.pool);
  await looksEvery(time, { asked: () => asked("forward_plan.tenants"), everyMs: limits.forwardPollMs, settled });
  assert.equal(asked("forward_claim.claim"), asked("forward_plan.tenants"));
  await forwarding.stop();
});

test("The followers look every followPollMs, for new tenants every followTenantsMs, and for who is to be woken every snoozeWakeMs", async (t) => {
  // Nothing is left of the tests before.
  await inboxWorkOnce({ ingest, nowMs: () => rig.clock.nowMs });
  const asked = countStatements(t);
  const time = holdTime(t);
  const settled = (): Promise<void> => quiet(ingest.pool);
  const work = startInboxWork({
    ingest,
    nowMs: () => rig.clock.nowMs,
    random: () => 0,
    onActivity: () => undefined,
    isPressed: () => false,
    onFilled: () => undefined,
    onError: assert.ifError,
  });
  await turnUntil(() => asked("follow.make_cursors") === 2, "both followers have begun");
  await settled();
  const atOnce = asked("follow.behind");
  time.pass(limits.followPollMs - 1);
  await settled();
  assert.equal(asked("follow.behind"), atOnce);
  time.pass(1);
  await settled();
  assert.equal(asked("follow.behind"), atOnce + 2);
  const woken = asked("conversation_state.due");
  time.pass(limits.snoozeWakeMs - limits.followPollMs - 1);
  await settled();
  assert.equal(asked("conversation_state.due"), woken);
  time.pass(1);
  await settled();
  assert.equal(asked("conversation_state.due"), woken + 1);
  const unfilled = asked("search_follower.unfilled");
  // Turn by turn: what is asked of the database begins the next wait.
  const turnMs = limits.followPollMs;
  for (let ms = limits.snoozeWakeMs + turnMs; ms < limits.followTenantsMs; ms += turnMs) {
    time.pass(turnMs);
    await settled();
  }
  time.pass(turnMs - 1);
  await settled();
  assert.deepEqual([asked("follow.make_cursors"), asked("search_follower.unfilled")], [2, unfilled]);
  time.pass(1);
  await settled();
  assert.deepEqual([asked("follow.make_cursors"), asked("search_follower.unfilled")], [4, unfilled + 1]);
  await work.stop();
});

test("After a turn with more to do a follower rests followRestFactor times as long as that took, and longer while the path in is at work", async (t) => {
  const tenantId = await rig.tenant();
  await inboxWorkOnce({ ingest, nowMs: () => rig.clock.nowMs });
  const event = { tenantId, type: "label.changed", conversationId: null, messageId: null, data: {} } as const;
  const events = Array.from({ length: 4 * limits.followEventsMax }, () => event);
  await transaction(ingest, (tx) => appendActivity(tx, events, Date.now()));
  const asked = countStatements(t);
  const time = holdTime(t);
  const settled = (): Promise<void> => quiet(ingest.pool);
  let isPressed = false;
  const work = startInboxWork({
    ingest,
    nowMs: () => rig.clock.nowMs,
    random: () => 0,
    isPressed: () => isPressed,
    onActivity: () => undefined,
    onFilled: () => undefined,
    onError: assert.ifError,
  });
  // Both followers' first turns take so long.
  const tookMs = 50;
  time.pass(tookMs);
  for (const factor of [limits.followRestFactor, limits.followPressedRestFactor]) {
    await settled();
    const before = asked("follow.behind");
    time.pass(tookMs * factor - 1);
    await settled();
    assert.equal(asked("follow.behind"), before);
    isPressed = true;
    time.pass(1);
    // The turns have begun, and wait for the database.
    await turnOfLoop();
    time.pass(tookMs);
    await settled();
    assert.equal(asked("follow.behind"), before + 2);
  }
  await settled();
  await work.stop();
});

test("The metrics' numbers are read every backlogSampleMs, sizes every statisticsPollMs, partitions every upkeepMs, seals every auditSealPollMs", async (t) => {
  const databases = openDatabases(rig.server, assert.ifError);
  t.after(() => databases.close());
  const asked = countStatements(t);
  const time = holdTime(t);
  const settled = (): Promise<void> => quiet(databases.owner.pool, databases.ingest.pool, databases.platform.pool);
  const stops = [
    startUpkeep(databases, createMetrics("test"), () => rig.clock.nowMs, assert.ifError),
    startSealing(databases.platform, () => undefined, assert.ifError),
  ];
  await settled();
  const looks = [
    ["statistics.sizes", limits.statisticsPollMs],
    ["pending.waiting", limits.backlogSampleMs],
    ["audit_seals.lock", limits.auditSealPollMs],
    ["audit_expire.due", limits.upkeepMs],
  ] as const;
  let passedMs = 0;
  for (const [statement, everyMs] of looks) {
    const before = asked(statement);
    time.pass(everyMs - passedMs - 1);
    await settled();
    if (passedMs === 0) assert.equal(asked(statement), before, statement);
    const early = asked(statement);
    time.pass(1);
    await settled();
    assert.equal(asked(statement), early + 1, statement);
    passedMs = everyMs;
  }
  await Promise.all(stops.map((stop) => stop()));
});

test("A session that is idle is closed after idleConnectionMsMax", async (t) => {
  const time = holdTime(t);
  const db = rig.open("kesher_app");
  await assertRoom(db, tenantScope(await rig.tenant()));
  await quiet(db.pool);
  time.pass(limits.idleConnectionMsMax - 1);
  assert.equal(db.pool.totalCount, 1);
  time.pass(1);
  assert.equal(db.pool.totalCount, 0);
});

test("An erasure looks every privacyWaitPollMs whether transactions that began before have ended, and gives up after privacyWaitMsMax", async (t) => {
  const other = await rig.session("superuser");
  await other.query("begin; select pg_current_xact_id()");
  const privacy = rig.open("kesher_privacy");
  const asked = countStatements(t);
  const time = holdTime(t);
  const wait = (): { ended: Promise<unknown>; isOver: () => boolean } => {
    let isOver = false;
    const ended = othersEnded(privacy, new AbortController().signal).then(
      () => "ended",
      (error: Error) => error.message,
    );
    void ended.then(() => (isOver = true));
    return { ended, isOver: () => isOver };
  };
  const settled = (): Promise<void> => quiet(privacy.pool);
  const tooLong = wait();
  await looksEvery(time, { asked: () => asked("privacy_wait.under_way"), everyMs: limits.privacyWaitPollMs, settled });
  time.pass(limits.privacyWaitMsMax - limits.privacyWaitPollMs);
  await settled();
  assert.ok(!tooLong.isOver());
  time.pass(limits.privacyWaitPollMs);
  assert.match(String(await tooLong.ended), /does not end/);
  const inTime = wait();
  await settled();
  await other.query("rollback");
  // Autovacuum may have a transaction, too.
  while (!inTime.isOver()) {
    time.pass(limits.privacyWaitPollMs);
    await settled();
  }
  assert.equal(await inTime.ended, "ended");
});

test("A stream says every streamHeartbeatMs that it is there, and a reader that takes nothing for streamDrainMsMax is let go", async (t) => {
  const scope = tenantScope(await rig.tenant());
  const responses: ServerResponse[] = [];
  const time = holdTime(t);
  const hub = createHub({ app, platform, onError: assert.ifError });
  const streams = createStreams({ app, hub, onError: assert.ifError });
  const server = createServer((asked, response) => {
    responses.push(response);
    streams.open({ request: asked, response, scope, afterSeq: 0, filter: null, isStillValid: async () => true });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  let said = "";
  const reader = request({ port: (server.address() as AddressInfo).port }, (answer) =>
    answer.on("data", (text: Buffer) => (said += String(text))),
  );
  reader.on("error", () => undefined).end();
  await turnUntil(() => said.includes("retry:"), "it begins");
  await quiet(app.pool);
  time.pass(limits.streamHeartbeatMs - 1);
  for (let turn = 0; turn < 50; turn += 1) await turnOfLoop();
  assert.ok(!said.includes("still here"));
  time.pass(1);
  await turnUntil(() => said.includes("still here"), "it says so");
  // From now on nothing leaves this side, as if the other took nothing.
  responses[0]?.socket?.cork();
  const data = { name: "x".repeat(100_000) };
  const event = { tenantId: scope.tenantId, type: "message.received", conversationId: null, messageId: null, data } as const;
  await transaction(ingest, (tx) => appendActivity(tx, [event], Date.now()));
  hub.publish([scope.tenantId]);
  await turnUntil(() => responses[0]?.writableNeedDrain === true, "it waits for the reader");
  time.pass(limits.streamDrainMsMax - 1);
  for (let turn = 0; turn < 50; turn += 1) await turnOfLoop();
  assert.equal(streams.count(), 1);
  time.pass(1);
  await turnUntil(() => streams.count() === 0, "the reader is let go");
  server.close();
});

test("A call to Graph about a number ends after connectionCallMsMax, and a set-up asks no more when connectionSetUpMsMax are over", async (t) => {
  let asked = 0;
  const server = createServer((given) => void (given.resume(), (asked += 1)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { tenantId, id } = await rig.connect(await rig.tenant());
  const scope = tenantScope(tenantId);
  await rig.sql(
    `insert into whatsapp_connection_steps (tenant_id, connection_id, step, state, updated_at) values ($1, $2, 'subscribe', 'pending', now()) on conflict do nothing`,
    [tenantId, id],
  );
  const time = holdTime(t);
  let beforeMs = 0;
  const tools: ConnectionTools = {
    app,
    platform,
    graph: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, version: "v26.0" },
    tokens: { read: async () => (time.pass(beforeMs), { token: "token", proof: null }), forget: () => undefined },
    apps: createMetaApps({ platform: { appId: "1", secrets: ["secret"] }, db: platform, open: () => "" }),
    seal: () => Buffer.alloc(0),
    open: () => "",
    publicUrl: () => null,
    configId: null,
    nowMs: () => rig.clock.nowMs,
    onActivity: () => undefined,
  };
  const { connectionCallMsMax: callMs, connectionSetUpMsMax: allMs } = limits;
  for (const [passedMs, leftMs] of [
    [0, callMs],
    [allMs - callMs / 2, callMs / 2],
    [allMs - callMs / 10, callMs / 10],
    [allMs - callMs / 10 + 1, null],
  ] as const) {
    beforeMs = passedMs;
    const before = asked;
    let isOver = false;
    const setUp = runSetUp(tools, scope, id, { steps: ["subscribe"] }).finally(() => (isOver = true));
    await turnUntil(() => asked > before || isOver, "asked");
    if (leftMs !== null) {
      time.pass(leftMs - 1);
      for (let turn = 0; turn < 20; turn += 1) await turnOfLoop();
      assert.ok(!isOver, `over before ${leftMs} ms`);
      time.pass(1);
    }
    await setUp;
    assert.equal(asked - before, leftMs === null ? 0 : 1);
    rig.clock.nowMs += limits.connectionStepClaimMs;
  }
  server.closeAllConnections();
  server.close();
});

test("A number's token is read again after accessTokenKeptMs", async (t) => {
  const { tenantId, id } = await rig.connect(await rig.tenant());
  const asked = countStatements(t);
  const time = holdTime(t);
  const tokens = new AccessTokens(app, (_context, sealed) => Buffer.from(sealed).toString());
  const looks = async (): Promise<number> => {
    assert.ok((await tokens.read(tenantId, id)) !== null);
    return asked("access_tokens.select");
  };
  assert.equal(await looks(), 1);
  time.pass(limits.accessTokenKeptMs - 1);
  assert.equal(await looks(), 1);
  time.pass(1);
  assert.equal(await looks(), 2);
});

test("After a batch of fewer than smallBatchUpdatesMax updates a lane waits gatherMs before it claims again, after a larger one it does not", async (t) => {
  const number = await rig.connect(await rig.tenant({ autoReplyEnabled: false }));
  const deliver = (count: number): Promise<unknown> =>
    rig.receive(
      bodyOf(...Array.from({ length: count }, () => message(number, { phone: "972501" }, `wamid.${randomUUID()}`, rig.clock.nowMs))),
    );
  const asked = countStatements(t);
  const time = holdTime(t);
  const settled = (): Promise<void> => quiet(ingest.pool, app.pool);
  const { tokens, answers } = { tokens: new AccessTokens(app, () => ""), answers: new Answers() };
  const sends = {
    graph: scriptedGraph(),
    tokens,
    answers,
    prepare: createPrepareBody(() => Promise.resolve({ kind: "not_ready", afterMs: 0 })),
  };
  const running = startWorkers({
    ingest,
    cache: null,
    nowMs: () => rig.clock.nowMs,
    random: () => 0,
    failpoint: () => undefined,
    sends: { ...sends, onAttempt: () => undefined, onError: assert.ifError },
    onActivity: () => undefined,
    onBatch: () => undefined,
    onError: (_kind, error) => assert.ifError(error),
  });
  await turnUntil(() => asked("pending.claim") >= 6, "all have looked");
  await settled();
  const claimsFor = async (updates: number): Promise<number> => {
    await deliver(updates);
    const before = asked("pending.claim");
    running.wake(new Map([["whatsapp-messages", new Set([number.wabaId])]]));
    await settled();
    return asked("pending.claim") - before;
  };
  assert.equal(await claimsFor(limits.smallBatchUpdatesMax - 1), 1);
  const before = asked("pending.claim");
  time.pass(limits.gatherMs - 1);
  await settled();
  assert.equal(asked("pending.claim"), before);
  time.pass(1);
  await settled();
  assert.equal(asked("pending.claim"), before + 1);
  assert.equal(await claimsFor(limits.smallBatchUpdatesMax), 2);
  await stopWorkers(running);
});
