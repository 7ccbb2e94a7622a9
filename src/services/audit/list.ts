/** The audit log as it is read: newest first. A tenant's admins see its own, the operator everybody's and what concerns no tenant. */
import type { AuditEvent, AuditFilter } from "../../contract/audit.ts";
import type { ListQuery, Page } from "../../contract/json.ts";
import { decodeIdCursor, lastId, nextIdCursor } from "../../core/cursor.ts";
import { nilId, uuidV7Floor } from "../../core/ids.ts";
import { invalidRequest } from "../../core/rejection.ts";
import type { TenantScope } from "../../core/scope.ts";
import type { Db } from "../../db/pool.ts";
import { statement, time, type RowOf } from "../../db/statement.ts";
import { tenantTransaction } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";

const auditRow = {
  id: "uuid",
  tenantId: "uuid",
  action: "text",
  actorKind: "text",
  actorId: "uuid?",
  actorName: "text",
  ip: "text?",
  requestId: "text?",
  subjectKind: "text?",
  subjectId: "text?",
  data: "json",
  createdAtMs: "time",
} as const;

const select = (ofTenant: string): string => `
  select id, tenant_id as "tenantId", action, actor_kind as "actorKind", actor_id as "actorId", actor_name as "actorName", ip, request_id as "requestId",
    subject_kind as "subjectKind", subject_id as "subjectId", data, created_at as "createdAtMs"
  from audit_events
  where ${ofTenant} and id < $1::uuid and id >= $2::uuid and ($3::text is null or action = $3) and ($4::uuid is null or actor_id = $4)
    and ($5::text is null or subject_kind = $5) and ($6::text is null or subject_id = $6)
    and ($8::timestamptz is null or created_at >= $8) and ($9::timestamptz is null or created_at < $9)
  order by id desc limit $7`;
const selectPage = statement("audit.page", select("true"), auditRow);
const selectTenantPage = statement("audit.tenant_page", select("tenant_id = $10"), auditRow);

/** `scope` null: everything, in the operator's role. */
export async function listAudit(
  dbs: { app: Db; platform: Db },
  scope: TenantScope | null,
  query: ListQuery & AuditFilter,
): Promise<Page<AuditEvent>> {
  const limit = query.limit ?? limits.listLimitDefault;
  const { fromMs, toMs } = { fromMs: msOf("from", query.from), toMs: msOf("to", query.to) };
  const { action = null, actorId = null, subjectKind = null, subjectId = null } = query;
  const values = [...boundsOf(query.after, fromMs, toMs), action, actorId, subjectKind, subjectId, limit, time(fromMs), time(toMs)];
  const rows =
    scope === null
      ? await dbs.platform.query(selectPage, values)
      : await tenantTransaction(dbs.app, scope, (tx) => tx.query(selectTenantPage, [...values, scope.tenantId]));
  return { data: rows.map(shown), next: nextIdCursor(rows, limit) };
}

/** How far the time in an id may lie from that of its row: ids of one process never go back, its clock may. */
const idSkewMs = 60 * 60_000;

/** Ids below the first and from the second on: an id carries its time, so only the rows of about that time are looked at. */
function boundsOf(after: string | undefined, fromMs: number | null, toMs: number | null): [string, string] {
  const cursor = decodeIdCursor(after);
  const ceiling = toMs === null ? lastId : uuidV7Floor(toMs + idSkewMs);
  return [cursor < ceiling ? cursor : ceiling, fromMs === null ? nilId : uuidV7Floor(fromMs - idSkewMs)];
}

function msOf(field: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const atMs = Date.parse(text);
  if (Number.isNaN(atMs)) throw invalidRequest(`${field} is not a time`);
  return atMs;
}

function shown(row: RowOf<typeof auditRow>): AuditEvent {
  const { tenantId, actorKind, actorId, actorName, subjectKind, subjectId, createdAtMs, ...fields } = row;
  return {
    ...fields,
    tenantId: tenantId === nilId ? null : tenantId,
    // The column's CHECK allows no other kind.
    actor: { kind: actorKind as AuditEvent["actor"]["kind"], id: actorId, name: actorName },
    subject: subjectKind === null || subjectId === null ? null : { kind: subjectKind, id: subjectId },
    createdAt: time(createdAtMs),
  };
}
