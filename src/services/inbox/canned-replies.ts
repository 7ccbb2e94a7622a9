/** Answers that a tenant's people give often, by a shortcut and in several languages. */
import type { CannedReply, ChangeCannedReply, CreateCannedReply } from "../../contract/inbox.ts";
import type { ListQuery, Page } from "../../contract/json.ts";
import { decodeCursor, encodeCursor } from "../../core/cursor.ts";
import { isUuid, nilId } from "../../core/ids.ts";
import { invalidRequest, notFound, Rejection } from "../../core/rejection.ts";
import type { TenantScope } from "../../core/scope.ts";
import { cleanText } from "../../core/text.ts";
import { newId } from "../../db/new-id.ts";
import type { Db } from "../../db/pool.ts";
import { statement, time, type RowOf } from "../../db/statement.ts";
import { tenantTransaction, type Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import { appendActivity } from "../activity/append.ts";
import { appendAudit, type By } from "../audit/append.ts";
import { orConflict } from "./conflict.ts";
import { eventActor, inboxEvent } from "./event.ts";

/** `key` is what the list is sorted by, as the database has it. */
const replyRow = { id: "uuid", shortcut: "text", key: "text", texts: "json", createdAtMs: "time", changedAtMs: "time" } as const;
const columns = `id, shortcut, lower(shortcut) as key, texts, created_at as "createdAtMs", changed_at as "changedAtMs"`;

const selectPage = statement(
  "canned_replies.page",
  `select ${columns} from canned_replies where tenant_id = $1 and (lower(shortcut), id) > ($2, $3::uuid) order by lower(shortcut), id limit $4`,
  replyRow,
);
const insert = statement(
  "canned_replies.insert",
  `insert into canned_replies (tenant_id, id, shortcut, texts, created_at, changed_at)
   select $1, $2, $3, $4::jsonb, $5::timestamptz, $5::timestamptz where (select count(*) from canned_replies where tenant_id = $1) < $6
   returning ${columns}`,
  replyRow,
);
const update = statement(
  "canned_replies.update",
  `update canned_replies set shortcut = coalesce($3, shortcut), texts = coalesce($4::jsonb, texts), changed_at = $5::timestamptz
   where tenant_id = $1 and id = $2 returning ${columns}`,
  replyRow,
);
const remove = statement("canned_replies.delete", `delete from canned_replies where tenant_id = $1 and id = $2 returning id`, {
  id: "uuid",
});

/** By shortcut. */
export async function listCannedReplies(app: Db, scope: TenantScope, query: ListQuery): Promise<Page<CannedReply>> {
  const limit = query.limit ?? limits.listLimitDefault;
  const after = keyAfter(query.after);
  const rows = await tenantTransaction(app, scope, (tx) => tx.query(selectPage, [scope.tenantId, ...after, limit]));
  const last = rows.at(-1);
  const next = last === undefined || rows.length < limit ? null : encodeCursor([last.key, last.id]);
  return { data: rows.map(shown), next };
}

/** Throws `conflict` where the shortcut is taken, in whatever case, and `too_many`. */
export async function createCannedReply(app: Db, scope: TenantScope, wanted: CreateCannedReply, by: By): Promise<CannedReply> {
  return tenantTransaction(app, scope, async (tx) => {
    const { shortcut, texts } = wanted;
    const values = [scope.tenantId, newId(by.nowMs), shortcut, jsonOf(texts), time(by.nowMs), limits.cannedRepliesPerTenantMax];
    const [row] = await orConflict(tx.query(insert, values), taken);
    if (row === undefined) throw new Rejection("too_many", 409, `A tenant has at most ${limits.cannedRepliesPerTenantMax} canned replies`);
    await written(tx, scope, { what: "canned_reply.created", id: row.id, fields: ["shortcut", "texts"] }, by);
    return shown(row);
  });
}

/** `texts` takes the place of all texts. */
export async function changeCannedReply(
  app: Db,
  scope: TenantScope,
  { id, wanted }: { id: string; wanted: ChangeCannedReply },
  by: By,
): Promise<CannedReply> {
  return tenantTransaction(app, scope, async (tx) => {
    const texts = wanted.texts === undefined ? null : jsonOf(wanted.texts);
    const [row] = await orConflict(tx.query(update, [scope.tenantId, id, wanted.shortcut ?? null, texts, time(by.nowMs)]), taken);
    if (row === undefined) throw notFound();
    await written(tx, scope, { what: "canned_reply.changed", id, fields: Object.keys(wanted) }, by);
    return shown(row);
  });
}

export async function deleteCannedReply(app: Db, scope: TenantScope, id: string, by: By): Promise<void> {
  await tenantTransaction(app, scope, async (tx) => {
    if ((await tx.query(remove, [scope.tenantId, id])).length === 0) throw notFound();
    await written(tx, scope, { what: "canned_reply.deleted", id, fields: [] }, by);
  });
}

const taken = "There is a canned reply with this shortcut already";

type Written = { what: "canned_reply.created" | "canned_reply.changed" | "canned_reply.deleted"; id: string; fields: readonly string[] };

async function written(tx: Tx, { tenantId }: TenantScope, { what, id, fields }: Written, by: By): Promise<void> {
  await appendAudit(tx, by.actor, [{ tenantId, action: what, subject: { kind: "canned_reply", id }, data: { fields } }], by.nowMs);
  const event = inboxEvent(what, { tenantId, conversationId: null }, { cannedReplyId: id, by: eventActor(by.actor) });
  await appendActivity(tx, [event], by.nowMs);
}

function keyAfter(after: string | undefined): [string, string] {
  if (after === undefined) return ["", nilId];
  const [shortcut, id] = decodeCursor(after, ["text", "text"]);
  if (!isUuid(id) || shortcut.includes("\0")) throw invalidRequest("`after` is not a cursor of this list");
  return [shortcut, id];
}

function jsonOf(texts: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(texts).map(([language, text]) => [language, cleanText(text)])));
}

function shown({ id, shortcut, texts, createdAtMs, changedAtMs }: RowOf<typeof replyRow>): CannedReply {
  // Checked when it was written.
  return { id, shortcut, texts: texts as CannedReply["texts"], createdAt: time(createdAtMs), changedAt: time(changedAtMs) };
}
