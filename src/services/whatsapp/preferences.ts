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
