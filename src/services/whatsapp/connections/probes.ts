/** Asks for a look at numbers: soon after news of Meta's, after errors, and when they were connected. */
import { uuids } from "../../../db/arrays.ts";
import { statement } from "../../../db/statement.ts";
import type { Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import { enqueue, type JobData } from "../../jobs.ts";

const ofAccounts = statement(
  "connection_probes.of_accounts",
  `select tenant_id as "tenantId", id as "connectionId" from whatsapp_connections where account_id = any ($1::uuid[]) and state = 'connected'`,
  { tenantId: "uuid", connectionId: "uuid" },
);

type Probe = JobData<"connection-probe">;
type Named = { tenantId: string; connectionId: string };

/** Each number once, and not again while it waits. Runs some seconds after the transaction has committed, so that several reasons are one look. */
export async function requestProbes(tx: Tx, wanted: readonly Named[], why: Probe["why"]): Promise<void> {
  const perNumber = new Map(wanted.map(({ tenantId, connectionId }) => [connectionId, { tenantId, connectionId, why }]));
  await enqueue(tx, "connection-probe", [...perNumber.values()], { startAfterSeconds: limits.connectionProbeDelayMs / 1_000 });
}

/** Fields by which Meta tells of a number or its account; a probe reads what they only hint at. */
const newsFields: ReadonlySet<string> = new Set([
  "phone_number_quality_update",
  "phone_number_name_update",
  "account_update",
  "account_alerts",
  "account_review_update",
  "account_settings_update",
  "business_capability_update",
  "business_status_update",
  "messaging_handovers",
  "payment_configuration_update",
  "security",
]);

export type AccountNews = { tenantId: string; accountId: string; connectionId: string | null; field: string };

/** Of events that are new: the number they name, or else all numbers of the account. Role kesher_ingest. */
export async function requestProbesAfterNews(tx: Tx, events: readonly AccountNews[]): Promise<void> {
  const news = events.filter(({ field }) => newsFields.has(field));
  if (news.length === 0) return;
  const named = news.flatMap(({ tenantId, connectionId }) => (connectionId === null ? [] : [{ tenantId, connectionId }]));
  const accounts = news.flatMap(({ accountId, connectionId }) => (connectionId === null ? [accountId] : []));
  const others = accounts.length === 0 ? [] : await tx.query(ofAccounts, [uuids([...new Set(accounts)])]);
  await requestProbes(tx, [...named, ...others], "news");
}
