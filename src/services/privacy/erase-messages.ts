/** Messages of the person's conversations: first all are marked, so that nothing about them is stored any more, then they are deleted. */
import { texts, uuids } from "../../db/arrays.ts";
import { isUuid, uuidV7Floor } from "../../core/ids.ts";
import { leavesOf } from "../../core/erased.ts";
import { statement, type RowOf } from "../../db/statement.ts";
import type { Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import { lockMediaContent } from "../whatsapp/media/media.ts";
import type { Portion, PrivacyDeps, Progress } from "./erase.ts";
import { everMs, writeMarks, type Mark } from "./marks.ts";
import { messageName } from "./names.ts";
import type { TenantScope } from "../../core/scope.ts";

const markedRow = { id: "uuid", at: "text", waMessageId: "text?", direction: "text", role: "text" } as const;
const selectToMark = statement(
  "erase_messages.to_mark",
  `select m.id, m.wa_timestamp::text as at, m.wa_message_id as "waMessageId", m.direction, m.role
   from whatsapp_messages m where m.tenant_id = $1 and m.conversation_id = $2 and (m.wa_timestamp, m.id) > ($3::timestamptz, $4::uuid)
   order by m.wa_timestamp, m.id limit $5`,
  markedRow,
);
const doomedRow = { id: "uuid", connectionId: "uuid", waMessageId: "text?", direction: "text", role: "text", content: "json" } as const;
const lockPage = statement(
  "erase_messages.page",
  `select m.id, m.connection_id as "connectionId", m.wa_message_id as "waMessageId", m.direction, m.role, m.content
   from whatsapp_messages m where m.tenant_id = $1 and m.conversation_id = any($2::uuid[]) limit $3 for update`,
  doomedRow,
);
const deleteStatuses = statement(
  "erase_messages.statuses",
  `delete from whatsapp_message_statuses s using unnest($2::uuid[], $3::text[]) as u (connection_id, wa_message_id)
   where s.tenant_id = $1 and s.connection_id = u.connection_id and s.wa_message_id = u.wa_message_id returning s.status`,
  { status: "text" },
);
/** Nothing but the key finds them, so all of the tenant's are looked through: asked only about messages of the time for which answers are kept. */
const deleteAnswers = statement(
  "erase_messages.answers",
  `delete from idempotency_keys where tenant_id = $1 and answer ->> 'id' = any($2::text[])`,
  {},
);
const deleteMedia = statement(
  "erase_messages.media",
  `delete from whatsapp_media where tenant_id = $1 and message_id = any($2::uuid[]) returning sha256`,
  { sha256: "text?" },
);
const selectUse = statement("erase_messages.content_use", `select id from whatsapp_media where tenant_id = $1 and sha256 = $2 limit 1`, {
  id: "uuid",
});
/** The follower that fills the search holds this row while it reads and writes: it cannot index what is being deleted. */
const lockSearch = statement(
  "erase_messages.lock_search",
  `select seq from follower_cursors where tenant_id = $1 and follower = 'search' for update`,
  { seq: "bigint" },
);
const deleteSearch = statement(
  "erase_messages.search",
  `delete from search_messages where tenant_id = $1 and message_id = any($2::uuid[])`,
  {},
);
const deleteSends = statement(
  "erase_messages.sends",
  `delete from whatsapp_sends where tenant_id = $1 and message_id = any($2::uuid[])`,
  {},
);
const deleteMessages = statement(
  "erase_messages.delete",
  `delete from whatsapp_messages where tenant_id = $1 and id = any($2::uuid[])`,
  {},
);
const selectUploads = statement(
  "erase_messages.uploads",
  `select id from whatsapp_media where tenant_id = $1 and id = any($2::uuid[]) and message_id is null`,
  { id: "uuid" },
);
const noteUploads = statement(
  "erase_messages.note_uploads",
  `update privacy_jobs set upload_ids = array(select distinct x from unnest(upload_ids || $3::uuid[]) x) where tenant_id = $1 and id = $2`,
  {},
);

export type Doomed = RowOf<typeof doomedRow>;

/** Answers are cleared away a little after their time. */
const answersKeptMs = 2 * limits.idempotencyKeyMs;
const firstId = "00000000-0000-0000-0000-000000000000";

/** The cursor: which conversation, and behind which of its messages. */
export async function markMessages({ tx, scope, job, hash, nowMs }: Portion): Promise<Progress> {
  const [place = "0", at = "-infinity", after = firstId] = job.cursor === "" ? [] : job.cursor.split("|");
  const conversationId = job.conversationIds[Number(place)];
  if (conversationId === undefined) return { cursor: null };
  const rows = await tx.query(selectToMark, [scope.tenantId, conversationId, at, after, limits.privacyRowsMax]);
  await writeMarks(tx, scope.tenantId, rows.flatMap(marksOf), { hash, nowMs });
  const last = rows.at(-1);
  if (last === undefined || rows.length < limits.privacyRowsMax) return { cursor: String(Number(place) + 1) };
  return { cursor: `${place}|${last.at}|${last.id}` };
}

export async function eraseMessages(portion: Portion): Promise<Progress> {
  const { tx, scope, job } = portion;
  await takeSearchTurn(tx, scope);
  const rows = await tx.query(lockPage, [scope.tenantId, uuids(job.conversationIds), limits.privacyRowsMax]);
  if (rows.length === 0) return { cursor: null };
  return { cursor: "more", counts: await deletePage(portion, rows) };
}

/** With everything that hangs on them. The rows are locked; their bytes go when no other message of the tenant shows the same. */
export async function deletePage(
  { tx, scope, job, hash, deps, nowMs }: Portion,
  rows: readonly Doomed[],
): Promise<{ [what: string]: number }> {
  const { tenantId } = scope;
  const ids = rows.map(({ id }) => id);
  await writeMarks(tx, tenantId, rows.flatMap(marksOf), { hash, nowMs });
  const uploads = rows.flatMap(({ content, direction }) =>
    direction === "outbound" ? [...leavesOf(content, limits.jsonDepthMax)].filter(isUuid) : [],
  );
  if (uploads.length > 0) {
    const found = await tx.query(selectUploads, [tenantId, uuids([...new Set(uploads)])]);
    if (found.length > 0) await tx.query(noteUploads, [tenantId, job.id, uuids(found.map(({ id }) => id))]);
  }
  const answeredFrom = uuidV7Floor(nowMs - answersKeptMs);
  const answered = rows.filter(({ id, direction }) => direction === "outbound" && id >= answeredFrom).map(({ id }) => id);
  if (answered.length > 0) await tx.query(deleteAnswers, [tenantId, texts(answered)]);
  const files = await forgetMessages(tx, scope, rows, deps.store);
  return { messages: ids.length, ...files };
}

export async function forgetMessages(
  tx: Tx,
  scope: TenantScope,
  rows: readonly Pick<Doomed, "id" | "connectionId" | "waMessageId">[],
  store: PrivacyDeps["store"],
): Promise<{ statuses: number; files: number }> {
  const { tenantId } = scope;
  const ids = rows.map(({ id }) => id);
  const named = rows.filter(({ waMessageId }) => waMessageId !== null);
  const statuses = await tx.query(deleteStatuses, [
    tenantId,
    uuids(named.map(({ connectionId }) => connectionId)),
    texts(named.map(({ waMessageId }) => waMessageId)),
  ]);
  await tx.query(deleteSends, [tenantId, uuids(ids)]);
  const media = await tx.query(deleteMedia, [tenantId, uuids(ids)]);
  await removeContents(
    tx,
    scope,
    media.flatMap(({ sha256 }) => sha256 ?? []),
    store,
  );
  await tx.query(deleteSearch, [tenantId, uuids(ids)]);
  await tx.query(deleteMessages, [tenantId, uuids(ids)]);
  return { statuses: statuses.length, files: media.length };
}

/** Before messages are locked that will be deleted. */
export async function takeSearchTurn(tx: Tx, scope: TenantScope): Promise<void> {
  await tx.query(lockSearch, [scope.tenantId]);
}

/** Bytes that no row names any more, under their locks until this transaction ends. Gone before it commits. */
export async function removeContents(tx: Tx, scope: TenantScope, contents: readonly string[], store: PrivacyDeps["store"]): Promise<void> {
  for (const sha256 of [...new Set(contents)].toSorted()) {
    await lockMediaContent(tx, scope, sha256);
    const [use] = await tx.query(selectUse, [scope.tenantId, sha256]);
    if (use === undefined) await store.remove({ tenantId: scope.tenantId, sha256 });
  }
}

/** Statuses name our own id as well, and of a call every event has an id of its own behind the call's. */
export function marksOf({ id, waMessageId, direction, role }: Pick<Doomed, "id" | "waMessageId" | "direction" | "role">): Mark[] {
  const callId = role === "call" && waMessageId !== null ? waMessageId.replace(/:(?:status:)?[^:]*$/, "") : null;
  const values = [waMessageId, callId, direction === "outbound" ? id : null].filter((value) => value !== null);
  return values.map((value) => ({ name: messageName(value), sinceMs: everMs.from, untilMs: everMs.until }));
}
