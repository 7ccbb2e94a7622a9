/**
 * The end state of tenants in a form that can be compared: without our ids, `seq`, `createdAt` and unread counts, which are outside of
 * I3. People are named by all addresses that belong together, since which of two merged contacts is the canonical one depends on
 * which came first; numbers are named by Meta's id. Sets are sorted. What stands in no set of updates (automatic replies) is left out.
 */
import type { Rig } from "./worker.ts";

export type Snapshot = {
  contacts: unknown[];
  conversations: unknown[];
  messages: unknown[];
  facts: unknown[];
  accountEvents: unknown[];
  /** Without repetitions: each delivery parks its own copy of the same update. */
  parked: unknown[];
  /** Updates stored, per tenant. How many are duplicates is not a function of the set. */
  stored: unknown[];
};

type Row = { [column: string]: unknown };

export async function snapshot(rig: Rig, tenantIds: readonly string[], appKeys: readonly string[] = []): Promise<Snapshot> {
  const ask = (text: string): Promise<Row[]> => rig.sql<Row>(text, [tenantIds]);
  const addresses = await ask(
    `select distinct coalesce(c.merged_into_id, c.id) as person, a.kind, a.scope, a.value
     from whatsapp_contact_addresses a join whatsapp_contacts c on c.tenant_id = a.tenant_id and c.id = a.contact_id
     where a.tenant_id = any($1)`,
  );
  const people = new Map(
    [...Map.groupBy(addresses, ({ person }) => String(person))].map(([person, own]) => [
      person,
      sorted(own.map(({ kind, scope, value }) => `${kind} ${scope} ${value}`)).join(", "),
    ]),
  );
  const named = (row: Row): Row => {
    const { person, ...rest } = row;
    return { peer: person === null ? null : (people.get(String(person)) ?? "a contact without addresses"), ...rest };
  };
  const contacts = await ask(
    `select c.id as person, profile_name, username, profile_at, profile_wa_message_id, opted_out_at, preference_at, preference_source
     from whatsapp_contacts c where c.tenant_id = any($1) and merged_into_id is null`,
  );
  const conversations = await ask(
    `select n.phone_number_id, c.contact_id as person, c.group_id, c.last_customer_message_at, c.refused_at, c.free_entry_point_expires_at, c.reply_phone,
       c.reply_user_id, c.last_message_at, c.last_message_wa_message_id, last.wa_message_id as last_message_is, c.last_message_hour, c.inbound_count, c.outbound_count,
       c.state
     from whatsapp_conversations c join whatsapp_connections n on n.id = c.connection_id
       left join whatsapp_messages last on last.tenant_id = c.tenant_id and last.id = c.last_message_id
     where c.tenant_id = any($1) and c.merged_into_id is null
       and (c.last_message_id is not null or c.last_customer_message_at is not null or c.inbound_count <> 0 or c.outbound_count <> 0 or exists (
         select from whatsapp_conversations k join whatsapp_messages m on m.tenant_id = k.tenant_id and m.conversation_id = k.id
         where k.tenant_id = c.tenant_id and (k.id = c.id or k.merged_into_id = c.id)))`,
  );
  const messages = await ask(
    `select n.phone_number_id, k.contact_id as person, k.group_id, m.wa_message_id, m.direction, m.origin, m.type, m.role, m.content, m.raw, m.status,
       m.wa_timestamp, m.sent_at, m.delivered_at, m.read_at, m.played_at, m.failed_at, m.error_code, m.error_title, m.error_details, m.pricing, m.pricing_at,
       m.sender_phone, m.sender_user_id, m.target_wa_message_id, m.is_standby
     from whatsapp_messages m join whatsapp_connections n on n.id = m.connection_id
       join whatsapp_conversations c on c.tenant_id = m.tenant_id and c.id = m.conversation_id
       join whatsapp_conversations k on k.tenant_id = c.tenant_id and k.id = coalesce(c.merged_into_id, c.id)
     where m.tenant_id = any($1) and m.origin <> 'automatic'`,
  );
  return {
    contacts: sorted(contacts.map(named)),
    conversations: sorted(conversations.map(named)),
    messages: sorted(messages.map(named)),
    facts: sorted(
      await ask(
        `select n.phone_number_id, s.wa_message_id, s.status, s.participant, s.at, s.error_code, s.error_title, s.error_details, s.pricing,
           s.free_entry_point_expires_at, s.callback
         from whatsapp_message_statuses s join whatsapp_connections n on n.id = s.connection_id where s.tenant_id = any($1)`,
      ),
    ),
    accountEvents: sorted(
      await ask(
        `select a.waba_id, n.phone_number_id, e.field, e.event, e.content - 'contactId' as content, e.raw
         from whatsapp_account_events e join whatsapp_accounts a on a.id = e.account_id left join whatsapp_connections n on n.id = e.connection_id
         where e.tenant_id = any($1)`,
      ),
    ),
    parked: sorted(
      await rig.sql<Row>(
        `select distinct reason, detail, waba_id, phone_number_id, update_json, tenant_id is null as is_nobodys
         from parked_updates where resolved_at is null and (tenant_id = any($1) or app_key = any($2))`,
        [tenantIds, appKeys],
      ),
    ),
    stored: (await rig.sql<Row>(`select stored from activity_counters where tenant_id = any($1) order by stored`, [tenantIds])).map(
      ({ stored }) => stored,
    ),
  };
}

export type Counts = { updates: number; stored: number; parked: number; duplicates: number; suppressed: number };

/** What the books say about the deliveries that this app signed. */
export async function countsOf(rig: Rig, appKey = ""): Promise<Counts> {
  const sum = (column: string): string => `coalesce(sum(r.${column}), 0)::bigint as ${column}`;
  const [row] = await rig.sql<Counts>(
    `select ${["updates", "stored", "parked", "duplicates", "suppressed"].map(sum).join(", ")}
     from webhook_results r join webhook_deliveries d on d.id = r.delivery_id where d.app_key = $1`,
    [appKey],
  );
  return row ?? { updates: 0, stored: 0, parked: 0, duplicates: 0, suppressed: 0 };
}

/** The same state of another world, in whose place other ids of Meta stood. */
export function renamed(state: Snapshot, names: ReadonlyMap<string, string>): Snapshot {
  let text = JSON.stringify(state);
  for (const [from, to] of names) text = text.replaceAll(from, to);
  const { contacts, conversations, messages, facts, accountEvents, parked, stored } = JSON.parse(text) as Snapshot;
  const lists = { contacts, conversations, messages, facts, accountEvents, parked };
  return { ...mapValues(lists), stored };
}

function mapValues(lists: Omit<Snapshot, "stored">): Omit<Snapshot, "stored"> {
  return {
    contacts: sorted(lists.contacts),
    conversations: sorted(lists.conversations),
    messages: sorted(lists.messages),
    facts: sorted(lists.facts),
    accountEvents: sorted(lists.accountEvents),
    parked: sorted(lists.parked),
  };
}

function sorted<T>(items: readonly T[]): T[] {
  return items
    .map((item) => [JSON.stringify(item), item] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, item]) => item);
}
