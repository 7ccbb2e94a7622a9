/**
 * Which tenant and connection an update belongs to. The tenant comes from the WABA id of the entry, the connection from
 * the phone_number_id; a delivery signed for one Meta app touches only accounts of that app (I9, I10).
 */
import type { OptOutWords } from "../../core/opt-out-words.ts";
import { texts, uuids } from "../../db/arrays.ts";
import { newId } from "../../db/new-id.ts";
import { statement } from "../../db/statement.ts";
import type { Tx } from "../../db/transaction.ts";

export type RoutingKey = { appKey: string; wabaId: string | null; phoneNumberId: string | null; displayPhoneNumber: string | null };

export type Route = {
  tenantId: string;
  accountId: string;
  /** Null only where the update names no number. */
  connectionId: string | null;
  /** Scope of business-scoped user ids: the portfolio, or the account until that is known. */
  userIdScope: string;
  locale: string;
  supportedTypes: readonly string[];
  autoReplyEnabled: boolean;
  autoReplyIntervalSeconds: number;
  /** The tenant's own words; null: ours. */
  autoReplyText: string | null;
  /** Words by which the tenant's customers opt out of marketing. */
  optOutWords: OptOutWords;
  /** What a customer is told who has opted out; null: nothing. */
  optOutReply: string | null;
  /** Changes when people of the tenant are joined or parted. */
  identityVersion: number;
  /** The tenant has erased somebody of whom updates may still come. */
  hasErasures: boolean;
  /** What was received before is not this tenant's: another one, closed by now, had the account. */
  heldFromMs: number | null;
};
export type RoutingResult =
  | Route
  | {
      parked: "unrouted" | "number_mismatch";
      tenantId: string | null;
      detail: string;
      hasErasures: boolean;
      heldFromMs: number | null;
    };

const accountRow = {
  tenantId: "uuid",
  accountId: "uuid",
  wabaId: "text",
  portfolioId: "text?",
  appKey: "text",
  locale: "text",
  supportedTypes: "texts",
  autoReplyEnabled: "bool",
  autoReplyIntervalSeconds: "int",
  autoReplyText: "text?",
  stopWords: "texts?",
  resumeWords: "texts?",
  optOutReply: "text?",
  identityVersion: "bigint",
  hasErasures: "bool",
  heldFromMs: "time?",
} as const;

const selectAccounts = statement(
  "routing.accounts",
  `select a.tenant_id as "tenantId", a.id as "accountId", a.waba_id as "wabaId", a.portfolio_id as "portfolioId", a.app_key as "appKey",
     t.locale, t.supported_types as "supportedTypes", t.auto_reply_enabled as "autoReplyEnabled",
     t.auto_reply_interval_seconds as "autoReplyIntervalSeconds", t.auto_reply_text as "autoReplyText",
     t.opt_out_words as "stopWords", t.opt_in_words as "resumeWords", t.opt_out_reply as "optOutReply", t.identity_version as "identityVersion",
     t.erasures_until is not null as "hasErasures", a.held_from as "heldFromMs"
   from whatsapp_accounts a join tenants t on t.id = a.tenant_id
   where a.waba_id = any($1::text[]) and a.released_at is null and t.closed_at is null`,
  accountRow,
);

const selectConnections = statement(
  "routing.connections",
  `select id, tenant_id as "tenantId", account_id as "accountId", phone_number_id as "phoneNumberId",
     regexp_replace(display_phone_number, '\\D', '', 'g') as "displayDigits"
   from whatsapp_connections where (phone_number_id = any($1::text[]) or account_id = any($2::uuid[])) and released_at is null`,
  { id: "uuid", tenantId: "uuid", accountId: "uuid", phoneNumberId: "text", displayDigits: "text?" },
);

const insertDiscovered = statement(
  "routing.insert_discovered",
  `insert into whatsapp_connections (tenant_id, id, account_id, phone_number_id, display_phone_number, state, last_seen_at)
   select *, 'discovered', now() from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[])
   on conflict (phone_number_id) where released_at is null do nothing
   returning id`,
  { id: "uuid" },
);

const touch = statement(
  "routing.touch",
  `update whatsapp_connections c set last_seen_at = $3::timestamptz
   from (
     select n.tenant_id, n.id from unnest($1::uuid[], $2::uuid[]) as u (tenant_id, id)
     join whatsapp_connections n on n.tenant_id = u.tenant_id and n.id = u.id
     where n.last_seen_at is null or n.last_seen_at < $3::timestamptz - interval '1 minute'
     for no key update of n skip locked
   ) stale
   where c.tenant_id = stale.tenant_id and c.id = stale.id`,
  {},
);

const lockAccounts = statement(
  "routing.lock_accounts",
  `select count(pg_advisory_xact_lock(hashtextextended('waba:' || waba_id, 0)))::int as locked
   from (select unnest($1::text[]) as waba_id order by 1) w`,
  { locked: "int" },
);

type Account = Awaited<ReturnType<typeof findAccounts>>[number];
type Connection = { id: string; tenantId: string; accountId: string; phoneNumberId: string; displayDigits: string | null };

/** Aligned with the input. Makes a `discovered` connection for a number of a known account that is seen for the first time. */
export async function route(tx: Tx, keys: readonly RoutingKey[], nowMs: number): Promise<RoutingResult[]> {
  const accounts = await accountsOf(tx, keys);
  const numbers = [...new Set(keys.flatMap((key) => key.phoneNumberId ?? []))];
  const find = (): Promise<Connection[]> => findConnections(tx, numbers, namelessAccounts(keys, accounts));
  let connections = await find();
  const known = new Map(connections.map((connection) => [connection.phoneNumberId, connection.accountId]));
  const discovered = new Map<string, { account: Account; key: RoutingKey }>();
  const crossed = new Set<string>();
  for (const key of keys) {
    const account = accountFor(key, accounts);
    if (account === null || key.phoneNumberId === null) continue;
    const accountId = known.get(key.phoneNumberId);
    if (accountId === undefined) discovered.set(key.phoneNumberId, { account, key });
    else if (accountId !== account.accountId) crossed.add(account.wabaId);
  }
  if (discovered.size > 0) await discover(tx, [...discovered.values()], nowMs);
  // As for accounts below: whoever moves the number to this account right now must see what we are about to park, or we the move.
  if (crossed.size > 0) await tx.query(lockAccounts, [texts([...crossed])]);
  if (discovered.size > 0 || crossed.size > 0) connections = await find();
  const byNumber = new Map(connections.map((connection) => [connection.phoneNumberId, connection]));
  const seen = new Map<string, RoutingResult>();
  return keys.map((key) => {
    const name = `${key.appKey} ${key.wabaId ?? ""} ${key.phoneNumberId ?? ""} ${key.displayPhoneNumber ?? ""}`;
    const decided = seen.get(name);
    if (decided !== undefined) return decided;
    const result = decide(key, accountFor(key, accounts), byNumber, connections);
    seen.set(name, result);
    return result;
  });
}

/** Notes that the connections were heard of, at most once a minute each. */
export async function touchConnections(tx: Tx, seen: readonly Route[], nowMs: number): Promise<void> {
  const byConnection = new Map(seen.flatMap(({ tenantId, connectionId }) => (connectionId === null ? [] : [[connectionId, tenantId]])));
  if (byConnection.size === 0) return;
  await tx.query(touch, [uuids([...byConnection.values()]), uuids([...byConnection.keys()]), new Date(nowMs).toISOString()]);
}

function decide(
  key: RoutingKey,
  account: Account | null,
  byNumber: ReadonlyMap<string, Connection>,
  connections: readonly Connection[],
): RoutingResult {
  if (account === null)
    return {
      parked: "unrouted",
      tenantId: null,
      detail: `No account is connected for WABA ${key.wabaId ?? "(none)"}`,
      hasErasures: false,
      heldFromMs: null,
    };
  const connection = key.phoneNumberId === null ? connectionByDisplay(key, account, connections) : byNumber.get(key.phoneNumberId);
  if (connection !== undefined && connection.accountId !== account.accountId) {
    return {
      parked: "number_mismatch",
      tenantId: account.tenantId,
      detail: `Number ${key.phoneNumberId ?? ""} belongs to another account`,
      hasErasures: account.hasErasures,
      heldFromMs: account.heldFromMs,
    };
  }
  return {
    tenantId: account.tenantId,
    accountId: account.accountId,
    connectionId: connection?.id ?? null,
    userIdScope: account.portfolioId ?? `account:${account.wabaId}`,
    locale: account.locale,
    supportedTypes: account.supportedTypes,
    autoReplyEnabled: account.autoReplyEnabled,
    autoReplyIntervalSeconds: account.autoReplyIntervalSeconds,
    autoReplyText: account.autoReplyText,
    optOutWords: { stop: account.stopWords, resume: account.resumeWords },
    optOutReply: account.optOutReply,
    identityVersion: account.identityVersion,
    hasErasures: account.hasErasures,
    heldFromMs: account.heldFromMs,
  };
}

/** Account-level values carry no phone_number_id: the displayed number tells, or there is only one number. */
function connectionByDisplay(key: RoutingKey, account: Account, connections: readonly Connection[]): Connection | undefined {
  const own = connections.filter((connection) => connection.accountId === account.accountId);
  const digits = key.displayPhoneNumber?.replaceAll(/\D/g, "") ?? "";
  const named = digits === "" ? undefined : own.find((connection) => connection.displayDigits === digits);
  return named ?? (own.length === 1 ? own[0] : undefined);
}

/**
 * Whoever connects an account takes the same lock before it looks for parked updates, and so do we before we call an
 * update unrouted: one of the two sees the other's rows.
 */
async function accountsOf(tx: Tx, keys: readonly RoutingKey[]): Promise<Map<string, Account>> {
  const wabaIds = [...new Set(keys.flatMap((key) => (key.wabaId === null ? [] : [key.wabaId])))];
  const found = new Map((await findAccounts(tx, wabaIds)).map((account) => [account.wabaId, account]));
  const missing = wabaIds.filter((wabaId) => !found.has(wabaId));
  if (missing.length > 0) {
    await tx.query(lockAccounts, [texts(missing)]);
    for (const account of await findAccounts(tx, missing)) found.set(account.wabaId, account);
  }
  return found;
}

function findAccounts(tx: Tx, wabaIds: readonly string[]) {
  return tx.query(selectAccounts, [texts(wabaIds)]);
}

function findConnections(tx: Tx, phoneNumberIds: readonly string[], accountIds: readonly string[]): Promise<Connection[]> {
  return tx.query(selectConnections, [texts(phoneNumberIds), uuids(accountIds)]);
}

function namelessAccounts(keys: readonly RoutingKey[], accounts: ReadonlyMap<string, Account>): string[] {
  const nameless = keys.flatMap((key) => (key.phoneNumberId === null ? [accountFor(key, accounts)?.accountId ?? null] : []));
  return [...new Set(nameless.filter((id) => id !== null))];
}

function accountFor(key: RoutingKey, accounts: ReadonlyMap<string, Account>): Account | null {
  const account = key.wabaId === null ? undefined : accounts.get(key.wabaId);
  return account !== undefined && account.appKey === key.appKey ? account : null;
}

async function discover(tx: Tx, discovered: readonly { account: Account; key: RoutingKey }[], nowMs: number): Promise<void> {
  const sorted = discovered.toSorted((a, b) => ((a.key.phoneNumberId ?? "") < (b.key.phoneNumberId ?? "") ? -1 : 1));
  await tx.query(insertDiscovered, [
    uuids(sorted.map(({ account }) => account.tenantId)),
    uuids(sorted.map(() => newId(nowMs))),
    uuids(sorted.map(({ account }) => account.accountId)),
    texts(sorted.map(({ key }) => key.phoneNumberId)),
    texts(sorted.map(({ key }) => key.displayPhoneNumber)),
  ]);
}
