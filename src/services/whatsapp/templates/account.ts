/** An account as its templates are read and written: by the token of any of its numbers, the newest first. */
import type { TenantScope } from "../../../core/scope.ts";
import { statement } from "../../../db/statement.ts";
import type { Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";

const select = statement(
  "templates.account",
  `select a.waba_id as "wabaId", array(
     select c.id from whatsapp_connections c
     where c.tenant_id = a.tenant_id and c.account_id = a.id and c.state = 'connected' and c.access_token is not null
     order by c.id desc limit $3
   ) as "connectionIds"
   from whatsapp_accounts a where a.tenant_id = $1 and a.id = $2`,
  { wabaId: "text", connectionIds: "uuids" },
);

/** Undefined if the tenant has no such account. */
export async function findTemplateAccount(
  tx: Tx,
  { tenantId }: TenantScope,
  accountId: string,
): Promise<{ wabaId: string; connectionIds: readonly string[] } | undefined> {
  const [account] = await tx.query(select, [tenantId, accountId, limits.templateTokensMax]);
  return account;
}
