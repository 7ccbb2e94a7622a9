// TEMPORARY placeholder by the lead so that the program runs; the identity engineer replaces this file.
import { texts, times, uuids } from "../../db/arrays.ts";
import { newId } from "../../db/new-id.ts";
import { statement } from "../../db/statement.ts";
import type { Tx } from "../../db/transaction.ts";
import type { IdentityLink } from "./graph/updates.ts";
export type Sighting = { tenantId: string; scope: string; atMs: number; waMessageId: string; phone: string | null; userId: string | null; parentUserId: string | null; profileName: string | null; username: string | null; links: readonly IdentityLink[] };
export type Resolved = { contactId: string; isNew: boolean; hasChanged: boolean };
export const linkCache = { isKnown: (_: Sighting): boolean => false, remember: (_: Sighting): void => undefined };
const find = statement("tmp.find", `select a.tenant_id as "tenantId", a.value, a.contact_id as "contactId" from unnest($1::uuid[], $2::text[]) as u (t, v) join whatsapp_contact_addresses a on a.tenant_id = u.t and a.kind = 'phone' and a.value = u.v and a.scope = '' and a.claimant = ''`, { tenantId: "uuid", value: "text", contactId: "uuid" });
const ins = statement("tmp.ins", `insert into whatsapp_contacts (tenant_id, id, profile_name, profile_at, profile_wa_message_id, created_at) select t, id, n, at, 'x', at from unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[]) as u (t, id, n, at)`, {});
const insA = statement("tmp.insa", `insert into whatsapp_contact_addresses (tenant_id, kind, scope, value, contact_id, from_at) select t, 'phone', '', v, id, at from unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[]) as u (t, id, v, at) on conflict do nothing`, {});
export async function resolveContacts(tx: Tx, s: readonly Sighting[], nowMs: number): Promise<Resolved[]> {
  if (s.length === 0) return [];
  const key = (x: Sighting) => x.phone ?? x.userId ?? "";
  const look = async () => new Map((await tx.query(find, [uuids(s.map((x) => x.tenantId)), texts(s.map(key))])).map((r) => [`${r.tenantId} ${r.value}`, r.contactId]));
  let m = await look();
  const miss = [...new Map(s.filter((x) => !m.has(`${x.tenantId} ${key(x)}`)).map((x) => [`${x.tenantId} ${key(x)}`, x])).values()];
  if (miss.length > 0) {
    const ids = miss.map(() => newId(nowMs));
    await tx.query(ins, [uuids(miss.map((x) => x.tenantId)), uuids(ids), texts(miss.map((x) => x.profileName)), times(miss.map((x) => x.atMs))]);
    await tx.query(insA, [uuids(miss.map((x) => x.tenantId)), uuids(ids), texts(miss.map(key)), times(miss.map((x) => x.atMs))]);
    m = await look();
  }
  return s.map((x) => ({ contactId: m.get(`${x.tenantId} ${key(x)}`) ?? "", isNew: false, hasChanged: false }));
}
