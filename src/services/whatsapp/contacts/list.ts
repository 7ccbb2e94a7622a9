/**
 * Contacts as they are read. A phone is shown only with the contact that owns it now: numbers are given to other people, and the
 * newest claim by Meta's time owns them. What was learnt about a contact that was merged away counts for the one that it became.
 */
import type { Contact, ContactFilter, ContactSummary } from "../../../contract/conversations.ts";
import type { ListQuery, Page } from "../../../contract/json.ts";
import { decodeIdCursor, nextIdCursor } from "../../../core/cursor.ts";
import { notFound } from "../../../core/rejection.ts";
import type { TenantScope } from "../../../core/scope.ts";
import type { Db } from "../../../db/pool.ts";
import { statement, time, type RowOf } from "../../../db/statement.ts";
import { tenantTransaction, type Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";

/**
 * Who has a phone now, as `core/phone-owner.ts` says it: among those who were seen with it since its last owner left, the newest user id,
 * else whoever was seen without one. When nobody was seen since, the last one is found, but is not the owner.
 */
const ownerOfPhone = (tenantId: string, phone: string): string => `
  select case when o.merged_into_id is null then o.id else o.merged_into_id end as id, held.is_current
  from (
    select h.contact_id, h.from_at, h.claimant, not is_unclaimed as is_claimed,
      case when not is_unclaimed then h.from_at > coalesce(departed.at, '-infinity')
        when departed.at is null then h.claimant = ''
        else h.claimant = 'after:' || (extract(epoch from departed.at) * 1000)::bigint end as is_current
    from whatsapp_contact_addresses h
    cross join lateral (select h.claimant = '' or h.claimant like 'after:%' as is_unclaimed) c
    cross join (select max(d.at) as at from whatsapp_contact_departures d where d.tenant_id = ${tenantId} and d.phone = ${phone}) departed
    where h.tenant_id = ${tenantId} and h.kind = 'phone' and h.value = ${phone}
  ) held
  join whatsapp_contacts o on o.tenant_id = ${tenantId} and o.id = held.contact_id
  order by held.is_current desc, held.is_claimed desc, held.from_at desc, held.claimant desc limit 1`;
const sameContact = `(select p.id union all select m.id from whatsapp_contacts m where m.tenant_id = p.tenant_id and m.merged_into_id = p.id)`;

/** Columns and joins for a canonical contact `p`; other lists use them too. */
export const contactColumns = `p.id as "contactId", phone.value as "waId", user_id.value as "userId", p.username, p.profile_name as "profileName"`;
export const contactJoins = `
  left join lateral (
    select a.value from whatsapp_contact_addresses a
    cross join lateral (${ownerOfPhone("p.tenant_id", "a.value")}) owner
    where a.tenant_id = p.tenant_id and a.kind = 'phone' and a.contact_id in ${sameContact} and owner.id = p.id and owner.is_current
    order by a.from_at desc, a.value desc limit 1
  ) phone on true
  left join lateral (
    select a.value from whatsapp_contact_addresses a
    where a.tenant_id = p.tenant_id and a.kind = 'user_id' and a.contact_id in ${sameContact}
    order by a.from_at desc, a.value desc limit 1
  ) user_id on true`;

/**
 * Canonical contacts known by a phone and by a user id; $2 and $3, null where not asked for. A user id may stand in several
 * portfolios of one tenant.
 */
export const phoneOwner = `owner as (${ownerOfPhone("$1", "$2::text")})`;
export const contactsByAddress = `
  select case when o.merged_into_id is null then o.id else o.merged_into_id end as id
  from whatsapp_contact_addresses a join whatsapp_contacts o on o.tenant_id = a.tenant_id and o.id = a.contact_id
  where a.tenant_id = $1 and a.kind = 'user_id' and a.value = $3::text
    and ($2::text is null or coalesce(o.merged_into_id, o.id) = (select owner.id from owner))
  union
  select owner.id from owner where $3::text is null`;

const contactRow = {
  contactId: "uuid",
  waId: "text?",
  userId: "text?",
  username: "text?",
  profileName: "text?",
  locale: "text?",
  optedOutAtMs: "time?",
  optOutSource: "text?",
  createdAtMs: "time",
} as const;
const columns = `${contactColumns}, p.locale, p.opted_out_at as "optedOutAtMs",
  case when p.opted_out_at is not null then p.preference_source end as "optOutSource", p.created_at as "createdAtMs"`;

const selectPage = statement(
  "contacts.page",
  `select ${columns} from (
     select * from whatsapp_contacts where tenant_id = $1 and id < $2::uuid and merged_into_id is null order by id desc limit $3
   ) p ${contactJoins} order by p.id desc`,
  contactRow,
);
const selectByAddress = statement(
  "contacts.by_address",
  `with ${phoneOwner}
   select ${columns} from (
     select * from whatsapp_contacts
     where tenant_id = $1 and id < $4::uuid and id in (${contactsByAddress}) order by id desc limit $5
   ) p ${contactJoins} order by p.id desc`,
  contactRow,
);
const selectById = statement(
  "contacts.by_id",
  `select ${columns} from whatsapp_contacts asked
   join whatsapp_contacts p on p.tenant_id = asked.tenant_id and p.id = case when asked.merged_into_id is null then asked.id else asked.merged_into_id end ${contactJoins}
   where asked.tenant_id = $1 and asked.id = $2`,
  contactRow,
);

/** Newest first; merged contacts only as what they became. */
export async function listContacts(app: Db, scope: TenantScope, query: ListQuery & ContactFilter): Promise<Page<Contact>> {
  const limit = query.limit ?? limits.listLimitDefault;
  const before = decodeIdCursor(query.after);
  const isFiltered = query.waId !== undefined || query.userId !== undefined;
  const rows = await tenantTransaction(app, scope, (tx) =>
    isFiltered
      ? tx.query(selectByAddress, [scope.tenantId, query.waId ?? null, query.userId ?? null, before, limit])
      : tx.query(selectPage, [scope.tenantId, before, limit]),
  );
  const data = rows.map(shown);
  return { data, next: nextIdCursor(data, limit) };
}

/** The id of a merged contact gives the one that it became. */
export function getContact(app: Db, scope: TenantScope, id: string): Promise<Contact> {
  return tenantTransaction(app, scope, (tx) => readContact(tx, scope, id));
}

export async function readContact(tx: Tx, scope: TenantScope, id: string): Promise<Contact> {
  const [row] = await tx.query(selectById, [scope.tenantId, id]);
  if (row === undefined) throw notFound();
  return shown(row);
}

export function contactSummary(row: {
  contactId: string | null;
  waId: string | null;
  userId: string | null;
  username: string | null;
  profileName: string | null;
}): ContactSummary | null {
  const { contactId: id, waId, userId, username, profileName } = row;
  return id === null ? null : { id, waId, userId, username, profileName };
}

function shown(row: RowOf<typeof contactRow>): Contact {
  const { contactId, optedOutAtMs, createdAtMs, ...fields } = row;
  // The column's CHECK allows no other source.
  const optOutSource = row.optOutSource as Contact["optOutSource"];
  return { id: contactId, ...fields, optedOutAt: time(optedOutAtMs), optOutSource, createdAt: time(createdAtMs) };
}
