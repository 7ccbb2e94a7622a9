/** The audit log in the database: nobody changes it, and whoever does all the same is found out. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";
import type { Actor } from "../src/core/actor.ts";
import { tenantScope } from "../src/core/scope.ts";
import { tenantTransaction, transaction } from "../src/db/transaction.ts";
import { limits } from "../src/limits.ts";
import { appendAudit, type AuditEntry } from "../src/services/audit/append.ts";
import { listAudit } from "../src/services/audit/list.ts";
import { sealAudit, verifyAudit, type Sealed } from "../src/services/audit/seal.ts";
import { startRig } from "./support/worker.ts";

const rig = await startRig({ after }, { connectionsMax: 3 });
const { app, platform } = rig;
const ann: Actor = { kind: "person", id: randomUUID(), name: "ann@example.com", ip: "192.0.2.1", requestId: "req-1" };
const ben: Actor = { ...ann, id: randomUUID(), name: "ben@example.com" };
const startMs = Date.UTC(2026, 10, 1);

async function deeds(tenantId: string, actions: readonly string[], more: { actor?: Actor; atMs?: number } = {}): Promise<void> {
  const entries = actions.map((action): AuditEntry => ({ tenantId, action, subject: { kind: "thing", id: action }, data: { action } }));
  const { actor = ann, atMs = startMs } = more;
  await tenantTransaction(app, tenantScope(tenantId), (tx) => appendAudit(tx, actor, entries, atMs));
}
/** Whatever is there, whoever wrote it. */
async function sealNow(tenantId: string): Promise<Sealed[]> {
  const all: Sealed[] = [];
  for (;;) {
    const sealed = await sealAudit(platform, 0);
    all.push(...sealed);
    if (sealed.length === 0) return all.filter((each) => each.tenantId === tenantId);
  }
}
const verify = (tenantId: string, afterSeq = 0) => verifyAudit({ app, platform }, tenantScope(tenantId), afterSeq);
const listed = async (tenantId: string, query: Parameters<typeof listAudit>[2] = {}): Promise<string[]> =>
  (await listAudit({ app, platform }, tenantScope(tenantId), query)).data.map(({ action }) => action);

test("No role of the program may change, take out or back-date a row of the audit log or of its seals", async () => {
  const tenantId = await rig.tenant();
  await deeds(tenantId, ["thing.done"]);
  await sealNow(tenantId);
  const roles = await rig.sql<{ name: string }>(
    "select rolname as name from pg_roles where rolname ~ '^kesher_' and rolname <> 'kesher_owner' order by 1",
  );
  assert.ok(roles.length >= 4);
  const session = await rig.session("superuser");
  for (const { name } of roles) {
    for (const table of ["audit_events", "audit_seals"]) {
      for (const text of [
        `update ${table} set tenant_id = tenant_id`,
        `delete from ${table}`,
        `truncate ${table}`,
        `drop table ${table}`,
        `alter table ${table} disable row level security`,
        `merge into ${table} a using (values (1)) v (one) on true when matched then delete`,
      ]) {
        await session.query(`begin; set local role ${name}`);
        try {
          await session.query("select set_config('app.tenant_id', $1, true)", [tenantId]);
          await assert.rejects(session.query(text), { code: "42501" }, `${name}: ${text}`);
        } finally {
          await session.query("rollback");
        }
      }
    }
  }
  const rights = await rig.sql<{ right: string }>(
    `select r.rolname || ' ' || p || ' ' || c.relname as right from pg_roles r, pg_class c, unnest(array['update', 'delete', 'truncate', 'references', 'trigger']) p
     where r.rolname ~ '^kesher_' and r.rolname <> 'kesher_owner' and c.relname in ('audit_events', 'audit_seals')
       and (has_table_privilege(r.oid, c.oid, p) or p in ('update', 'references') and has_any_column_privilege(r.oid, c.oid, p))
     union all
     select r.rolname || ' writes ' || a.attname from pg_roles r, pg_attribute a
     where r.rolname ~ '^kesher_' and r.rolname <> 'kesher_owner' and a.attrelid in ('audit_events'::regclass, 'audit_seals'::regclass) and a.attname in ('written_at', 'sealed_at')
       and has_column_privilege(r.oid, a.attrelid, a.attnum, 'insert')`,
  );
  assert.deepEqual(rights, []);
});

test("The log is listed newest first, page by page, and by each filter; a tenant sees its own, the operator all", async () => {
  const [one, other] = [await rig.tenant(), await rig.tenant()];
  await deeds(one, ["key.made", "key.lost"], { atMs: startMs + 1_000 });
  await deeds(other, ["key.stolen"], { atMs: startMs + 1_500 });
  await deeds(one, ["key.made"], { atMs: startMs + 2_000, actor: ben });
  await transaction(platform, (tx) => appendAudit(tx, ann, [{ tenantId: null, action: "program.told", subject: null }], startMs + 3_000));
  assert.deepEqual((await listed(one)).toSorted(), ["key.lost", "key.made", "key.made", "tenant.created"]);
  const [newest] = (await listAudit({ app, platform }, tenantScope(one), { action: "key.made", actorId: ben.id ?? "" })).data;
  assert.deepEqual(newest, {
    id: newest?.id,
    tenantId: one,
    action: "key.made",
    actor: { kind: "person", id: ben.id, name: "ben@example.com" },
    ip: "192.0.2.1",
    requestId: "req-1",
    subject: { kind: "thing", id: "key.made" },
    data: { action: "key.made" },
    createdAt: new Date(startMs + 2_000).toISOString(),
  });
  assert.deepEqual(await listed(one, { subjectKind: "thing", subjectId: "key.lost" }), ["key.lost"]);
  const at = (ms: number): string => new Date(startMs + ms).toISOString();
  assert.deepEqual(await listed(one, { from: at(2_000), to: at(2_001) }), ["key.made"]);
  assert.deepEqual(await listed(one, { from: at(1_001), to: at(2_000) }), []);
  const pages: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await listAudit({ app, platform }, null, {
      limit: 1,
      to: at(4_000),
      from: at(1_000),
      ...(cursor === undefined ? {} : { after: cursor }),
    });
    pages.push(
      ...page.data.map(({ action, tenantId }) => `${action} ${tenantId === null ? "nobody" : tenantId === one ? "one" : "other"}`),
    );
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  assert.deepEqual(
    [pages[0], pages[1], pages[2], pages.slice(3).toSorted()],
    ["program.told nobody", "key.made one", "key.stolen other", ["key.lost one", "key.made one"]],
  );
});

test("What was sealed is intact, and a row that is changed, taken out or put in afterwards is found; so is a lost seal", async () => {
  const tenantId = await rig.tenant();
  for (const word of ["a.a", "b.b", "c.c"]) {
    await deeds(tenantId, [word, word]);
    assert.equal((await sealNow(tenantId)).length, 1);
  }
  await deeds(tenantId, ["later.on"]);
  const sound = await verify(tenantId);
  // The tenant's making is its first deed.
  assert.deepEqual([sound.isIntact, sound.seals, sound.events, sound.unsealed, sound.next], [true, 3, 7, 1, null]);
  assert.match(sound.head?.sha256 ?? "", /^[0-9a-f]{64}$/);
  const kinds = async (): Promise<string[]> => (await verify(tenantId)).faults.map(({ seq, kind }) => `${seq} ${kind}`);
  const tamper = async (text: string, expected: readonly string[]): Promise<void> => {
    await rig.sql(
      "create table if not exists kept as select * from audit_events; create table if not exists kept_seals as select * from audit_seals",
    );
    await rig.sql(text, text.includes("$1") ? [tenantId] : []);
    assert.deepEqual(await kinds(), expected, text);
    await rig.sql(
      "truncate audit_events, audit_seals; insert into audit_events select * from kept; insert into audit_seals select * from kept_seals",
    );
    assert.deepEqual(await kinds(), []);
  };
  const second =
    "tenant_id = $1 and action = 'b.b' and id = (select min(id::text)::uuid from audit_events where tenant_id = $1 and action = 'b.b')";
  for (const column of [
    "actor_name = 'eve'",
    "actor_id = null",
    "data = '{}'",
    "ip = null",
    "subject_id = 'x'",
    "action = 'b.c'",
    "request_id = ''",
  ]) {
    await tamper(`update audit_events set ${column} where ${second}`, ["2 changed_rows"]);
  }
  await tamper(`update audit_events set created_at = created_at + interval '1 microsecond' where ${second}`, ["2 changed_rows"]);
  await tamper(`delete from audit_events where ${second}`, ["2 missing_rows"]);
  await tamper(`delete from audit_events where tenant_id = $1 and action = 'b.b'`, ["2 missing_rows"]);
  await tamper(
    `insert into audit_events (tenant_id, id, action, actor_kind, actor_name, created_at, written_at)
     select tenant_id, gen_random_uuid(), action, actor_kind, actor_name, created_at, written_at + interval '1 microsecond' from audit_events where ${second}`,
    ["2 added_rows"],
  );
  await tamper("delete from audit_seals where tenant_id = $1 and seq = 2", ["3 missing_seal"]);
  await tamper("delete from audit_seals where tenant_id = $1 and seq = 1", ["2 missing_seal"]);
  // A seal that is forged to fit no longer fits the next one.
  await tamper("update audit_seals set sha256 = sha256(sha256) where tenant_id = $1 and seq = 2", ["2 changed_rows", "3 changed_rows"]);
  // Whole seals of them, too: from the beginning on only those may be gone whose time can be over (audit-retention.test.ts).
  await tamper("delete from audit_events where tenant_id = $1 and action in ('tenant.created', 'api_key.created', 'a.a')", [
    "1 missing_rows",
  ]);
  await sealNow(tenantId);
  assert.deepEqual([(await verify(tenantId)).isIntact, (await verify(tenantId)).unsealed, (await verify(tenantId)).seals], [true, 0, 4]);
});

test("A deed is sealed once it is as old as auditSealAfterMs, so many deeds to a seal, and verified so many seals at a time", async () => {
  const tenantId = await rig.tenant();
  await sealNow(tenantId);
  await deeds(tenantId, ["thing.done"]);
  assert.deepEqual(
    (await sealAudit(platform)).filter((sealed) => sealed.tenantId === tenantId),
    [],
  );
  await rig.sql(
    "update audit_events set written_at = written_at - make_interval(secs => $2) where tenant_id = $1 and action = 'thing.done'",
    [tenantId, limits.auditSealAfterMs / 1_000],
  );
  // It lies before the first seal now, where nothing new belongs.
  assert.equal((await verify(tenantId)).faults[0]?.kind, "added_rows");
  const crowd = await rig.tenant();
  await deeds(
    crowd,
    Array.from({ length: limits.auditSealEventsMax + 1 }, () => "thing.done"),
  );
  const sealed = await sealNow(crowd);
  assert.deepEqual(
    sealed.map(({ seq, events }) => [seq, events]),
    [
      [1, limits.auditSealEventsMax],
      [2, (await rig.sql("select 1 from audit_events where tenant_id = $1", [crowd])).length - limits.auditSealEventsMax],
    ],
  );
  const last = limits.auditVerifySealsMax + 1;
  await rig.sql(
    `insert into audit_seals (tenant_id, seq, events, from_at, through_at, through_id, sha256)
     select $1, n, 1, now(), now() + n * interval '1 s', gen_random_uuid(), sha256('x') from generate_series(3, $2) n`,
    [crowd, last],
  );
  const first = await verify(crowd);
  assert.deepEqual([first.seals, first.next], [limits.auditVerifySealsMax, String(limits.auditVerifySealsMax)]);
  assert.deepEqual(
    [(await verify(crowd, limits.auditVerifySealsMax)).seals, (await verify(crowd, limits.auditVerifySealsMax)).next],
    [1, null],
  );
  // The hash of the portion's first seal begins with the one before it.
  assert.equal(
    (await verify(crowd, 1)).faults.some(({ seq }) => seq === 2),
    false,
  );
});

test("Two sealers at once make one chain, and deeds go on meanwhile without waiting for either", async () => {
  const tenantId = await rig.tenant();
  await Promise.all([
    ...Array.from({ length: 20 }, () => deeds(tenantId, ["thing.done"])),
    ...Array.from({ length: 5 }, () => sealAudit(platform, 0)),
  ]);
  await sealNow(tenantId);
  const verdict = await verify(tenantId);
  assert.equal(verdict.unsealed, 0);
  // Without the wait of auditSealAfterMs a deed may commit behind a seal; it is told as added, never lost.
  assert.ok(verdict.faults.every(({ kind }) => kind === "added_rows"));
  assert.ok(verdict.events >= 21);
});
