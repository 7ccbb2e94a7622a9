/** What stands about the person in records that others are in as well: the activity, Meta's events of the account, parked updates. */
import { erased, isErased, scrub } from "../../core/erased.ts";
import { bigints, texts, uuids } from "../../db/arrays.ts";
import { statement, time, type RowOf } from "../../db/statement.ts";
import { limits } from "../../limits.ts";
import { appendActivity, countsKey, type UpdateCounts } from "../activity/append.ts";
import { decodeUpdate, updateText } from "../whatsapp/graph/decode.ts";
import type { LocatedUpdate } from "../whatsapp/graph/updates.ts";
import { readRecord } from "../whatsapp/graph/wire.ts";
import { cleanUpdate, contactNames, contactsGone, namesInText, namesToAsk, type IsMarked } from "./clean.ts";
import type { Portion, Progress } from "./erase.ts";
import { findMarked } from "./marks.ts";
import { messageName, namesInside, namesOfLeaf, type Name, type Suspect } from "./names.ts";
import { placeBehind } from "./steps.ts";

const selectEvents = statement(
  "erase_records.events",
  `select e.seq, e.type, e.created_at as "atMs", e.data, e.conversation_id as "conversationId", e.message_id as "messageId"
   from activity_events e where e.tenant_id = $1 and e.seq > $2 order by e.seq limit $3`,
  { seq: "bigint", type: "text", atMs: "time", data: "json", conversationId: "uuid?", messageId: "uuid?" },
);
const blankEvents = statement(
  "erase_records.blank_events",
  `update activity_events e set data = u.data::json from unnest($2::bigint[], $3::text[]) as u (seq, data) where e.tenant_id = $1 and e.seq = u.seq`,
  {},
);

/** Numbers stay without a gap (I5): an event about the person says no more than that it was there. The cursor is the last number read. */
export async function blankActivity({ tx, scope, job, hash }: Portion): Promise<Progress> {
  const rows = await tx.query(selectEvents, [scope.tenantId, job.cursor === "" ? 0 : Number(job.cursor), limits.privacyRowsMax]);
  const last = rows.at(-1);
  if (last === undefined) return { cursor: null };
  const isMarked = await findMarked(
    tx,
    scope.tenantId,
    hash,
    rows.flatMap(({ data, atMs, messageId }) => [...namesInside(data, atMs), ...(messageId === null ? [] : [messageName(messageId)])]),
  );
  const mine = new Set([...job.contactIds, ...job.conversationIds]);
  const changed = rows.flatMap(({ seq, data, atMs, conversationId, messageId }) => {
    const fields = readRecord(data);
    const [contactId, target] = [fields?.["contactId"], fields?.["targetWaMessageId"]];
    const isMine =
      (messageId !== null && isMarked(messageName(messageId))) ||
      (conversationId !== null && mine.has(conversationId)) ||
      (typeof contactId === "string" && mine.has(contactId));
    const isNamed = (leaf: string): boolean => namesOfLeaf(leaf, atMs).some(isMarked);
    // Somebody else's answer to the person does not say to what it was one.
    const isAnswer = typeof target === "string" && isNamed(target);
    const left = scrub(isAnswer ? { ...fields, targetWaMessageId: null } : data, isNamed, limits.jsonDepthMax);
    if (isMine || isErased(left.value)) return [{ seq, data: JSON.stringify({ erased: true }) }];
    return left.hits === 0 && !isAnswer ? [] : [{ seq, data: JSON.stringify(left.value) }];
  });
  if (changed.length > 0) {
    await tx.query(blankEvents, [scope.tenantId, bigints(changed.map(({ seq }) => seq)), texts(changed.map(({ data }) => data))]);
  }
  return { cursor: placeBehind(rows, String(last.seq)), counts: { events: changed.length } };
}

const selectAccountEvents = statement(
  "erase_records.account_events",
  `select id, raw, content, created_at as "atMs" from whatsapp_account_events where tenant_id = $1 and id > $2::uuid order by id limit $3 for update`,
  { id: "uuid", raw: "text", content: "json", atMs: "time" },
);
const rewriteAccountEvents = statement(
  "erase_records.rewrite_account_events",
  `update whatsapp_account_events e set content = u.content::jsonb, raw = u.raw from unnest($2::uuid[], $3::text[], $4::text[]) as u (id, content, raw)
   where e.tenant_id = $1 and e.id = u.id`,
  {},
);
const deleteAccountEvents = statement(
  "erase_records.delete_account_events",
  `delete from whatsapp_account_events where tenant_id = $1 and id = any($2::uuid[])`,
  {},
);
const firstId = "00000000-0000-0000-0000-000000000000";

/** The person's own (an opt-out, a call that named nobody else) go; of lists of many people only the person's part does. */
export async function eraseAccountEvents({ tx, scope, job, hash }: Portion): Promise<Progress> {
  const rows = await tx.query(selectAccountEvents, [scope.tenantId, job.cursor === "" ? firstId : job.cursor, limits.privacyRowsMax]);
  const last = rows.at(-1);
  if (last === undefined) return { cursor: null };
  const events = rows.map((row) => ({ ...row, raw: JSON.parse(row.raw) as unknown }));
  const isMarked = await findMarked(
    tx,
    scope.tenantId,
    hash,
    events.flatMap(({ raw, content, atMs }) => [...namesInside(raw, atMs), ...namesInside(content, atMs)]),
  );
  const mine = new Set(job.contactIds);
  const changed = events.flatMap(({ id, raw, content, atMs }) => {
    const isNamed = (leaf: string): boolean => mine.has(leaf) || namesOfLeaf(leaf, atMs).some(isMarked);
    const left = { raw: scrub(raw, isNamed, limits.jsonDepthMax), content: scrub(content, isNamed, limits.jsonDepthMax) };
    if (left.raw.hits + left.content.hits === 0) return [];
    const isGone = readRecord(left.raw.value)?.["kesher"] !== undefined || readRecord(left.content.value)?.["kesher"] !== undefined;
    return [{ id, isGone, raw: JSON.stringify(left.raw.value), content: JSON.stringify(left.content.value) }];
  });
  const kept = changed.filter(({ isGone }) => !isGone);
  await tx.query(rewriteAccountEvents, [
    scope.tenantId,
    uuids(kept.map(({ id }) => id)),
    texts(kept.map(({ content }) => content)),
    texts(kept.map(({ raw }) => raw)),
  ]);
  await tx.query(deleteAccountEvents, [scope.tenantId, uuids(changed.filter(({ isGone }) => isGone).map(({ id }) => id))]);
  return { cursor: placeBehind(rows, last.id), counts: { accountEvents: changed.length } };
}

const parkedRow = {
  id: "uuid",
  deliveryId: "uuid",
  kind: "text",
  tenantId: "uuid?",
  located: "text?",
  updateJson: "text",
  receivedAtMs: "time",
  isOpen: "bool",
} as const;
const columns = `p.id, p.delivery_id as "deliveryId", p.kind, p.tenant_id as "tenantId", p.located, p.update_json as "updateJson", p.received_at as "receivedAtMs",
  p.resolved_at is null as "isOpen"`;
/** Also what was parked for nobody about an account that is the tenant's. */
const ofTenant = `(p.tenant_id = $1 or p.tenant_id is null and (p.waba_id is null or p.waba_id in (select a.waba_id from whatsapp_accounts a where a.tenant_id = $1)))`;
const selectParked = statement(
  "erase_records.parked",
  `select ${columns} from parked_updates p where ${ofTenant} and p.id > $2::uuid order by p.id limit $3 for update of p`,
  parkedRow,
);
const selectParkedOf = statement(
  "erase_records.parked_of_deliveries",
  `select ${columns} from parked_updates p where ${ofTenant} and p.delivery_id = any($2::uuid[]) order by p.id for update of p`,
  parkedRow,
);
const rewriteParked = statement(
  "erase_records.rewrite_parked",
  `update parked_updates p set located = u.located, update_json = u.update_json,
     detail = case when u.located is null then 'Erased' else p.detail end,
     resolved_at = case when u.located is null then coalesce(p.resolved_at, $5::timestamptz) else p.resolved_at end
   from unnest($1::uuid[], $2::text[], $3::text[]) as u (id, located, update_json)
   where p.id = u.id and (p.tenant_id = $4 or p.tenant_id is null)`,
  {},
);
const moveResults = statement(
  "erase_records.move_results",
  `update webhook_results r set parked = r.parked - u.moved, suppressed = r.suppressed + u.moved
   from (select delivery_id, kind, count(*)::int as moved from unnest($1::uuid[], $2::text[]) as x (delivery_id, kind) group by 1, 2 order by 1, 2) u
   where r.delivery_id = u.delivery_id and r.kind = u.kind`,
  {},
);

type ParkedRow = RowOf<typeof parkedRow>;

export async function eraseParked(portion: Portion): Promise<Progress> {
  const { tx, scope, job } = portion;
  const rows = await tx.query(selectParked, [scope.tenantId, job.cursor === "" ? firstId : job.cursor, limits.privacyRowsMax]);
  const last = rows.at(-1);
  if (last === undefined) return { cursor: null };
  return { cursor: placeBehind(rows, last.id), counts: { parked: await cleanParked(portion, rows) } };
}

/** For deliveries that came after the erasure. */
export async function eraseParkedOf(portion: Omit<Portion, "job">, deliveryIds: readonly string[]): Promise<void> {
  await cleanParked(portion, await portion.tx.query(selectParkedOf, [portion.scope.tenantId, uuids(deliveryIds)]));
}

/** What was parked about the person counts as suppressed from now on. Answers how many were. */
async function cleanParked({ tx, scope, hash, nowMs }: Omit<Portion, "job">, rows: readonly ParkedRow[]): Promise<number> {
  const read = rows.map((row) => ({ row, suspect: suspectOf(row) }));
  const isMarked = await findMarked(tx, scope.tenantId, hash, read.flatMap(namesOfParked));
  const changed = read.flatMap(({ row, suspect }) => leftOf(row, suspect, isMarked));
  if (changed.length === 0) return 0;
  await tx.query(rewriteParked, [
    uuids(changed.map(({ row }) => row.id)),
    texts(changed.map(({ located }) => located)),
    texts(changed.map(({ updateJson }) => updateJson)),
    scope.tenantId,
    time(nowMs),
  ]);
  const moved = changed.filter(({ row, located }) => row.isOpen && located === null);
  await tx.query(moveResults, [uuids(moved.map(({ row }) => row.deliveryId)), texts(moved.map(({ row }) => row.kind))]);
  const counts = new Map<string, UpdateCounts>();
  for (const { row } of moved) {
    const known = counts.get(countsKey(row.tenantId)) ?? { stored: 0, parked: 0, duplicates: 0, suppressed: 0 };
    counts.set(countsKey(row.tenantId), { ...known, parked: known.parked - 1, suppressed: known.suppressed + 1 });
  }
  await appendActivity(tx, [], nowMs, counts);
  return changed.length;
}

function suspectOf({ located: text, receivedAtMs }: ParkedRow): Suspect | null {
  if (text === null) return null;
  // Written by parked-updates.ts.
  const located = JSON.parse(text) as LocatedUpdate;
  return { located, update: decodeUpdate(located), receivedAtMs };
}

function namesOfParked({ row, suspect }: { row: ParkedRow; suspect: Suspect | null }): Name[] {
  if (suspect === null) return namesInText(row.updateJson, row.receivedAtMs);
  return [...namesToAsk(suspect), ...suspect.located.contacts.flatMap((contact) => contactNames(contact, null))];
}

/** `located` null: all of it goes. */
function leftOf(
  row: ParkedRow,
  suspect: Suspect | null,
  isMarked: IsMarked,
): { row: ParkedRow; located: string | null; updateJson: string }[] {
  const gone = [{ row, located: null, updateJson: JSON.stringify(erased) }];
  if (suspect === null) return namesInText(row.updateJson, row.receivedAtMs).some(isMarked) ? gone : [];
  const cleaned = cleanUpdate(suspect, isMarked);
  if (cleaned.kind === "erased") return gone;
  const { contacts } = suspect.located;
  const isGoneBeside = contactsGone([suspect], isMarked);
  const left = contacts.filter((contact) => !isGoneBeside(contact));
  if (cleaned.kind === "whole" && left.length === contacts.length) return [];
  const located = { ...suspect.located, contacts: left, element: cleaned.kind === "part" ? cleaned.element : suspect.located.element };
  return [{ row, located: JSON.stringify(located), updateJson: updateText(located) }];
}
