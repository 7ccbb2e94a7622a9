/**
 * What tenants with an endpoint in Meta's shape have received, kept as it will be sent: one row for each update, written in the
 * transaction that applies it, after the tenant's counter row is locked, so that ids follow the order of commits. Kept apart from the
 * journal: a parked update that is applied weeks later is forwarded then, and retries outlive the raw bodies.
 */
import { isUuid } from "../core/ids.ts";
import { texts, uuids, ints } from "../db/arrays.ts";
import { statement } from "../db/statement.ts";
import type { Tx } from "../db/transaction.ts";
import { updateText } from "../services/whatsapp/graph/decode.ts";
import type { LocatedUpdate } from "../services/whatsapp/graph/updates.ts";
import { readRecord } from "../services/whatsapp/graph/wire.ts";

/** `waMessageId` finds the conversation; `person` stands for it where there is none yet. */
export type ReceivedUpdate = {
  tenantId: string;
  connectionId: string | null;
  waMessageId: string | null;
  person: string | null;
  located: LocatedUpdate;
};

const selectConversations = statement(
  "forward_log.conversations",
  `select u.ordinal, coalesce(c.merged_into_id, c.id) as "conversationId"
   from unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[]) as u (tenant_id, connection_id, wa_message_id, ordinal)
   join whatsapp_messages m on m.tenant_id = u.tenant_id and m.connection_id = u.connection_id and m.wa_message_id = u.wa_message_id
   join whatsapp_conversations c on c.tenant_id = m.tenant_id and c.id = m.conversation_id`,
  { ordinal: "int", conversationId: "uuid" },
);

const selectCallbacks = statement(
  "forward_log.callbacks",
  `select u.ordinal, m.callback from unnest($1::uuid[], $2::uuid[], $3::int[]) as u (tenant_id, id, ordinal)
   join whatsapp_messages m on m.tenant_id = u.tenant_id and m.id = u.id
   where m.direction = 'outbound'`,
  { ordinal: "int", callback: "text?" },
);

const insert = statement(
  "forward_log.insert",
  `insert into forward_updates (tenant_id, connection_id, lane, field, body, created_at)
   select tenant_id, connection_id, lane, field, body, $6::timestamptz
   from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[]) with ordinality as u (tenant_id, connection_id, lane, field, body, ordinal)
   order by ordinal`,
  {},
);

/** Call it after `appendActivity`, with updates of tenants that it named, in the order in which they were applied. */
export async function keepUpdates(tx: Tx, updates: readonly ReceivedUpdate[], nowMs: number): Promise<void> {
  if (updates.length === 0) return;
  const lanes = await lanesOf(tx, updates);
  const shown = await withCallersWords(tx, updates);
  await tx.query(insert, [
    uuids(updates.map((update) => update.tenantId)),
    uuids(updates.map((update) => update.connectionId)),
    texts(lanes),
    texts(shown.map(fieldOf)),
    texts(shown.map(metaText)),
    new Date(nowMs).toISOString(),
  ]);
}

async function lanesOf(tx: Tx, updates: readonly ReceivedUpdate[]): Promise<string[]> {
  const named = updates.flatMap((update, ordinal) =>
    update.connectionId === null || update.waMessageId === null ? [] : [{ ...update, ordinal }],
  );
  const lanes = updates.map(({ connectionId, person }) => `${connectionId ?? ""} ${person ?? ""}`);
  if (named.length === 0) return lanes;
  const found = await tx.query(selectConversations, [
    uuids(named.map((update) => update.tenantId)),
    uuids(named.map((update) => update.connectionId)),
    texts(named.map((update) => update.waMessageId)),
    ints(named.map((update) => update.ordinal)),
  ]);
  for (const { ordinal, conversationId } of found) lanes[ordinal] = conversationId;
  return lanes;
}

/** Towards Meta our own id stands where the caller may put a word. Who hears of the status gets the caller's back, or none where none was given. */
async function withCallersWords(tx: Tx, updates: readonly ReceivedUpdate[]): Promise<LocatedUpdate[]> {
  const shown = updates.map(({ located }) => located);
  const ours = updates.flatMap(({ tenantId, located }, ordinal) => {
    const id = located.source === "status" ? readRecord(located.element)?.[callbackKey] : null;
    return typeof id === "string" && isUuid(id) ? [{ tenantId, id, ordinal }] : [];
  });
  if (ours.length === 0) return shown;
  const found = await tx.query(selectCallbacks, [
    uuids(ours.map((each) => each.tenantId)),
    uuids(ours.map((each) => each.id)),
    ints(ours.map((each) => each.ordinal)),
  ]);
  for (const { ordinal, callback } of found) {
    const located = shown[ordinal];
    const { [callbackKey]: _ours, ...element } = readRecord(located?.element) ?? {};
    if (located === undefined) continue;
    shown[ordinal] = { ...located, element: callback === null ? element : { ...element, [callbackKey]: callback } };
  }
  return shown;
}

const callbackKey = "biz_opaque_callback_data";

const listOf = {
  message: "messages",
  status: "statuses",
  echo: "message_echoes",
  call: "calls",
  call_status: "statuses",
  preference: "user_preferences",
  error: "errors",
} as const;

/** Meta's examples and some forwarding layers leave the field out; a bot needs it. */
function fieldOf({ field, source, standby }: LocatedUpdate): string {
  if (field !== "") return field;
  if (standby) return "standby";
  if (source === "call" || source === "call_status") return "calls";
  if (source === "preference") return "user_preferences";
  return source === "echo" ? "smb_message_echoes" : "messages";
}

/** A webhook of Meta's that holds this update alone, with the contacts it is about. The update's JSON value is the one that is given. */
function metaText(located: LocatedUpdate): string {
  const entryId = JSON.stringify(located.wabaId ?? "");
  const change =
    located.source === "change" ? updateText(located) : `{"value":${valueText(located)},"field":${JSON.stringify(fieldOf(located))}}`;
  return `{"object":"whatsapp_business_account","entry":[{"id":${entryId},"changes":[${change}]}]}`;
}

function valueText(located: LocatedUpdate): string {
  const { source, phoneNumberId, displayPhoneNumber } = located;
  const contacts = contactsOf(located);
  const shared = [
    `"messaging_product":"whatsapp"`,
    ...(phoneNumberId === null
      ? []
      : [`"metadata":${JSON.stringify({ display_phone_number: displayPhoneNumber ?? "", phone_number_id: phoneNumberId })}`]),
  ];
  const own = [
    ...(contacts.length === 0 ? [] : [`"contacts":${JSON.stringify(contacts)}`]),
    ...(source === "change" || source === "body" ? [] : [`"${listOf[source]}":[${updateText(located)}]`]),
  ];
  return located.standby ? `{${[...shared, `"standby":{${own.join()}}`].join()}}` : `{${[...shared, ...own].join()}}`;
}

const idKeys = ["from", "from_user_id", "to", "to_user_id", "recipient_id", "recipient_user_id", "wa_id", "user_id"];

/** Contacts that share an id with the update; where it stands alone, all that stand beside it. */
function contactsOf({ alone, contacts, element }: LocatedUpdate): readonly unknown[] {
  if (alone) return contacts;
  const wire = readRecord(element);
  const ids = new Set(idKeys.flatMap((key) => (typeof wire?.[key] === "string" && wire[key] !== "" ? [wire[key]] : [])));
  return contacts.filter((contact) => {
    const ofContact = readRecord(contact);
    return ["wa_id", "user_id"].some((key) => typeof ofContact?.[key] === "string" && ids.has(ofContact[key]));
  });
}
