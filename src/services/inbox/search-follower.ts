/** Keeps the search's index up with the activity, and fills it with what is older: the newest first, in small steps that go on where they ended. */
import type { Db } from "../../db/pool.ts";
import { statement } from "../../db/statement.ts";
import { transaction, type Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import type { FollowedEvent, FollowedTenant, Follower } from "./follow.ts";
import { indexContacts, indexMessages, type ContactKey, type MessageKey } from "./search-index.ts";

/** Those after which a message says something else. */
const tellsWords: ReadonlySet<string> = new Set([
  "message.received",
  "message.echoed",
  "message.queued",
  "message.edited",
  "message.revoked",
]);

export const searchFollower: Follower = { name: "search", apply };

async function apply(tx: Tx, tenants: readonly FollowedTenant[]): Promise<void> {
  const ordinals = new Map(tenants.map(({ tenantId, ordinal }) => [tenantId, ordinal]));
  const events = tenants.flatMap((tenant) => tenant.events);
  await indexContacts(tx, unique(events.flatMap(contactOf)), ordinals);
  await indexMessages(tx, unique(events.flatMap(messageOf)), ordinals);
}

function messageOf({ tenantId, type, messageId }: FollowedEvent): MessageKey[] {
  return messageId !== null && tellsWords.has(type) ? [{ tenantId, messageId }] : [];
}

/** A contact that is new comes with its conversation. */
function contactOf({ tenantId, type, conversationId, data }: FollowedEvent): ContactKey[] {
  if (type === "contact.changed") {
    const contactId = typeof data === "object" && data !== null && "contactId" in data ? data.contactId : null;
    return typeof contactId === "string" ? [{ tenantId, contactId, conversationId: null }] : [];
  }
  // A message that is queued may have made the conversation, and its contact.
  const names = type === "conversation.opened" || type === "message.queued";
  return names && conversationId !== null ? [{ tenantId, contactId: null, conversationId }] : [];
}

function unique<Key extends object>(keys: readonly Key[]): Key[] {
  return [...new Map(keys.map((key) => [Object.values(key).join(" "), key])).values()];
}

const selectUnfilled = statement(
  "search_follower.unfilled",
  `select tenant_id as "tenantId" from follower_cursors where follower = 'search' and coalesce(fill_before_id, fill_contacts_before_id) is not null
   order by random() limit 1`,
  { tenantId: "uuid" },
);
const lock = statement(
  "search_follower.lock",
  `select fill_before_id as "messageId", fill_contacts_before_id as "contactId", ordinal from follower_cursors
   where tenant_id = $1 and follower = 'search' for no key update skip locked`,
  { messageId: "uuid?", contactId: "uuid?", ordinal: "bigint" },
);
const selectMessages = statement(
  "search_follower.messages",
  `select id from whatsapp_messages where tenant_id = $1 and id < $2::uuid order by id desc limit $3`,
  { id: "uuid" },
);
const selectContacts = statement(
  "search_follower.contacts",
  `select id from whatsapp_contacts where tenant_id = $1 and id < $2::uuid order by id desc limit $3`,
  { id: "uuid" },
);
const setFilled = statement(
  "search_follower.set_filled",
  `update follower_cursors set fill_before_id = $2::uuid, fill_contacts_before_id = $3::uuid where tenant_id = $1 and follower = 'search'`,
  {},
);

export type Filled = { messages: number; contacts: number; hasMore: boolean };
const nothing: Filled = { messages: 0, contacts: 0, hasMore: false };

/** One step of one tenant: contacts first, since there are few of them. What the follower indexes meanwhile is written again, and the same. */
export async function fillSearchOnce(ingest: Db): Promise<Filled> {
  const [next] = await ingest.query(selectUnfilled);
  if (next === undefined) return nothing;
  const { tenantId } = next;
  return transaction(ingest, async (tx) => {
    const [place] = await tx.query(lock, [tenantId]);
    if (place === undefined) return nothing;
    const { messageId, contactId, ordinal } = place;
    const [select, before] = contactId === null ? [selectMessages, messageId] : [selectContacts, contactId];
    if (before === null) return nothing;
    const ids = (await tx.query(select, [tenantId, before, limits.searchFillMax])).map(({ id }) => id);
    const last = ids.length < limits.searchFillMax ? null : (ids.at(-1) ?? null);
    const ordinals = new Map([[tenantId, ordinal]]);
    if (contactId === null) {
      const keys = ids.map((id) => ({ tenantId, messageId: id }));
      await indexMessages(tx, keys, ordinals);
      await tx.query(setFilled, [tenantId, last, null]);
      return { messages: ids.length, contacts: 0, hasMore: true };
    }
    const keys = ids.map((id) => ({ tenantId, contactId: id, conversationId: null }));
    await indexContacts(tx, keys, ordinals);
    await tx.query(setFilled, [tenantId, messageId, last]);
    return { messages: 0, contacts: ids.length, hasMore: true };
  });
}
