/** What an operator lets a tenant send: counted exactly, whatever comes at once. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Actor } from "../src/core/actor.ts";
import { Rejection } from "../src/core/rejection.ts";
import { changeQuotas, readUsage } from "../src/services/tenants/quotas.ts";
import { resendMessage } from "../src/services/whatsapp/outbox/resend.ts";
import { sendMessage } from "../src/services/whatsapp/outbox/send-message.ts";
import { outboxOf } from "./support/outbox.ts";
import { startRig } from "./support/worker.ts";

const cleanups: (() => Promise<void> | void)[] = [];
after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});
const rig = await startRig({ after: (cleanup) => void cleanups.push(cleanup) }, { connectionsMax: 6 });
const tenantId = await rig.tenant();
const box = outboxOf(rig, await rig.connect(tenantId));
const { scope } = box.number;
const platform = rig.open("kesher_platform");
const operator: Actor = { kind: "operator", id: null, name: "Admin key", ip: null, requestId: null };
/** As other nodes do it: another pool, so another line of groups. */
const tools = { ...box.tools, nowMs: () => rig.clock.nowMs };
const nodes = [tools, { ...tools, app: rig.open("kesher_app") }, { ...tools, app: rig.open("kesher_app") }];
const text = (body: string) => ({ type: "text", body });
const quota = (sendsPerDay: number | null) => changeQuotas(platform, tenantId, { sendsPerDay }, { actor: operator, nowMs: Date.now() });
const usage = (nowMs = rig.clock.nowMs) => readUsage(box.tools.app, scope, { openStreams: 0, nowMs });
const codeOf = (result: PromiseSettledResult<unknown>): string =>
  result.status === "fulfilled" ? "sent" : result.reason instanceof Rejection ? result.reason.code : String(result.reason);

test("of many calls on several nodes at once exactly the quota goes out, and what is refused for something else is not counted", async () => {
  await quota(50);
  const before = (await usage()).sends.today;
  const people = [await box.customer(), await box.customer(), await box.customer(), await box.customer(), await box.customer()];
  const closed = await box.customer({ agoMs: 25 * 3_600_000 });
  const calls = Array.from({ length: 180 }, (_, index) => {
    const to = index % 6 === 5 ? closed : people[index % 5];
    const node = nodes[index % nodes.length];
    assert.ok(to !== undefined && node !== undefined);
    const call = { origin: "api" as const, idempotencyKey: index % 2 === 0 ? `key ${index}` : null };
    return sendMessage(node, scope, { conversationId: to.conversationId, content: text(String(index)) }, call);
  });
  const results = await Promise.allSettled(calls);
  const counts = Map.groupBy(results, codeOf);
  assert.equal(counts.get("sent")?.length, 50 - before);
  assert.equal(counts.get("window_closed")?.length, 30);
  assert.equal(counts.get("quota_exceeded")?.length, 150 - 50 + before);
  const stored = await rig.sql(`select id from whatsapp_messages where tenant_id = $1 and direction = 'outbound'`, [tenantId]);
  assert.equal(stored.length, 50);
  assert.deepEqual((await usage()).sends, { today: 50, quota: 50, resetsAt: new Date(midnightAfter(rig.clock.nowMs)).toISOString() });
});

test("the refusal says when the quota begins anew; a call that was answered before is answered again; a resend counts like a send", async () => {
  const dana = await box.customer();
  const wish = { conversationId: dana.conversationId, content: text("once") };
  await quota(51);
  const sent = await sendMessage(tools, scope, wish, { origin: "api", idempotencyKey: "the last one" });
  assert.deepEqual(await sendMessage(tools, scope, wish, { origin: "api", idempotencyKey: "the last one" }), sent);
  const refused = await rejectionOf(sendMessage(tools, scope, wish, { origin: "api", idempotencyKey: "one more" }));
  const resetsAtMs = midnightAfter(rig.clock.nowMs);
  assert.deepEqual([refused.code, refused.status], ["quota_exceeded", 429]);
  assert.deepEqual(refused.facts, {
    resetsAt: new Date(resetsAtMs).toISOString(),
    retryAfterSeconds: Math.ceil((resetsAtMs - rig.clock.nowMs) / 1_000),
  });
  await rig.sql(`update whatsapp_messages set status = 'failed' where tenant_id = $1 and id = $2`, [tenantId, sent.id]);
  const again = () => resendMessage(tools, scope, sent.id, { origin: "api", keyed: null, actor: operator });
  assert.equal((await rejectionOf(again())).code, "quota_exceeded");
  await quota(52);
  assert.equal((await again()).resendOf, sent.id);
  assert.equal((await rejectionOf(again())).code, "quota_exceeded");
  // The key of a refused call is free: it goes once there is room.
  await quota(null);
  assert.notEqual((await sendMessage(tools, scope, wish, { origin: "api", idempotencyKey: "one more" })).id, sent.id);
  assert.equal((await usage()).sends.today, 53);
});

test("a new day begins at nothing, also when a slower clock still calls it yesterday", async () => {
  await quota(2);
  const dana = await box.customer();
  const atMs = rig.clock.nowMs;
  const nextMs = midnightAfter(atMs) + 1_000;
  // The window is judged by the database's clock; the day by the node's.
  const send = (nowMs: number) =>
    sendMessage(
      { ...box.tools, nowMs: () => nowMs },
      scope,
      { conversationId: dana.conversationId, content: text("x") },
      { origin: "inbox", idempotencyKey: null },
    );
  assert.equal((await rejectionOf(send(atMs))).code, "quota_exceeded");
  assert.equal((await usage(nextMs)).sends.today, 0);
  await send(nextMs);
  await send(atMs);
  assert.equal((await rejectionOf(send(nextMs))).code, "quota_exceeded");
  assert.equal((await rejectionOf(send(atMs))).code, "quota_exceeded");
  assert.equal((await usage(nextMs)).sends.today, 2);
});

test("a tenant counts its own use and cannot change its quotas; a quota of nothing stops sends", async () => {
  await assert.rejects(box.tools.app.pool.query("update tenant_quotas set sends_per_day = null"), /permission denied/);
  const other = await rig.tenant();
  await changeQuotas(platform, other, { sendsPerDay: 0, openStreams: 3 }, { actor: operator, nowMs: Date.now() });
  const theirs = outboxOf(rig, await rig.connect(other));
  const person = await theirs.customer();
  const refused = await rejectionOf(
    sendMessage(
      theirs.tools,
      theirs.number.scope,
      { conversationId: person.conversationId, content: text("x") },
      { origin: "api", idempotencyKey: null },
    ),
  );
  assert.equal(refused.code, "quota_exceeded");
  const { sends, streams } = await readUsage(theirs.tools.app, theirs.number.scope, { openStreams: 1, nowMs: rig.clock.nowMs });
  assert.deepEqual([sends.today, sends.quota, streams], [0, 0, { open: 1, quota: 3 }]);
  const logged = await rig.sql<{ action: string; data: unknown }>(
    `select action, data from audit_events where tenant_id = $1 and action ~ 'quotas'`,
    [other],
  );
  assert.deepEqual(logged, [{ action: "tenant.quotas_changed", data: { sendsPerDay: 0, openStreams: 3 } }]);
});

function midnightAfter(nowMs: number): number {
  const day = new Date(nowMs);
  return Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate() + 1);
}

async function rejectionOf(call: Promise<unknown>): Promise<Rejection> {
  const [result] = await Promise.allSettled([call]);
  assert.ok(result?.status === "rejected" && result.reason instanceof Rejection, "it was not refused");
  return result.reason;
}
