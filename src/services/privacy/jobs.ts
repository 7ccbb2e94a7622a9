/** Exports and erasures as rows: asked for, how far they are, done. They hold ids, never whom they are about. */
import type { PrivacyJob } from "../../contract/privacy.ts";
import type { ListQuery, Page } from "../../contract/json.ts";
import type { Actor } from "../../core/actor.ts";
import { decodeIdCursor, nextIdCursor } from "../../core/cursor.ts";
import { notFound, Rejection } from "../../core/rejection.ts";
import type { TenantScope } from "../../core/scope.ts";
import { uuids } from "../../db/arrays.ts";
import { newId } from "../../db/new-id.ts";
import type { Db } from "../../db/pool.ts";
import { statement, time, type RowOf } from "../../db/statement.ts";
import { tenantTransaction, type Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import { appendActivity } from "../activity/append.ts";
import { appendAudit } from "../audit/append.ts";
import { enqueue } from "../jobs.ts";
import { erasureSteps, exportSteps } from "./steps.ts";

const jobRow = {
  id: "uuid",
  kind: "text",
  contactId: "uuid",
  contactIds: "uuids",
  conversationIds: "uuids",
  uploadIds: "uuids",
  state: "text",
  step: "text",
  cursor: "text",
  erasedAtMs: "time?",
  counts: "json",
  error: "text?",
  bytes: "bigint?",
  expiresAtMs: "time?",
  createdAtMs: "time",
  startedAtMs: "time?",
  finishedAtMs: "time?",
} as const;
export type Job = RowOf<typeof jobRow>;
const columns = `j.id, j.kind, j.contact_id as "contactId", j.contact_ids as "contactIds", j.conversation_ids as "conversationIds", j.upload_ids as "uploadIds",
  j.state, j.step, j.cursor, j.erased_at as "erasedAtMs", j.counts, j.error, j.bytes, j.expires_at as "expiresAtMs", j.created_at as "createdAtMs",
  j.started_at as "startedAtMs", j.finished_at as "finishedAtMs"`;

/** The contact that it became, with all that were merged into it. */
const selectFamily = statement(
  "privacy_jobs.family",
  `select k.id as "canonicalId", array(
     select f.id from whatsapp_contacts f where f.tenant_id = $1 and (f.id = k.id or f.merged_into_id = k.id) order by f.id) as "contactIds"
   from whatsapp_contacts c
   join whatsapp_contacts k on k.tenant_id = c.tenant_id and k.id = case when c.merged_into_id is null then c.id else c.merged_into_id end
   where c.tenant_id = $1 and c.id = $2`,
  { canonicalId: "uuid", contactIds: "uuids" },
);
const insert = statement(
  "privacy_jobs.insert",
  `insert into privacy_jobs as j (tenant_id, id, kind, contact_id, contact_ids, state, created_at)
   values ($1, $2, $3, $4, $5::uuid[], 'queued', $6::timestamptz)
   on conflict (tenant_id, kind, contact_id) where state in ('queued', 'running') do nothing
   returning ${columns}`,
  jobRow,
);
const selectOpen = statement(
  "privacy_jobs.open",
  `select ${columns} from privacy_jobs j where j.tenant_id = $1 and j.kind = $2 and j.contact_id = $3 and j.state in ('queued', 'running')`,
  jobRow,
);
const countOpen = statement(
  "privacy_jobs.count_open",
  `select count(*)::int as waiting from privacy_jobs where tenant_id = $1 and state in ('queued', 'running')`,
  { waiting: "int" },
);
const selectById = statement("privacy_jobs.by_id", `select ${columns} from privacy_jobs j where j.tenant_id = $1 and j.id = $2`, jobRow);
const selectPage = statement(
  "privacy_jobs.page",
  `select ${columns} from privacy_jobs j where j.tenant_id = $1 and j.id < $2::uuid order by j.id desc limit $3`,
  jobRow,
);
const lock = statement(
  "privacy_jobs.lock",
  `select ${columns} from privacy_jobs j where j.tenant_id = $1 and j.id = $2 and j.state in ('queued', 'running') for update`,
  jobRow,
);
const advance = statement(
  "privacy_jobs.advance",
  `update privacy_jobs j set state = 'running', step = $3, cursor = $4, error = null, started_at = coalesce(j.started_at, $5::timestamptz),
     counts = j.counts || (select coalesce(jsonb_object_agg(key, coalesce((j.counts ->> key)::bigint, 0) + value::bigint), '{}') from jsonb_each_text($6::jsonb))
   where j.tenant_id = $1 and j.id = $2 and j.state in ('queued', 'running')`,
  {},
);
const settle = statement(
  "privacy_jobs.finish",
  `update privacy_jobs j set state = 'done', step = '', cursor = '', upload_ids = '{}', finished_at = $3::timestamptz, error = null, bytes = $4, expires_at = $5::timestamptz
   where j.tenant_id = $1 and j.id = $2 and j.state in ('queued', 'running')`,
  {},
);
const noteError = statement(
  "privacy_jobs.note_error",
  `update privacy_jobs j set error = $3 where j.tenant_id = $1 and j.id = $2 and j.state in ('queued', 'running')`,
  {},
);

export type Asked = { job: PrivacyJob; isNew: boolean };

/** Puts the job into its queue. Asked for again while one waits or runs, that one is answered. Throws `not_found`, and `too_many`. */
export async function askFor(
  app: Db,
  scope: TenantScope,
  wanted: { kind: "export" | "erasure"; contactId: string },
  by: { actor: Actor; nowMs: number },
): Promise<Asked> {
  const { tenantId } = scope;
  const { kind } = wanted;
  return tenantTransaction(app, scope, async (tx) => {
    const [family] = await tx.query(selectFamily, [tenantId, wanted.contactId]);
    if (family === undefined) throw notFound();
    const { canonicalId, contactIds } = family;
    if (kind === "export" && (await tx.query(selectOpen, [tenantId, "erasure", canonicalId])).length > 0) {
      throw new Rejection("conflict", 409, "This contact is being erased.");
    }
    const [{ waiting } = { waiting: 0 }] = await tx.query(countOpen, [tenantId]);
    if (waiting >= limits.privacyJobsWaitingMax) {
      throw new Rejection("too_many", 429, "As many exports and erasures wait as may; ask again when some are done.");
    }
    const [made] = await tx.query(insert, [tenantId, newId(by.nowMs), kind, canonicalId, contactIds, time(by.nowMs)]);
    const [job] = made === undefined ? await tx.query(selectOpen, [tenantId, kind, canonicalId]) : [made];
    if (job === undefined) throw new Rejection("conflict", 409, "Such a job has ended at this very moment; ask again.");
    if (made !== undefined) await enqueue(tx, kind === "export" ? "contact-export" : "contact-erase", [{ tenantId, jobId: made.id }]);
    const action = kind === "export" ? "contact.exported" : "contact.erased";
    await appendAudit(
      tx,
      by.actor,
      [{ tenantId, action, subject: { kind: "contact", id: canonicalId }, data: { jobId: job.id } }],
      by.nowMs,
    );
    if (made !== undefined) await tellState(tx, scope, { ...job, state: "queued" }, by.nowMs);
    return { job: shownJob(job), isNew: made !== undefined };
  });
}

/** Throws `not_found`. */
export async function getJob(app: Db, scope: TenantScope, id: string): Promise<PrivacyJob> {
  const [row] = await tenantTransaction(app, scope, (tx) => tx.query(selectById, [scope.tenantId, id]));
  if (row === undefined) throw notFound();
  return shownJob(row);
}

/** Newest first. */
export async function listJobs(app: Db, scope: TenantScope, query: ListQuery): Promise<Page<PrivacyJob>> {
  const limit = query.limit ?? limits.listLimitDefault;
  const rows = await tenantTransaction(app, scope, (tx) => tx.query(selectPage, [scope.tenantId, decodeIdCursor(query.after), limit]));
  return { data: rows.map(shownJob), next: nextIdCursor(rows, limit) };
}

/** Holds it until the transaction ends; null when it is over. */
export async function lockJob(tx: Tx, scope: TenantScope, id: string): Promise<Job | null> {
  return (await tx.query(lock, [scope.tenantId, id]))[0] ?? null;
}

/** The transaction that does a step's work says so: what is done is never done again, and nothing is left out. */
export async function advanceJob(
  tx: Tx,
  scope: TenantScope,
  id: string,
  to: { step: string; cursor: string; counts?: { readonly [what: string]: number }; nowMs: number },
): Promise<void> {
  await tx.query(advance, [scope.tenantId, id, to.step, to.cursor, time(to.nowMs), JSON.stringify(to.counts ?? {})]);
}

export async function finishJob(
  tx: Tx,
  scope: TenantScope,
  id: string,
  end: { nowMs: number; bytes?: number; expiresAtMs?: number },
): Promise<void> {
  await tx.query(settle, [scope.tenantId, id, time(end.nowMs), end.bytes ?? null, time(end.expiresAtMs ?? null)]);
}

/** A word of ours, never the error's own: that may quote the data. */
export async function noteJobError(privacy: Db, scope: TenantScope, id: string, word: string): Promise<void> {
  await tenantTransaction(privacy, scope, (tx) => tx.query(noteError, [scope.tenantId, id, word]));
}

/** Those who watch the job see it move. `gone`: what whoever keeps a copy must drop, an inbox in a browser for one. Last in its transaction. */
export async function tellState(
  tx: Tx,
  scope: TenantScope,
  job: Pick<Job, "id" | "kind" | "contactId" | "state"> & { gone?: { contactIds: readonly string[]; conversationIds: readonly string[] } },
  nowMs: number,
): Promise<void> {
  const data = { jobId: job.id, kind: job.kind, contactId: job.contactId, state: job.state, ...job.gone };
  await appendActivity(tx, [{ tenantId: scope.tenantId, type: "privacy.changed", conversationId: null, messageId: null, data }], nowMs);
}

/** The people whom a contact's id stands for. */
export async function familyOf(tx: Tx, scope: TenantScope, contactIds: readonly string[]): Promise<string[]> {
  const found = await tx.query(selectFamilies, [scope.tenantId, uuids(contactIds)]);
  return [...new Set([...contactIds, ...found.map((row) => row.id)])].toSorted();
}

const selectFamilies = statement(
  "privacy_jobs.families",
  `select distinct f.id
   from whatsapp_contacts c
   cross join lateral (select case when c.merged_into_id is null then c.id else c.merged_into_id end as id) k
   join whatsapp_contacts f on f.tenant_id = c.tenant_id and (f.id = k.id or f.merged_into_id = k.id)
   where c.tenant_id = $1 and c.id = any($2::uuid[])`,
  { id: "uuid" },
);

function shownJob(job: Job): PrivacyJob {
  const { kind, state, step, erasedAtMs, expiresAtMs, createdAtMs, startedAtMs, finishedAtMs } = job;
  const steps: readonly string[] = kind === "export" ? exportSteps : erasureSteps;
  const done = state === "done" ? 1 : Math.max(0, steps.indexOf(step)) / steps.length;
  return {
    id: job.id,
    // The columns' CHECKs allow no other words.
    kind: kind as PrivacyJob["kind"],
    state: state as PrivacyJob["state"],
    contactId: job.contactId,
    step: step === "" ? null : step,
    progress: Math.round(100 * done),
    // Written by `advance` alone.
    counts: job.counts as PrivacyJob["counts"],
    error: job.error,
    bytes: job.bytes,
    erasedAt: time(erasedAtMs),
    expiresAt: time(expiresAtMs),
    createdAt: time(createdAtMs),
    startedAt: time(startedAtMs),
    finishedAt: time(finishedAtMs),
  };
}
