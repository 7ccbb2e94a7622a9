/** The first two steps of an erasure: who the person is, by which addresses, and from when on they are a stranger. */
import { texts, uuids } from "../../db/arrays.ts";
import { statement, time, type RowOf } from "../../db/statement.ts";
import type { Tx } from "../../db/transaction.ts";
import { lockTenants } from "../whatsapp/contacts/locks.ts";
import { familyOf } from "./jobs.ts";
import { keepOptOut } from "./kept-opt-outs.ts";
import { everMs, writeMarks, type Mark } from "./marks.ts";
import type { Portion, Progress } from "./erase.ts";

const addressRow = { kind: "text", scope: "text", value: "text", fromAtMs: "time", isMine: "bool" } as const;

/** Their addresses, and all claims of others to the same phones. */
const selectAddresses = statement(
  "erase_people.addresses",
  `select a.kind, a.scope, a.value, a.from_at as "fromAtMs", a.contact_id = any($2::uuid[]) as "isMine"
   from whatsapp_contact_addresses a
   where a.tenant_id = $1 and (a.contact_id = any($2::uuid[])
     or a.kind = 'phone' and a.value in (select m.value from whatsapp_contact_addresses m where m.tenant_id = $1 and m.kind = 'phone' and m.contact_id = any($2::uuid[])))`,
  addressRow,
);
const lockContacts = statement(
  "erase_people.lock",
  `select id from whatsapp_contacts where tenant_id = $1 and id = any($2::uuid[]) order by id for update`,
  { id: "uuid" },
);
const deleteTies = statement(
  "erase_people.ties",
  `delete from whatsapp_contact_ties where tenant_id = $1 and (contact_id = any($2::uuid[]) or phone = any($3::text[]) or other_value = any($4::text[]))`,
  {},
);
const deleteDepartures = statement(
  "erase_people.departures",
  `delete from whatsapp_contact_departures where tenant_id = $1 and phone = any($2::text[])`,
  {},
);
const deleteBonds = statement(
  "erase_people.bonds",
  `delete from whatsapp_contact_bonds where tenant_id = $1 and (contact_id = any($2::uuid[]) or other_id = any($2::uuid[]))`,
  {},
);
const deleteAddresses = statement(
  "erase_people.delete_addresses",
  `delete from whatsapp_contact_addresses where tenant_id = $1 and contact_id = any($2::uuid[])`,
  {},
);
const blankContacts = statement(
  "erase_people.blank_contacts",
  `update whatsapp_contacts set profile_name = null, username = null, profile_wa_message_id = '', own_profile_name = null, own_username = null,
     own_profile_wa_message_id = '', locale = null
   where tenant_id = $1 and id = any($2::uuid[])`,
  {},
);
const blankConversations = statement(
  "erase_people.blank_conversations",
  `update whatsapp_conversations c set reply_phone = null, reply_user_id = null
   from (select id from whatsapp_conversations where tenant_id = $1 and contact_id = any($2::uuid[]) order by id for no key update) l
   where c.tenant_id = $1 and c.id = l.id returning c.id`,
  { id: "uuid" },
);
const noteFamily = statement(
  "erase_people.note",
  `update privacy_jobs set contact_ids = $3::uuid[], conversation_ids = $4::uuid[], erased_at = $5::timestamptz where tenant_id = $1 and id = $2`,
  {},
);

/** From its COMMIT on batches that begin leave out all that names the person, whenever it is dated: the end is not known yet. */
export async function announce({ tx, scope, job, hash, nowMs }: Portion): Promise<Progress> {
  const contactIds = await familyOf(tx, scope, job.contactIds);
  const marks = marksOf(await readAddresses(tx, scope.tenantId, contactIds), everMs.until);
  await writeMarks(tx, scope.tenantId, marks, { hash, nowMs });
  return { cursor: null };
}

/**
 * Alone with the tenant's people, as a merge is: nothing can be learnt about them meanwhile, and what nodes remember of them holds no longer.
 * The moment of this transaction is the erasure's: everything that was left out before it is dated before it.
 */
export async function estrange({ tx, scope, job, hash, nowMs }: Portion): Promise<Progress> {
  const { tenantId } = scope;
  await lockTenants(tx, [tenantId], () => true);
  const contactIds = await familyOf(tx, scope, job.contactIds);
  await tx.query(lockContacts, [tenantId, uuids(contactIds)]);
  const addresses = await readAddresses(tx, tenantId, contactIds);
  await writeMarks(tx, tenantId, marksOf(addresses, nowMs), { hash, nowMs });
  // Of a phone that went to somebody else the line of owners is theirs, too.
  const shared = new Set(addresses.filter(({ isMine }) => !isMine).map(({ value }) => value));
  const mine = addresses.filter(({ isMine, value }) => isMine && !shared.has(value));
  const phones = texts(mine.filter(({ kind }) => kind === "phone").map(({ value }) => value));
  await keepOptOut(tx, tenantId, { contactIds, addresses: mine, hash });
  await tx.query(deleteTies, [tenantId, uuids(contactIds), phones, texts(mine.map(({ value }) => value))]);
  await tx.query(deleteDepartures, [tenantId, phones]);
  await tx.query(deleteBonds, [tenantId, uuids(contactIds)]);
  await tx.query(deleteAddresses, [tenantId, uuids(contactIds)]);
  await tx.query(blankContacts, [tenantId, uuids(contactIds)]);
  const conversations = await tx.query(blankConversations, [tenantId, uuids(contactIds)]);
  const conversationIds = conversations.map(({ id }) => id);
  await tx.query(noteFamily, [tenantId, job.id, uuids(contactIds), uuids(conversationIds), time(nowMs)]);
  return { cursor: null, counts: { addresses: addresses.filter(({ isMine }) => isMine).length, conversations: conversationIds.length } };
}

type Address = RowOf<typeof addressRow>;

function readAddresses(tx: Tx, tenantId: string, contactIds: readonly string[]): Promise<Address[]> {
  return tx.query(selectAddresses, [tenantId, uuids(contactIds)]);
}

/** A phone that others have had, too, is the person's only in their own time: between their first claim and the next one of another's. */
function marksOf(addresses: readonly Address[], untilMs: number): Mark[] {
  return addresses.flatMap(({ kind, value, fromAtMs, isMine }): Mark[] => {
    if (!isMine) return [];
    if (kind !== "phone") return [{ name: { kind: "user_id", value }, sinceMs: everMs.from, untilMs }];
    const mine = addresses.filter((other) => other.isMine && other.kind === "phone" && other.value === value);
    const others = addresses.filter((other) => !other.isMine && other.value === value);
    const firstMs = Math.min(fromAtMs, ...mine.map((other) => other.fromAtMs));
    const nextMs = Math.min(...others.map((other) => other.fromAtMs).filter((atMs) => atMs > firstMs), Infinity);
    const hadBefore = others.some((other) => other.fromAtMs <= firstMs);
    return [{ name: { kind: "phone", value }, sinceMs: hadBefore ? firstMs : everMs.from, untilMs: Math.min(untilMs, nextMs - 1) }];
  });
}
