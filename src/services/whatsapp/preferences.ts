/** The customer's word on marketing messages, as Meta reports it: the latest by Meta's time counts, and of equal times `stop`. */
import { texts, times, uuids } from "../../db/arrays.ts";
import { statement } from "../../db/statement.ts";
import type { Tx } from "../../db/transaction.ts";

export type Preference = { tenantId: string; contactId: string; value: string; atMs: number };

const apply = statement(
  "preferences.apply",
  `update whatsapp_contacts c set preference_at = p.at, opted_out_at = case when p.value = 'stop' then p.at end
   from unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[]) as p (tenant_id, contact_id, value, at)
   where c.tenant_id = p.tenant_id and c.id = p.contact_id
     and (p.at > coalesce(c.preference_at, '-infinity') or (p.at = c.preference_at and p.value = 'stop'))
   returning c.id`,
  { id: "uuid" },
);

/** The latest word of any of them counts for all. */
const carry = statement(
  "preferences.carry",
  `update whatsapp_contacts c set preference_at = p.preference_at, opted_out_at = p.opted_out_at
   from (
     select distinct on (k.id) k.id, m.preference_at, m.opted_out_at
     from unnest($2::uuid[]) as k (id) join whatsapp_contacts m on m.tenant_id = $1 and (m.id = k.id or m.merged_into_id = k.id)
     where m.preference_at is not null order by k.id, m.preference_at desc, m.opted_out_at nulls last
   ) p
   where c.tenant_id = $1 and c.id = p.id and (p.preference_at, p.opted_out_at is null) is distinct from (c.preference_at, c.opted_out_at is null)`,
  {},
);

/** After a merge: what was said to one of the contacts was said by the one person they are. */
export async function carryPreferences(tx: Tx, tenantId: string, canonicalIds: readonly string[]): Promise<void> {
  if (canonicalIds.length > 0) await tx.query(carry, [tenantId, uuids([...new Set(canonicalIds)].toSorted())]);
}

export async function applyPreferences(tx: Tx, preferences: readonly Preference[]): Promise<void> {
  const latest = new Map<string, Preference>();
  for (const preference of preferences) {
    if (preference.value !== "stop" && preference.value !== "resume") continue;
    const known = latest.get(preference.contactId);
    const isLater = known === undefined || preference.atMs > known.atMs || (preference.atMs === known.atMs && preference.value === "stop");
    if (isLater) latest.set(preference.contactId, preference);
  }
  if (latest.size === 0) return;
  const chosen = [...latest.values()].toSorted((a, b) => (a.contactId < b.contactId ? -1 : 1));
  await tx.query(apply, [
    uuids(chosen.map((preference) => preference.tenantId)),
    uuids(chosen.map((preference) => preference.contactId)),
    texts(chosen.map((preference) => preference.value)),
    times(chosen.map((preference) => preference.atMs)),
  ]);
}
