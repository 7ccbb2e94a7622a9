/**
 * Groups stay, and what others wrote there does. The person's own words go, with what others made of them (reactions), and in others'
 * replies the place that names the person.
 */
import { bools, texts, uuids } from "../../db/arrays.ts";
import { statement, type RowOf } from "../../db/statement.ts";
import { limits } from "../../limits.ts";
import { rebuildConversations } from "../whatsapp/contacts/conversations.ts";
import { decodeUpdate } from "../whatsapp/graph/decode.ts";
import type { LocatedUpdate } from "../whatsapp/graph/updates.ts";
import { readRecord } from "../whatsapp/graph/wire.ts";
import { withoutNamed, type IsMarked } from "./clean.ts";
import { deletePage, marksOf, takeSearchTurn } from "./erase-messages.ts";
import type { Portion, Progress } from "./erase.ts";
import { everMs, findMarked, writeMarks } from "./marks.ts";
import { addressNames, messageName, namesInside, namesOfLeaf, type Name } from "./names.ts";

const selectGroup = statement(
  "erase_groups.next",
  `select id from whatsapp_conversations where tenant_id = $1 and group_id is not null and id > $2::uuid order by id limit 1`,
  { id: "uuid" },
);
const rowSpec = {
  id: "uuid",
  at: "text",
  atMs: "time",
  connectionId: "uuid",
  waMessageId: "text?",
  direction: "text",
  role: "text",
  content: "json",
  raw: "text?",
  senderPhone: "text?",
  senderUserId: "text?",
  target: "text?",
} as const;
const columns = `m.id, m.wa_timestamp::text as at, m.wa_timestamp as "atMs", m.connection_id as "connectionId", m.wa_message_id as "waMessageId", m.direction, m.role,
     m.content, m.raw, m.sender_phone as "senderPhone", m.sender_user_id as "senderUserId", m.target_wa_message_id as target`;
const selectPage = statement(
  "erase_groups.page",
  `select ${columns} from whatsapp_messages m where m.tenant_id = $1 and m.conversation_id = $2 and (m.wa_timestamp, m.id) > ($3::timestamptz, $4::uuid)
   order by m.wa_timestamp, m.id limit $5`,
  rowSpec,
);
const lockGroup = statement(
  "erase_groups.lock_group",
  `select id from whatsapp_conversations where tenant_id = $1 and id = $2 for no key update`,
  { id: "uuid" },
);
/** By their unique key, as batches take them. */
const lockRows = statement(
  "erase_groups.lock",
  `select ${columns} from whatsapp_messages m where m.tenant_id = $1 and m.id = any($2::uuid[]) order by m.connection_id, m.wa_message_id, m.id for update`,
  rowSpec,
);
const rewrite = statement(
  "erase_groups.rewrite",
  `update whatsapp_messages m set content = u.content::jsonb, raw = u.raw,
     target_wa_message_id = case when u.forgets then null else m.target_wa_message_id end
   from unnest($2::uuid[], $3::text[], $4::text[], $5::bool[]) as u (id, content, raw, forgets)
   where m.tenant_id = $1 and m.id = u.id`,
  {},
);
/** Who of a group has received or read a message of ours. */
const selectParticipants = statement(
  "erase_groups.participants",
  `select s.connection_id as "connectionId", s.wa_message_id as "waMessageId", s.participant, s.at as "atMs"
   from unnest($2::uuid[], $3::text[]) as u (connection_id, wa_message_id)
   join whatsapp_message_statuses s on s.tenant_id = $1 and s.connection_id = u.connection_id and s.wa_message_id = u.wa_message_id
   where s.participant <> ''`,
  { connectionId: "uuid", waMessageId: "text", participant: "text", atMs: "time" },
);
const deleteParticipant = statement(
  "erase_groups.delete_participant",
  `delete from whatsapp_message_statuses s using unnest($2::uuid[], $3::text[], $4::text[]) as u (connection_id, wa_message_id, participant)
   where s.tenant_id = $1 and s.connection_id = u.connection_id and s.wa_message_id = u.wa_message_id and s.participant = u.participant`,
  {},
);

type Row = RowOf<typeof rowSpec>;
const firstId = "00000000-0000-0000-0000-000000000000";

/**
 * Twice through all groups: first the person's messages are marked, so that what others made of them is known for it wherever it stands. The
 * cursor: which time, which group, and behind which of its messages.
 */
export async function eraseGroupMessages(portion: Portion): Promise<Progress> {
  const { tx, scope, job } = portion;
  const [phase = "mark", group = firstId, at = "-infinity", after = firstId] = job.cursor === "" ? [] : job.cursor.split("|");
  const act = phase === "mark" ? markPage : erasePage;
  // A place without messages behind it is a group that is done.
  const isInside = job.cursor.split("|").length > 2;
  const next = isInside ? group : (await tx.query(selectGroup, [scope.tenantId, group]))[0]?.id;
  if (next === undefined) return { cursor: phase === "mark" ? `erase|${firstId}` : null };
  const rows = await tx.query(selectPage, [scope.tenantId, next, at, after, limits.privacyRowsMax]);
  const counts = await act(portion, next, rows);
  const last = rows.at(-1);
  const isDone = last === undefined || rows.length < limits.privacyRowsMax;
  return { cursor: isDone ? `${phase}|${next}` : `${phase}|${next}|${last.at}|${last.id}`, counts };
}

type Counts = { [what: string]: number };

async function markPage({ tx, scope, hash, nowMs }: Portion, _group: string, rows: readonly Row[]): Promise<Counts> {
  const isMarked = await findMarked(tx, scope.tenantId, hash, rows.flatMap(ownNames));
  const mine = rows.filter((row) => ownNames(row).some(isMarked));
  // By their own ids, too: events of theirs that stand in the activity name no more than that.
  const marks = mine.flatMap((row) => [...marksOf(row), { name: messageName(row.id), sinceMs: everMs.from, untilMs: everMs.until }]);
  await writeMarks(tx, scope.tenantId, marks, { hash, nowMs });
  return {};
}

/** Only what changes is locked: behind its conversation, as everybody takes them, and read again then. */
async function erasePage(portion: Portion, group: string, rows: readonly Row[]): Promise<Counts> {
  const { tx, scope, hash } = portion;
  const { tenantId } = scope;
  const participants = await tx.query(selectParticipants, [tenantId, ...keysOf(rows.filter(({ direction }) => direction === "outbound"))]);
  const isMarked = await findMarked(tx, tenantId, hash, [...rows.flatMap(namesOfRow), ...participants.flatMap(participantNames)]);
  const told = participants.filter((row) => participantNames(row).some(isMarked));
  const touched = rows.filter((row) => namesOfRow(row).some(isMarked));
  const counts = touched.length === 0 ? {} : await eraseRows(portion, group, touched);
  if (told.length > 0) await tx.query(deleteParticipant, [tenantId, ...keysOf(told), texts(told.map(({ participant }) => participant))]);
  return counts;
}

async function eraseRows(portion: Portion, group: string, touched: readonly Row[]): Promise<Counts> {
  const { tx, scope, hash } = portion;
  const { tenantId } = scope;
  await tx.query(lockGroup, [tenantId, group]);
  await takeSearchTurn(tx, scope);
  const rows = await tx.query(lockRows, [tenantId, uuids(touched.map(({ id }) => id))]);
  const isMarked = await findMarked(tx, tenantId, hash, rows.flatMap(namesOfRow));
  const gone = rows.filter((row) => ownNames(row).some(isMarked));
  const others = rows.filter((row) => !gone.includes(row) && contextNames(row).some(isMarked));
  if (others.length > 0) await rewriteOthers(portion, others, isMarked);
  if (gone.length === 0) return {};
  const counts = await deletePage(portion, gone);
  await rebuildConversations(tx, tenantId, [group]);
  return counts;
}

function namesOfRow(row: Row): Name[] {
  return [...ownNames(row), ...contextNames(row)];
}

async function rewriteOthers({ tx, scope }: Portion, rows: readonly Row[], isMarked: IsMarked): Promise<void> {
  const changed = rows.map((row) => {
    const isNamed = (leaf: string): boolean => namesOfLeaf(leaf, row.atMs).some(isMarked);
    const fields = readRecord(rawOf(row));
    const context = readRecord(fields?.["context"]);
    const element = context === null ? fields : { ...fields, context: withoutNamed(context, isNamed) };
    const forgets = row.target !== null && isMarked(messageName(row.target));
    return { id: row.id, content: contentOf(row, element), raw: element === null ? row.raw : JSON.stringify(element), forgets };
  });
  await tx.query(rewrite, [
    scope.tenantId,
    uuids(changed.map(({ id }) => id)),
    texts(changed.map(({ content }) => content)),
    texts(changed.map(({ raw }) => raw)),
    bools(changed.map(({ forgets }) => forgets)),
  ]);
}

/** As the path in would decode it now. */
function contentOf(row: Row, element: unknown): string {
  const source = row.direction === "inbound" ? "message" : "echo";
  const update = decodeUpdate({ ...nowhere, source, element });
  return JSON.stringify(update.kind === "message" || update.kind === "echo" ? update.content : row.content);
}

const nowhere: Omit<LocatedUpdate, "source" | "element"> = {
  index: 0,
  lane: "whatsapp-messages",
  standby: false,
  field: "",
  wabaId: null,
  entryAtMs: null,
  phoneNumberId: null,
  displayPhoneNumber: null,
  contacts: [],
  alone: true,
};

function rawOf({ raw }: Row): unknown {
  return raw === null ? null : (JSON.parse(raw) as unknown);
}

function ownNames({ senderPhone, senderUserId, atMs, waMessageId, role, target }: Row): Name[] {
  const isNothingAlone = role === "reaction" || role === "edit" || role === "revoke";
  const messages = [waMessageId, isNothingAlone ? target : null].flatMap((id) => (id === null ? [] : [messageName(id)]));
  return [...addressNames([senderPhone, senderUserId], atMs), ...messages];
}

function contextNames(row: Row): Name[] {
  const context = readRecord(readRecord(rawOf(row))?.["context"]);
  const inside = context === null ? [] : namesInside(context, row.atMs);
  return row.target === null ? inside : [...inside, messageName(row.target)];
}

function participantNames({ participant, atMs }: { participant: string; atMs: number }): Name[] {
  return addressNames([participant], atMs);
}

function keysOf(rows: readonly { connectionId: string; waMessageId: string | null }[]): Buffer[] {
  const named = rows.filter(({ waMessageId }) => waMessageId !== null);
  return [uuids(named.map(({ connectionId }) => connectionId)), texts(named.map(({ waMessageId }) => waMessageId))];
}
