/** Who a message goes to: from what a caller names to the conversation, which is made where there was none yet. */
import { Rejection, invalidFields, notFound } from "../../../core/rejection.ts";
import type { TenantScope } from "../../../core/scope.ts";
import { uuids } from "../../../db/arrays.ts";
import { statement, type RowOf } from "../../../db/statement.ts";
import type { Tx } from "../../../db/transaction.ts";
import { resolveContacts } from "../contacts/contacts.ts";
import { ensureConversations } from "../conversation-lookup.ts";

const row = {
  conversationId: "uuid",
  connectionId: "uuid",
  accountId: "uuid",
  phoneNumberId: "text",
  state: "text",
} as const;

const byConversation = statement(
  "recipients.by_conversation",
  `select asked.id as "askedId", c.id as "conversationId", n.id as "connectionId", n.account_id as "accountId", n.phone_number_id as "phoneNumberId", n.state
   from whatsapp_conversations asked
     join whatsapp_conversations c on c.tenant_id = asked.tenant_id and c.id = case when asked.merged_into_id is null then asked.id else asked.merged_into_id end
     join whatsapp_connections n on n.tenant_id = c.tenant_id and n.id = c.connection_id
   where asked.tenant_id = $1 and asked.id = any($2::uuid[])`,
  { ...row, askedId: "uuid" },
);

const connectionRow = {
  connectionId: "uuid",
  accountId: "uuid",
  phoneNumberId: "text",
  state: "text",
  userIdScope: "text",
} as const;
const connection = statement(
  "recipients.connection",
  `select n.id as "connectionId", n.account_id as "accountId", n.phone_number_id as "phoneNumberId", n.state,
     coalesce(a.portfolio_id, 'account:' || a.waba_id) as "userIdScope"
   from whatsapp_connections n join whatsapp_accounts a on a.tenant_id = n.tenant_id and a.id = n.account_id
   where n.tenant_id = $1 and (n.id = any($2::uuid[]) or n.phone_number_id = $3::text)`,
  connectionRow,
);

/** Where nobody has written yet, the address that the business knows is the one to answer. */
const noteAddress = statement(
  "recipients.note_address",
  `update whatsapp_conversations set reply_phone = $3, reply_user_id = $4
   where tenant_id = $1 and id = $2 and reply_phone is null and reply_user_id is null and last_customer_message_at is null`,
  {},
);

export type Named = {
  conversationId?: string;
  connectionId?: string;
  to?: { waId?: string; userId?: string; groupId?: string };
};
export type Recipient = RowOf<typeof row> & {
  to: { phone: string | null; userId: string | null };
  /** The conversation was made just now. */
  isNew: boolean;
};
export type SendingConnection = RowOf<typeof connectionRow>;

const nobody = { phone: null, userId: null };

/** Throws `not_found`, `not_connected`, or `invalid_request` that names the field. */
export async function findRecipient(tx: Tx, scope: TenantScope, named: Named, nowMs: number): Promise<Recipient> {
  const [found] = await findRecipients(tx, scope, [named], nowMs);
  if (found === undefined || found instanceof Rejection) throw found ?? notFound();
  return found;
}

/** For many at once, aligned: what one of them is refused for concerns no other. Makes the conversations that are not there yet. */
export async function findRecipients(
  tx: Tx,
  scope: TenantScope,
  named: readonly Named[],
  nowMs: number,
): Promise<(Recipient | Rejection)[]> {
  const conversations = await conversationsNamed(tx, scope, named);
  const numbers = await numbersNamed(tx, scope, named);
  const placed = named.map((one) => attempt(() => placeOf(one, { conversations, numbers })));
  const addressed = placed.flatMap((place, index) => (place instanceof Rejection || "conversationId" in place ? [] : [{ place, index }]));
  const made = await makeRecipients(
    tx,
    scope,
    addressed.map(({ place }) => place),
    nowMs,
  );
  const byIndex = new Map(addressed.map(({ index }, position) => [index, made[position]]));
  return placed.map((place, index) => {
    if (place instanceof Rejection || "conversationId" in place) return place;
    const recipient = byIndex.get(index);
    if (recipient === undefined) throw new Error("A recipient was neither found nor made");
    return recipient;
  });
}

export async function findConnection(
  tx: Tx,
  scope: TenantScope,
  wanted: { id: string } | { phoneNumberId: string },
): Promise<SendingConnection | null> {
  const [ids, phoneNumberId] = "id" in wanted ? [[wanted.id], null] : [[], wanted.phoneNumberId];
  return (await tx.query(connection, [scope.tenantId, uuids(ids), phoneNumberId]))[0] ?? null;
}

async function conversationsNamed(tx: Tx, scope: TenantScope, named: readonly Named[]) {
  const ids = [...new Set(named.flatMap(({ conversationId }) => conversationId?.toLowerCase() ?? []))];
  const rows = ids.length === 0 ? [] : await tx.query(byConversation, [scope.tenantId, uuids(ids)]);
  return new Map(rows.map(({ askedId, ...found }) => [askedId, found]));
}

async function numbersNamed(tx: Tx, scope: TenantScope, named: readonly Named[]): Promise<Map<string, SendingConnection>> {
  const ids = [...new Set(named.flatMap(({ connectionId }) => connectionId?.toLowerCase() ?? []))];
  const rows = ids.length === 0 ? [] : await tx.query(connection, [scope.tenantId, uuids(ids), null]);
  return new Map(rows.map((number) => [number.connectionId, number]));
}

type Address = { phone: string | null; userId: string | null; groupId: string | null };
type Known = {
  conversations: Awaited<ReturnType<typeof conversationsNamed>>;
  numbers: ReadonlyMap<string, SendingConnection>;
};

function placeOf({ conversationId, connectionId, to }: Named, known: Known): Recipient | { number: SendingConnection; address: Address } {
  if (conversationId !== undefined) {
    if (connectionId !== undefined || to !== undefined) {
      throw invalidFields([{ field: "conversationId", detail: "stands for connectionId and to: give either the one or the others" }]);
    }
    const found = known.conversations.get(conversationId.toLowerCase());
    if (found === undefined) throw notFound();
    assertConnected(found.state);
    return { ...found, to: nobody, isNew: false };
  }
  if (connectionId === undefined) throw invalidFields([{ field: "conversationId", detail: "is missing; or give connectionId and to" }]);
  if (to === undefined) throw invalidFields([{ field: "to", detail: "is missing" }]);
  const number = known.numbers.get(connectionId.toLowerCase());
  if (number === undefined) throw notFound();
  assertConnected(number.state);
  const address = { phone: to.waId?.replace("+", "") ?? null, userId: to.userId ?? null, groupId: to.groupId ?? null };
  // Both would say that they are one person, which is for Meta to tell.
  const isExact = Object.values(address).filter((value) => value !== null).length === 1;
  if (!isExact) throw invalidFields([{ field: "to", detail: "must name exactly one of waId, userId, groupId" }]);
  return { number, address };
}

async function makeRecipients(
  tx: Tx,
  scope: TenantScope,
  places: readonly { number: SendingConnection; address: Address }[],
  nowMs: number,
): Promise<Recipient[]> {
  if (places.length === 0) return [];
  const { tenantId } = scope;
  const people = places.filter(({ address }) => address.groupId === null);
  const contacts = await resolveContacts(
    tx,
    people.map(({ number, address }) => sightingOf(tenantId, number, address, nowMs)),
    nowMs,
  );
  const contactOf = new Map(people.map((place, index) => [place, contacts[index]?.contactId ?? null]));
  const found = await ensureConversations(
    tx,
    places.map((place) => ({
      tenantId,
      connectionId: place.number.connectionId,
      contactId: contactOf.get(place) ?? null,
      groupId: place.address.groupId,
    })),
    nowMs,
  );
  const recipients: Recipient[] = [];
  for (const [index, { number, address }] of places.entries()) {
    const conversation = found[index];
    if (conversation === undefined) throw new Error("A conversation was neither found nor made");
    const { phone, userId, groupId } = address;
    if (groupId === null && conversation.isNew) await tx.query(noteAddress, [tenantId, conversation.conversationId, phone, userId]);
    const { connectionId, accountId, phoneNumberId, state } = number;
    recipients.push({ ...conversation, connectionId, accountId, phoneNumberId, state, to: { phone, userId } });
  }
  return recipients;
}

function sightingOf(tenantId: string, { userIdScope: scope }: SendingConnection, { phone, userId }: Address, atMs: number) {
  const nothing = { parentUserId: null, profileName: null, username: null, links: [] };
  return { tenantId, scope, atMs, waMessageId: "", phone, userId, ...nothing };
}

function attempt<T>(work: () => T): T | Rejection {
  try {
    return work();
  } catch (error) {
    if (error instanceof Rejection) return error;
    throw error;
  }
}

function assertConnected(state: string): void {
  if (state === "connected") return;
  throw new Rejection("not_connected", 409, "This number is not connected: give it an access token first (POST /api/v1/connections).");
}
