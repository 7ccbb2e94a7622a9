/**
 * Seals over the audit log: each is the hash of the one before it and of the rows since, so that a row that is changed, taken out or put in
 * later shows. Made in the background, some minutes after the deeds: in the deeds' own transactions a chain would make all of a tenant's
 * deeds wait for each other (decisions/0026). What a seal says is also logged: who rewrites the whole chain does not reach the log.
 */
import type { AuditVerdict } from "../../contract/audit.ts";
import { nilId } from "../../core/ids.ts";
import type { TenantScope } from "../../core/scope.ts";
import type { Db } from "../../db/pool.ts";
import { statement, time, type RowOf } from "../../db/statement.ts";
import { tenantTransaction, transaction, type Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";

/** Everything that a row says, in a form that depends on no setting of the session. */
const rowHash = `sha256(convert_to(jsonb_build_array(e.id, e.action, e.actor_kind, e.actor_id, e.actor_name, e.ip, e.request_id, e.subject_kind,
    e.subject_id, e.data, extract(epoch from e.created_at), extract(epoch from e.written_at))::text, 'UTF8'))`;
/** Of no rows: the hash of what came before alone. */
export const hashAfter = (previous: string): string =>
  `sha256(${previous} || coalesce(string_agg(${rowHash}, ''::bytea order by e.written_at, e.id), ''::bytea))`;

/** One sealer at a time. */
const lock = statement("audit_seals.lock", `select pg_try_advisory_xact_lock(hashtextextended('audit seals', 0)) as "isMine"`, {
  isMine: "bool",
});

/** Tenants with rows that are old enough and lie beyond their last seal. The nil id has the rows of no tenant. */
const selectDue = statement(
  "audit_seals.due",
  `select t.id as "tenantId"
   from (select id from tenants union all select $1::uuid) t
   left join lateral (select * from audit_seals s where s.tenant_id = t.id order by s.seq desc limit 1) s on true
   where exists (
     select from audit_events e where e.tenant_id = t.id and e.written_at < clock_timestamp() - make_interval(secs => $2::int)
       and (s.seq is null or (e.written_at, e.id) > (s.through_at, s.through_id)))
   order by t.id limit $3`,
  { tenantId: "uuid" },
);

const seal = statement(
  "audit_seals.insert",
  `with before as (
     select s.seq, s.sha256, s.through_at, s.through_id from audit_seals s where s.tenant_id = $1 order by s.seq desc limit 1
   ), e as (
     select * from audit_events r where r.tenant_id = $1 and r.written_at < clock_timestamp() - make_interval(secs => $2::int)
       and (r.written_at, r.id) > (coalesce((select through_at from before), '-infinity'), coalesce((select through_id from before), $4::uuid))
     order by r.written_at, r.id limit $3
   ), made as (
     select count(*)::int as events, min(e.written_at) as from_at, ${hashAfter("coalesce((select sha256 from before), ''::bytea)")} as sha256 from e
   )
   insert into audit_seals (tenant_id, seq, events, from_at, through_at, through_id, sha256)
   select $1, coalesce((select seq from before), 0) + 1, m.events, m.from_at, last.written_at, last.id, m.sha256
   from made m cross join (select written_at, id from e order by written_at desc, id desc limit 1) last
   returning seq, events, sha256`,
  { seq: "bigint", events: "int", sha256: "bytes" },
);

const sealRow = {
  seq: "bigint",
  events: "int",
  fromAtMs: "time",
  throughAtMs: "time",
  sealedAtMs: "time",
  sha256: "bytes",
  eventsNow: "int",
  sha256Now: "bytes",
} as const;

/** The seal of the oldest row that is left, null when that is not sealed; and which seals are old enough for their rows to be gone. */
const selectOldest = statement(
  "audit_seals.oldest",
  `select (
     select s.seq from audit_seals s
     join (select e.written_at, e.id from audit_events e where e.tenant_id = $1 order by e.written_at, e.id limit 1) first
       on (s.through_at, s.through_id) >= (first.written_at, first.id)
     where s.tenant_id = $1 order by s.seq limit 1) as seq,
     clock_timestamp() - make_interval(days => $2::int) as "expiryMs"`,
  { seq: "bigint?", expiryMs: "time" },
);

/** What each seal says, and what its rows say now. */
const selectSeals = statement(
  "audit_seals.check",
  `select s.seq, s.events, s.from_at as "fromAtMs", s.through_at as "throughAtMs", s.sealed_at as "sealedAtMs", s.sha256, now.events as "eventsNow", now.sha256 as "sha256Now"
   from (
     select s.*, lag(s.sha256, 1, ''::bytea) over w as previous, lag(s.through_at, 1, '-infinity') over w as after_at, lag(s.through_id, 1, $4::uuid) over w as after_id
     from (select * from audit_seals where tenant_id = $1 and seq >= $2 order by seq limit $3) s window w as (order by s.seq)
   ) s
   cross join lateral (
     select count(*)::int as events, ${hashAfter("s.previous")} as sha256 from audit_events e
     where e.tenant_id = $1 and (e.written_at, e.id) > (s.after_at, s.after_id) and (e.written_at, e.id) <= (s.through_at, s.through_id)
   ) now
   order by s.seq`,
  sealRow,
);

const selectTail = statement(
  "audit_seals.tail",
  `select count(e.id)::int as unsealed from (values (1)) v (one)
   left join lateral (select * from audit_seals s where s.tenant_id = $1 order by s.seq desc limit 1) s on true
   left join audit_events e on e.tenant_id = $1 and (s.seq is null or (e.written_at, e.id) > (s.through_at, s.through_id))`,
  { unsealed: "int" },
);

export type Sealed = { tenantId: string | null; seq: number; events: number; sha256: string };

/** One look: at most one seal for each of so many tenants. Answers them; more than none means that there may be more. Role kesher_platform. */
export function sealAudit(platform: Db, sealAfterMs: number = limits.auditSealAfterMs): Promise<Sealed[]> {
  const afterSeconds = Math.ceil(sealAfterMs / 1_000);
  return transaction(platform, async (tx) => {
    const [locked] = await tx.query(lock);
    if (locked?.isMine !== true) return [];
    const sealed: Sealed[] = [];
    for (const { tenantId } of await tx.query(selectDue, [nilId, afterSeconds, limits.auditSealTenantsMax])) {
      for (const { sha256, ...row } of await tx.query(seal, [tenantId, afterSeconds, limits.auditSealEventsMax, nilId])) {
        sealed.push({ tenantId: tenantId === nilId ? null : tenantId, ...row, sha256: sha256.toString("hex") });
      }
    }
    return sealed;
  });
}

/**
 * Whether the rows are still what their seals say, in portions of `limits.auditVerifySealsMax`. `scope` null: the rows of no tenant, in the
 * operator's role. Seals at the very beginning whose rows are all gone count as expired, if they are so old that they may be.
 */
export function verifyAudit(dbs: { app: Db; platform: Db }, scope: TenantScope | null, afterSeq: number): Promise<AuditVerdict> {
  const check = (tx: Tx): Promise<AuditVerdict> => checkSeals(tx, scope?.tenantId ?? nilId, afterSeq);
  return scope === null ? transaction(dbs.platform, check) : tenantTransaction(dbs.app, scope, check);
}

async function checkSeals(tx: Tx, tenantId: string, afterSeq: number): Promise<AuditVerdict> {
  // The one before the first is read, too, since that one's hash begins with it.
  const rows = await tx.query(selectSeals, [tenantId, afterSeq, limits.auditVerifySealsMax + (afterSeq === 0 ? 0 : 1), nilId]);
  const seals = rows.filter(({ seq }) => seq > afterSeq);
  const [{ unsealed } = { unsealed: 0 }] = await tx.query(selectTail, [tenantId]);
  const [oldest] = await tx.query(selectOldest, [tenantId, limits.retentionAuditDaysMin]);
  const isExpired = ({ seq, throughAtMs }: { seq: number; throughAtMs: number }): boolean =>
    seq < (oldest?.seq ?? Infinity) && throughAtMs < (oldest?.expiryMs ?? 0);
  const faults = seals.flatMap((row, index) => {
    const fault = faultOf(row, { seqBefore: index === 0 ? afterSeq : (seals[index - 1]?.seq ?? 0), isExpired: isExpired(row) });
    return fault === null ? [] : [{ seq: row.seq, kind: fault, from: time(row.fromAtMs), through: time(row.throughAtMs) }];
  });
  const last = seals.at(-1);
  return {
    isIntact: faults.length === 0,
    seals: seals.length,
    events: seals.reduce((sum, { eventsNow }) => sum + eventsNow, 0),
    expiredSeals: seals.filter(isExpired).length,
    faults,
    head: last === undefined ? null : { seq: last.seq, sha256: last.sha256.toString("hex"), sealedAt: time(last.sealedAtMs) },
    unsealed,
    next: last === undefined || seals.length < limits.auditVerifySealsMax ? null : String(last.seq),
  };
}

type Fault = AuditVerdict["faults"][number]["kind"];

function faultOf(
  { seq, events, eventsNow, sha256, sha256Now }: RowOf<typeof sealRow>,
  { seqBefore, isExpired }: { seqBefore: number; isExpired: boolean },
): Fault | null {
  if (seq !== seqBefore + 1) return "missing_seal";
  if (isExpired) return null;
  if (eventsNow < events) return "missing_rows";
  if (eventsNow > events) return "added_rows";
  return sha256.equals(sha256Now) ? null : "changed_rows";
}
