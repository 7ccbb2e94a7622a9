/** Tenants: made and changed by the operator's scope, read by their own keys too. */
import type { ListQuery, Page } from "../../contract/json.ts";
import { scopes, type ChangeTenant, type CreateTenant, type Tenant } from "../../contract/tenants.ts";
import { decodeIdCursor, nextIdCursor } from "../../core/cursor.ts";
import { invalidRequest, notFound, Rejection } from "../../core/rejection.ts";
import type { Db } from "../../db/pool.ts";
import { newId } from "../../db/new-id.ts";
import { statement, time, type RowOf } from "../../db/statement.ts";
import { transaction, type Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
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
  createdAtMs: "time",
} as const;

const columns = `id, name, slug, locale, time_zone as "timeZone", supported_types as "supportedTypes",
  auto_reply_enabled as "autoReplyEnabled", auto_reply_interval_seconds as "autoReplyInterval",
  auto_reply_text as "autoReplyText", created_at as "createdAtMs"`;

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
     auto_reply_text = case when $8::boolean then $9::text else auto_reply_text end
   where id = $1 and closed_at is null returning ${columns}`,
  tenantRow,
);

/** With its first API key, whose secret is in the answer. The same slug again gives the tenant that is there, and no secret. */
export async function createTenant(platform: Db, wanted: CreateTenant, nowMs: number): Promise<{ id: string; apiKey: string | null }> {
  if (wanted.timeZone !== undefined) assertTimeZone(wanted.timeZone);
  return transaction(platform, async (tx) => {
    const [made] = await tx.query(insert, [newId(nowMs), wanted.name, wanted.slug, wanted.locale ?? null, wanted.timeZone ?? null]);
    if (made !== undefined) {
      const { apiKey } = await insertApiKey(tx, made.id, { name: "First key", scopes: [...scopes] }, nowMs);
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

export async function changeTenant(platform: Db, id: string, wanted: ChangeTenant): Promise<Tenant> {
  if (wanted.timeZone !== undefined) assertTimeZone(wanted.timeZone);
  if (wanted.autoReplyText?.trim() === "") throw invalidRequest("autoReplyText has nothing but white space");
  const [row] = await platform.query(change, [
    id,
    wanted.name ?? null,
    wanted.locale ?? null,
    wanted.timeZone ?? null,
    wanted.supportedTypes ?? null,
    wanted.autoReplyEnabled ?? null,
    wanted.autoReplyInterval ?? null,
    wanted.autoReplyText !== undefined,
    wanted.autoReplyText ?? null,
  ]);
  if (row === undefined) throw notFound();
  return shown(row);
}

function shown(row: RowOf<typeof tenantRow>): Tenant {
  const { createdAtMs, ...fields } = row;
  return { ...fields, createdAt: time(createdAtMs) };
}

function assertTimeZone(timeZone: string): void {
  try {
    // Throws a RangeError for a name that it does not know.
    new Intl.DateTimeFormat("en", { timeZone }).format(0);
  } catch {
    throw invalidRequest("timeZone is not the name of a time zone");
  }
}
