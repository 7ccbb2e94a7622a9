/**
 * What a change of somebody's rights takes back with it. There is no mail server, so links are in the hands of whoever made them: they must not
 * be of use for more than their maker could have done at the time that they are used. All run in the transaction of the change.
 */
import type { TenantScope } from "../core/scope.ts";
import { statement } from "../db/statement.ts";
import type { Tx } from "../db/transaction.ts";

const dropResets = statement("links.drop_resets", `delete from auth.links where person_id = $1 and purpose = 'reset'`, {});
const cancelMade = statement(
  "invitations.cancel_made",
  `update auth.invitations set status = 'canceled' where tenant_id = $1 and inviter_id = $2 and status = 'pending' returning id`,
  { id: "uuid" },
);
/** It is not kept who made which: all of the tenant's go, and are asked for again. */
const dropResetsOfTenant = statement(
  "links.drop_resets_of_tenant",
  `delete from auth.links l using auth.members m where m.tenant_id = $1 and l.person_id = m.person_id and l.purpose = 'reset'`,
  {},
);

/** The links by which somebody else may become this person: they were made when there was less to win. */
export async function withdrawResets(tx: Tx, personId: string): Promise<void> {
  await tx.query(dropResets, [personId]);
}

/** What the person may have kept a link of: their invitations, and new passwords for others. Answers how many invitations. */
export async function withdrawMade(tx: Tx, { tenantId }: TenantScope, personId: string): Promise<number> {
  const invitations = await tx.query(cancelMade, [tenantId, personId]);
  await tx.query(dropResetsOfTenant, [tenantId]);
  return invitations.length;
}
