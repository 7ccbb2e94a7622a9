/**
 * Who may learn about a tenant's people at the same time. Whoever can change what is known of contacts that exist takes the tenant
 * alone; whoever only makes new ones shares it with others and takes each of its addresses, so that two first messages of
 * one customer make one contact. Order: tenants sorted, then addresses sorted. All are held until the transaction ends.
 */
import { addressText, type AddressKey } from "../../../core/evidence.ts";
import { texts } from "../../../db/arrays.ts";
import { statement } from "../../../db/statement.ts";
import type { Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import { lockClasses } from "../lock-classes.ts";

const sorted = `(select distinct hashtextextended(key, 0) as hash from unnest($1::text[]) as key order by hash offset 0) keys`;
const shareTenants = statement("contacts.share_tenants", `select pg_advisory_xact_lock_shared(hash)::text as done from ${sorted}`, {
  done: "text",
});
const takeTenants = statement("contacts.take_tenants", `select pg_advisory_xact_lock(hash)::text as done from ${sorted}`, { done: "text" });
/**
 * Addresses share a bounded number of locks: the server's lock table is small and common to all sessions, and one body may
 * name thousands of new customers. Two that share a lock wait for each other once more than they need to.
 */
const takeAddresses = statement(
  "contacts.take_addresses",
  `select pg_advisory_xact_lock($2, bucket)::text as done
   from (select distinct (hashtextextended(key, 0) & $3::bigint)::int as bucket from unnest($1::text[]) as key order by bucket offset 0) buckets`,
  { done: "text" },
);

/** What nodes remember of the tenant's people holds no longer once this commits. */
const outdate = statement("contacts.outdate", `update tenants set identity_version = identity_version + 1 where id = $1`, {});

export type TenantAddress = AddressKey & { tenantId: string };

export async function lockTenants(tx: Tx, tenantIds: readonly string[], isAlone: (tenantId: string) => boolean): Promise<void> {
  // One at a time where modes differ: the order counts for both modes together.
  for (const tenantId of [...tenantIds].toSorted()) {
    await tx.query(isAlone(tenantId) ? takeTenants : shareTenants, [texts([`contacts ${tenantId}`])]);
    if (isAlone(tenantId)) await tx.query(outdate, [tenantId]);
  }
}

export async function lockAddresses(tx: Tx, addresses: readonly TenantAddress[]): Promise<void> {
  if (addresses.length === 0) return;
  await tx.query(takeAddresses, [
    texts(addresses.map((address) => `contact ${address.tenantId} ${addressText({ ...address, claimant: "" })}`)),
    lockClasses.addresses,
    limits.lockBuckets - 1,
  ]);
}
