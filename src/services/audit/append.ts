/**
 * The append-only account of what people, keys and the operator did. Written in the transaction of the deed itself: what was done is in
 * the log, and what is in the log was done. No role may change or delete a row.
 */
import type { Actor } from "../../core/actor.ts";
import { nilId } from "../../core/ids.ts";
import { texts, uuids } from "../../db/arrays.ts";
import { newId } from "../../db/new-id.ts";
import { statement, time } from "../../db/statement.ts";
import type { Tx } from "../../db/transaction.ts";

/** Whose deed it is, and when. */
export type By = { actor: Actor; nowMs: number };

export type AuditEntry = {
  /** Null for what concerns no single tenant: only with the operator's role. */
  tenantId: string | null;
  /** Past tense, dotted: `api_key.created`. */
  action: string;
  subject: { kind: string; id: string } | null;
  /** What changed: names of fields, counts, ids. Never a secret or what customers wrote. */
  data?: { readonly [key: string]: unknown };
};

const insert = statement(
  "audit.insert",
  `insert into audit_events (tenant_id, id, action, actor_kind, actor_id, actor_name, ip, request_id, subject_kind, subject_id, data, created_at)
   select e.tenant_id, e.id, e.action, $6, $7::uuid, $8, $9, $10, e.subject_kind, e.subject_id, e.data::jsonb, $11::timestamptz
   from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $12::text[]) as e (tenant_id, id, action, subject_kind, subject_id, data)`,
  {},
);

export async function appendAudit(tx: Tx, actor: Actor, entries: readonly AuditEntry[], nowMs: number): Promise<void> {
  if (entries.length === 0) return;
  await tx.query(insert, [
    uuids(entries.map(({ tenantId }) => tenantId ?? nilId)),
    uuids(entries.map(() => newId(nowMs))),
    texts(entries.map(({ action }) => action)),
    texts(entries.map(({ subject }) => subject?.kind ?? null)),
    texts(entries.map(({ subject }) => subject?.id ?? null)),
    actor.kind,
    actor.id,
    actor.name,
    actor.ip,
    actor.requestId,
    time(nowMs),
    texts(entries.map(({ data }) => JSON.stringify(data ?? {}))),
  ]);
}
