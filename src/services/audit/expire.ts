/**
 * What a tenant does not want to keep of its audit log any longer goes: by the owner of the tables, since no role may, and a whole seal of rows
 * at a time, so that what is left verifies at every moment. The seals stay, and say that there was something.
 */
import { nilId } from "../../core/ids.ts";
import type { Db } from "../../db/pool.ts";
import { statement } from "../../db/statement.ts";
import { limits } from "../../limits.ts";
import { hashAfter } from "./seal.ts";

/** The seal of a tenant's oldest row, where its time is over. */
const selectDue = statement(
  "audit_expire.due",
  `select r.tenant_id as "tenantId", s.seq
   from retention_settings r
   cross join lateral (select e.written_at, e.id from audit_events e where e.tenant_id = r.tenant_id order by e.written_at, e.id limit 1) oldest
   cross join lateral (
     select s.seq, s.through_at from audit_seals s where s.tenant_id = r.tenant_id and (s.through_at, s.through_id) >= (oldest.written_at, oldest.id)
     order by s.seq limit 1
   ) s
   where r.tenant_id > $1::uuid and r.audit_days is not null and s.through_at < clock_timestamp() - make_interval(days => r.audit_days)
   order by r.tenant_id limit $2`,
  { tenantId: "uuid", seq: "bigint" },
);

/** Only what is still as it was sealed: a fault is not to be cleared away. */
const deleteSealed = statement(
  "audit_expire.delete",
  `with s as (
     select s.*, coalesce(p.sha256, ''::bytea) as previous, coalesce(p.through_at, '-infinity') as after_at, coalesce(p.through_id, $3::uuid) as after_id
     from audit_seals s
     join retention_settings r on r.tenant_id = s.tenant_id and s.through_at < clock_timestamp() - make_interval(days => r.audit_days)
     left join audit_seals p on p.tenant_id = s.tenant_id and p.seq = s.seq - 1
     where s.tenant_id = $1 and s.seq = $2
   ), sound as (
     select s.* from s cross join lateral (
       select count(*)::int as events, ${hashAfter("s.previous")} as sha256 from audit_events e
       where e.tenant_id = $1 and (e.written_at, e.id) > (s.after_at, s.after_id) and (e.written_at, e.id) <= (s.through_at, s.through_id)
     ) now where now.events = s.events and now.sha256 = s.sha256
   )
   delete from audit_events e using sound
   where e.tenant_id = $1 and (e.written_at, e.id) > (sound.after_at, sound.after_id) and (e.written_at, e.id) <= (sound.through_at, sound.through_id)
   returning e.id`,
  { id: "uuid" },
);

/** Answers how many rows went. By the database's clock, as seals are; each seal is a transaction of its own. */
export async function expireAudit(owner: Db): Promise<number> {
  let removed = 0;
  let after = nilId;
  for (;;) {
    const due = await owner.query(selectDue, [after, limits.auditSealTenantsMax]);
    for (const { tenantId, seq } of due) removed += await expireFrom(owner, tenantId, seq);
    const last = due.at(-1);
    if (last === undefined) return removed;
    after = last.tenantId;
  }
}

async function expireFrom(owner: Db, tenantId: string, first: number): Promise<number> {
  let removed = 0;
  for (let seq = first; ; seq += 1) {
    const rows = await owner.query(deleteSealed, [tenantId, seq, nilId]);
    if (rows.length === 0) return removed;
    removed += rows.length;
  }
}
