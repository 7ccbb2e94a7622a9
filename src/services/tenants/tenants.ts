/** Tenants: made and changed by the operator's scope, read by their own keys too. */
import type { ListQuery, Page } from "../../contract/json.ts";
import { scopes, type ChangeTenant, type CreateTenant, type Tenant } from "../../contract/tenants.ts";
import { systemActor, type Actor } from "../../core/actor.ts";
import { decodeIdCursor, nextIdCursor } from "../../core/cursor.ts";
import { normaliseWord, ourResumeWords, ourStopWords } from "../../core/opt-out-words.ts";
import { invalidRequest, notFound, Rejection } from "../../core/rejection.ts";
import type { Db } from "../../db/pool.ts";
import { newId } from "../../db/new-id.ts";
import { statement, time, type RowOf } from "../../db/statement.ts";
import { transaction, type Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import { appendAudit, type By } from "../audit/append.ts";
import { insertApiKey } from "./api-keys.ts";

const tenantRow = {
  id: "uuid",
  name: "text",
  slug: "text",
  locale: "text",
  timeZone: "text",
  supportedTypes: "texts",
  autoReplyEnabled: "bool",
  autoReplyInterval: "int",
  autoReplyText: "text?",
  optOutWords: "texts?",
  optInWords: "texts?",
  optOutReply: "text?",
  createdAtMs: "time",
} as const;

const columns = `id, name, slug, locale, time_zone as "timeZone", supported_types as "supportedTypes",
  auto_reply_enabled as "autoReplyEnabled", auto_reply_interval_seconds as "autoReplyInterval",
  auto_reply_text as "autoReplyText", opt_out_words as "optOutWords", opt_in_words as "optInWords", opt_out_reply as "optOutReply", created_at as "createdAtMs"`;

const insert = statement(
  "tenants.insert",
  `insert into tenants (id, name, slug, locale, time_zone) values ($1, $2, $3, coalesce($4, 'he'), coalesce($5, 'Asia/Jerusalem'))
   on conflict (slug) do nothing returning id`,
  { id: "uuid" },
);
const selectBySlug = statement("tenants.by_slug", `select id, closed_at is not null as "isClosed" from tenants where slug = $1`, {
  id: "uuid",
  isClosed: "bool",
});
const selectById = statement("tenants.by_id", `select ${columns} from tenants where id = $1 and closed_at is null`, tenantRow);
const selectPage = statement(
  "tenants.page",
  `select ${columns} from tenants where id < $1::uuid and closed_at is null order by id desc limit $2`,
  tenantRow,
);
const change = statement(
  "tenants.change",
  `update tenants set name = coalesce($2, name), locale = coalesce($3, locale), time_zone = coalesce($4, time_zone),
     supported_types = coalesce($5::text[], supported_types), auto_reply_enabled = coalesce($6::boolean, auto_reply_enabled),
     auto_reply_interval_seconds = coalesce($7::int, auto_reply_interval_seconds),
     auto_reply_text = case when $8::boolean then $9::text else auto_reply_text end,
     opt_out_words = case when $10::boolean then $11::text[] else opt_out_words end,
     opt_in_words = case when $12::boolean then $13::text[] else opt_in_words end,
     opt_out_reply = case when $14::boolean then $15::text else opt_out_reply end
   where id = $1 and closed_at is null returning ${columns}`,
  tenantRow,
);

/** With its first API key, whose secret is in the answer. The same slug again gives the tenant that is there, and no secret. */
export async function createTenant(
  platform: Db,
  wanted: CreateTenant,
  nowMs: number,
  actor: Actor = systemActor,
): Promise<{ id: string; apiKey: string | null }> {
  if (wanted.timeZone !== undefined) assertTimeZone(wanted.timeZone);
  return transaction(platform, async (tx) => {
    const [made] = await tx.query(insert, [newId(nowMs), wanted.name, wanted.slug, wanted.locale ?? null, wanted.timeZone ?? null]);
    if (made !== undefined) {
      const { apiKey } = await insertApiKey(tx, made.id, { name: "First key", scopes: [...scopes] }, { actor, nowMs });
      const data = { name: wanted.name, slug: wanted.slug };
      await appendAudit(
        tx,
        actor,
        [{ tenantId: made.id, action: "tenant.created", subject: { kind: "tenant", id: made.id }, data }],
        nowMs,
      );
      return { id: made.id, apiKey };
    }
    const [existing] = await tx.query(selectBySlug, [wanted.slug]);
    if (existing === undefined) throw notFound();
    if (existing.isClosed) throw new Rejection("conflict", 409, "A tenant with this slug was closed; take another slug.");
    return { id: existing.id, apiKey: null };
  });
}

export async function getTenant(db: Db | Tx, id: string): Promise<Tenant> {
  const [row] = await db.query(selectById, [id]);
  if (row === undefined) throw notFound();
  return shown(row);
}

/** Newest first. */
export async function listTenants(platform: Db, query: ListQuery): Promise<Page<Tenant>> {
  const limit = query.limit ?? limits.listLimitDefault;
  const rows = await platform.query(selectPage, [decodeIdCursor(query.after), limit]);
  return { data: rows.map(shown), next: nextIdCursor(rows, limit) };
}

/** Audited with the names of what was changed. Throws `not_found`, `invalid_request`. */
export function changeTenant(platform: Db, id: string, wanted: ChangeTenant, { actor, nowMs }: By): Promise<Tenant> {
  assertSound(wanted);
  return transaction(platform, async (tx) => {
    const row = await writeChange(tx, id, wanted);
    const data = { changed: Object.keys(wanted).toSorted() };
    await appendAudit(tx, actor, [{ tenantId: id, action: "tenant.changed", subject: { kind: "tenant", id }, data }], nowMs);
    return shown(row);
  });
}

async function writeChange(tx: Tx, id: string, wanted: ChangeTenant): Promise<RowOf<typeof tenantRow>> {
  const [row] = await tx.query(change, [
    id,
    wanted.name ?? null,
    wanted.locale ?? null,
    wanted.timeZone ?? null,
    wanted.supportedTypes ?? null,
    wanted.autoReplyEnabled ?? null,
    wanted.autoReplyInterval ?? null,
    wanted.autoReplyText !== undefined,
    wanted.autoReplyText ?? null,
    wanted.optOutWords !== undefined,
    wanted.optOutWords ?? null,
    wanted.optInWords !== undefined,
    wanted.optInWords ?? null,
    wanted.optOutReply !== undefined,
    wanted.optOutReply ?? null,
  ]);
  if (row === undefined) throw notFound();
  return row;
}

/** With the words that count: the tenant's own, or ours. */
function shown(row: RowOf<typeof tenantRow>): Tenant {
  const { createdAtMs, optOutWords, optInWords, ...fields } = row;
  const words = { optOutWords: [...(optOutWords ?? ourStopWords)], optInWords: [...(optInWords ?? ourResumeWords)] };
  return { ...fields, ...words, createdAt: time(createdAtMs) };
}

function assertSound(wanted: ChangeTenant): void {
  if (wanted.timeZone !== undefined) assertTimeZone(wanted.timeZone);
  for (const field of ["autoReplyText", "optOutReply"] as const) {
    if (wanted[field]?.trim() === "") throw invalidRequest(`${field} has nothing but white space`);
  }
  for (const field of ["optOutWords", "optInWords"] as const) {
    const mute = (wanted[field] ?? []).find((word) => normaliseWord(word) === "");
    if (mute !== undefined) throw invalidRequest(`${field}: a word needs a letter or a digit`);
  }
}

function assertTimeZone(timeZone: string): void {
  try {
    // Throws a RangeError for a name that it does not know.
    new Intl.DateTimeFormat("en", { timeZone }).format(0);
  } catch {
    throw invalidRequest("timeZone is not the name of a time zone");
  }
}
