/** How long a tenant keeps its audit log: whole seals of rows go, by the owner of the tables alone, and what is left still verifies. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { systemActor } from "../src/core/actor.ts";
import { tenantScope } from "../src/core/scope.ts";
import { tenantTransaction } from "../src/db/transaction.ts";
import { limits } from "../src/limits.ts";
import { appendAudit } from "../src/services/audit/append.ts";
import { expireAudit } from "../src/services/audit/expire.ts";
import { sealAudit, verifyAudit } from "../src/services/audit/seal.ts";
import { changeRetention } from "../src/services/privacy/retention-settings.ts";
import { startRig } from "./support/worker.ts";

const rig = await startRig({ after }, { connectionsMax: 3 });
const { app, platform } = rig;
const owner = rig.open("owner");
const by = { actor: systemActor, nowMs: Date.now() };
const days = limits.retentionAuditDaysMin;

async function sealAll(): Promise<void> {
  while ((await sealAudit(platform, 0)).length > 0);
}
/** Three deeds, sealed, so many days ago. */
async function deedsOf(tenantId: string, daysAgo: number): Promise<void> {
  const entry = { tenantId, action: `long.ago_${daysAgo < 0 ? "never" : "x"}`, subject: { kind: "days", id: String(daysAgo) } };
  await tenantTransaction(app, tenantScope(tenantId), (tx) => appendAudit(tx, systemActor, [entry, entry, entry], by.nowMs));
  // All that is not sealed yet, the tenant's own making, too.
  await rig.sql(
    `update audit_events e set written_at = written_at - make_interval(days => $2) where tenant_id = $1
       and not exists (select from audit_seals s where s.tenant_id = $1 and (s.through_at, s.through_id) >= (e.written_at, e.id))`,
    [tenantId, daysAgo],
  );
  await sealAll();
}
const verify = (tenantId: string, afterSeq = 0) => verifyAudit({ app, platform }, tenantScope(tenantId), afterSeq);
const kept = async (tenantId: string): Promise<string[]> =>
  (
    await rig.sql<{ id: string }>(
      `select distinct subject_id as id from audit_events where tenant_id = $1 and subject_kind = 'days' order by 1`,
      [tenantId],
    )
  ).map(({ id }) => id);

test("Rows older than a tenant wants go, whole seals of them, and verifying says expired, not missing; a tenant that has set nothing keeps all", async () => {
  const [tenantId, other] = [await rig.tenant(), await rig.tenant()];
  for (const id of [tenantId, other]) for (const ago of [days + 30, days + 20, days + 2, 3]) await deedsOf(id, ago);
  await changeRetention(app, tenantScope(tenantId), { audit: days + 10 }, by);
  assert.equal((await expireAudit(owner)) >= 6, true);
  assert.deepEqual(await kept(tenantId), ["3", String(days + 2)]);
  assert.deepEqual(await kept(other), ["3", String(days + 2), String(days + 20), String(days + 30)]);
  const verdict = await verify(tenantId);
  assert.deepEqual([verdict.isIntact, verdict.seals, verdict.expiredSeals, verdict.faults], [true, 4, 2, []]);
  // In portions, one of which begins among those whose time is over.
  const portion = await verify(tenantId, 1);
  assert.deepEqual([portion.isIntact, portion.expiredSeals, portion.faults], [true, 1, []]);
  assert.equal(await expireAudit(owner), 0);
  await deedsOf(tenantId, 0);
  assert.equal((await verify(tenantId)).isIntact, true);
});

test("A seal with rows of both sides of the line stays as it is", async () => {
  const tenantId = await rig.tenant();
  await rig.sql(`update audit_events set written_at = written_at - make_interval(days => $2) where tenant_id = $1`, [tenantId, days + 1]);
  await deedsOf(tenantId, days - 1);
  await changeRetention(app, tenantScope(tenantId), { audit: days }, by);
  await expireAudit(owner);
  assert.deepEqual(await kept(tenantId), [String(days - 1)]);
  assert.deepEqual([(await verify(tenantId)).isIntact, (await verify(tenantId)).expiredSeals], [true, 0]);
});

test("What was tampered with is not cleared away, nor is anything behind it: the fault stays to be seen", async () => {
  const tenantId = await rig.tenant();
  for (const ago of [days + 30, days + 20, days + 15]) await deedsOf(tenantId, ago);
  await rig.sql(`update audit_events set actor_name = 'eve' where tenant_id = $1 and subject_id = $2`, [tenantId, String(days + 20)]);
  await changeRetention(app, tenantScope(tenantId), { audit: days }, by);
  await expireAudit(owner);
  assert.deepEqual(await kept(tenantId), [String(days + 15), String(days + 20)]);
  const verdict = await verify(tenantId);
  assert.deepEqual([verdict.expiredSeals, verdict.faults.map(({ kind }) => kind)], [1, ["changed_rows"]]);
});

test("Younger than a year nothing of the log can expire, for the owner neither: who takes such rows from its beginning is found out", async () => {
  const tenantId = await rig.tenant();
  for (const ago of [days - 5, 3]) await deedsOf(tenantId, ago);
  const session = await rig.session("owner");
  assert.equal((await session.query("delete from audit_events where tenant_id = $1", [tenantId])).rowCount, 0);
  await assert.rejects(changeRetention(app, tenantScope(tenantId), { audit: days - 1 }, by), { code: "23514" });
  await rig.sql(`delete from audit_events where tenant_id = $1 and subject_id = $2`, [tenantId, String(days - 5)]);
  const verdict = await verify(tenantId);
  assert.deepEqual(
    [verdict.isIntact, verdict.expiredSeals, verdict.faults.map(({ seq, kind }) => `${seq} ${kind}`)],
    [false, 0, ["1 missing_rows"]],
  );
});
