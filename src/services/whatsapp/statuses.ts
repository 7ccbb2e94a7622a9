/**
 * Delivery statuses: every distinct fact is kept in `whatsapp_message_statuses`, then folded onto its message (I3, I4).
 *
 * A fact may come before its message. Whoever sets a wamid, and whoever finds no message for one, takes the advisory lock on
 * (connection, wamid) in sorted order and looks again; without it both could commit without seeing each other.
 */
import { compareErrorTexts, compareOptional, foldFacts, rankOf, type StatusFact, type StatusFold } from "../../core/message-status.ts";
import { isUuid } from "../../core/ids.ts";
import { ints, texts, times, uuids } from "../../db/arrays.ts";
import { statement } from "../../db/statement.ts";
import type { Tx } from "../../db/transaction.ts";
import type { Pricing, StatusError } from "./graph/updates.ts";

export type MessageKey = { tenantId: string; connectionId: string; waMessageId: string };

export type Fact = MessageKey & {
  status: string;
  participant: string;
  atMs: number;
  error: StatusError | null;
  pricing: Pricing | null;
  freeEntryPointExpiresAtMs: number | null;
  callback: string | null;
};

/** A message whose ticks, times or failure a batch of facts has changed. */
export type ChangedMessage = MessageKey & {
  id: string;
  conversationId: string;
  statusBefore: string;
  status: string;
  sentAtMs: number | null;
  deliveredAtMs: number | null;
  readAtMs: number | null;
  playedAtMs: number | null;
  failedAtMs: number | null;
  errorCode: number | null;
};

/** As `compareErrorTexts` says it. */
const wording = (row: string): string =>
  `${row}.error_title is null, coalesce(${row}.error_title, '') collate "C", ${row}.error_details is null, coalesce(${row}.error_details, '') collate "C"`;
const isBetterWorded = `(${wording("excluded")}) < (${wording("s")})`;
const leastOf = (column: string, cast = ""): string => `least(s.${column}${cast} collate "C", excluded.${column}${cast} collate "C")`;

/** A fact that comes again changes only what it says in better words or in addition, so that the order does not matter. */
const insertFacts = statement(
  "statuses.insert",
  `insert into whatsapp_message_statuses as s (tenant_id, connection_id, wa_message_id, status, participant, at, error_code, error_title, error_details,
     pricing, free_entry_point_expires_at, callback, created_at)
   select tenant_id, connection_id, wa_message_id, status, participant, at, error_code, error_title, error_details, pricing::json, fep, callback, $13::timestamptz
   from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::int[], $8::text[], $9::text[], $10::text[],
     $11::timestamptz[], $12::text[])
     as f (tenant_id, connection_id, wa_message_id, status, participant, at, error_code, error_title, error_details, pricing, fep, callback)
   on conflict (tenant_id, connection_id, wa_message_id, status, participant, at, error_code) do update set
     error_title = case when ${isBetterWorded} then excluded.error_title else s.error_title end,
     error_details = case when ${isBetterWorded} then excluded.error_details else s.error_details end,
     pricing = ${leastOf("pricing", "::text")}::json,
     free_entry_point_expires_at = greatest(s.free_entry_point_expires_at, excluded.free_entry_point_expires_at),
     callback = ${leastOf("callback")}
   where ${isBetterWorded} or s.pricing::text is distinct from ${leastOf("pricing", "::text")} or s.callback is distinct from ${leastOf("callback")}
     or s.free_entry_point_expires_at is distinct from greatest(s.free_entry_point_expires_at, excluded.free_entry_point_expires_at)
   returning s.connection_id as "connectionId", s.wa_message_id as "waMessageId", s.status, s.participant, s.at as "atMs", s.error_code as "errorCode",
     old.tenant_id is null as "isNew"`,
  { connectionId: "uuid", waMessageId: "text", status: "text", participant: "text", atMs: "time", errorCode: "int", isNew: "bool" },
);

const selectFacts = statement(
  "statuses.by_messages",
  `select s.tenant_id as "tenantId", s.connection_id as "connectionId", s.wa_message_id as "waMessageId", s.status, s.participant, s.at as "atMs",
     s.error_code as "errorCode", s.error_title as "errorTitle", s.error_details as "errorDetails", s.pricing,
     s.free_entry_point_expires_at as "freeEntryPointExpiresAtMs", s.callback
   from unnest($1::uuid[], $2::uuid[], $3::text[]) as u (tenant_id, connection_id, wa_message_id)
   join whatsapp_message_statuses s using (tenant_id, connection_id, wa_message_id)`,
  {
    tenantId: "uuid",
    connectionId: "uuid",
    waMessageId: "text",
    status: "text",
    participant: "text",
    atMs: "time",
    errorCode: "int",
    errorTitle: "text?",
    errorDetails: "text?",
    pricing: "json?",
    freeEntryPointExpiresAtMs: "time?",
    callback: "text?",
  },
);

const lockMessages = statement(
  "statuses.lock",
  `select count(pg_advisory_xact_lock(key))::int as locked
   from (select distinct hashtextextended('wamid:' || connection_id || wa_message_id, 0) as key
         from unnest($1::text[], $2::text[]) as u (connection_id, wa_message_id) order by 1) k`,
  { locked: "int" },
);

const isEarlierFailure = `(f.failed_at, f.error_code, ${wording("f")})
       < (coalesce(m.failed_at, 'infinity'), coalesce(m.error_code, 2147483647), ${wording("m")})`;

/** Forward only: `least` for times, the greater rank for the status; a failure is kept even when a later state wins. */
const project = statement(
  "statuses.project",
  `with facts as (
     select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::int[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[], $9::timestamptz[],
       $10::timestamptz[], $11::int[], $12::text[], $13::text[], $14::text[], $15::timestamptz[])
     as f (tenant_id, connection_id, wa_message_id, status, rank, sent_at, delivered_at, read_at, played_at, failed_at, error_code, error_title, error_details,
       pricing, pricing_at)
   ), ranks (name, rank) as (
     values ('pending', 0), ('unknown', 1), ('accepted', 2), ('sent', 3), ('failed', 4), ('delivered', 5), ('read', 6), ('played', 7)
   )
   update whatsapp_messages m set
     status = case when f.rank > coalesce((select r.rank from ranks r where r.name = m.status), 99) then f.status else m.status end,
     sent_at = least(m.sent_at, f.sent_at),
     delivered_at = least(m.delivered_at, f.delivered_at),
     read_at = least(m.read_at, f.read_at),
     played_at = least(m.played_at, f.played_at),
     failed_at = least(m.failed_at, f.failed_at),
     error_code = case when ${isEarlierFailure} then f.error_code else m.error_code end,
     error_title = case when ${isEarlierFailure} then f.error_title else m.error_title end,
     error_details = case when ${isEarlierFailure} then f.error_details else m.error_details end,
     pricing = case when f.pricing_at < coalesce(m.pricing_at, 'infinity') or (f.pricing_at = m.pricing_at and f.pricing collate "C" < m.pricing::text collate "C") then f.pricing::json else m.pricing end,
     pricing_at = least(m.pricing_at, f.pricing_at)
   from facts f
   where m.tenant_id = f.tenant_id and m.connection_id = f.connection_id and m.wa_message_id = f.wa_message_id and m.direction = 'outbound'
   returning m.tenant_id as "tenantId", m.connection_id as "connectionId", m.wa_message_id as "waMessageId", m.id, m.conversation_id as "conversationId",
     old.status as "statusBefore", m.status, m.sent_at as "sentAtMs", m.delivered_at as "deliveredAtMs", m.read_at as "readAtMs", m.played_at as "playedAtMs",
     m.failed_at as "failedAtMs", m.error_code as "errorCode",
     (old.status, old.sent_at, old.delivered_at, old.read_at, old.played_at, old.failed_at, old.error_code) is distinct from
     (m.status, m.sent_at, m.delivered_at, m.read_at, m.played_at, m.failed_at, m.error_code) as "hasChanged"`,
  {
    tenantId: "uuid",
    connectionId: "uuid",
    waMessageId: "text",
    id: "uuid",
    conversationId: "uuid",
    statusBefore: "text",
    status: "text",
    sentAtMs: "time?",
    deliveredAtMs: "time?",
    readAtMs: "time?",
    playedAtMs: "time?",
    failedAtMs: "time?",
    errorCode: "int?",
    hasChanged: "bool",
  },
);

/** A send whose outcome nobody knows is found by our own id, which Meta echoes (I6). */
const adopt = statement(
  "statuses.adopt",
  `update whatsapp_messages m set wa_message_id = u.wa_message_id
   from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[]) as u (tenant_id, connection_id, wa_message_id, id)
   where m.tenant_id = u.tenant_id and m.connection_id = u.connection_id and m.id = u.id and m.direction = 'outbound' and m.wa_message_id is null
   returning m.id`,
  { id: "uuid" },
);

/** What storing a fact has done: `known` facts say nothing new, `fuller` ones are known but say more than before. */
export type StoredFact = "new" | "fuller" | "known";

/** Stores the facts. Aligned with the input; of equal facts in one call only the first can be new. */
export async function insertStatusFacts(tx: Tx, facts: readonly Fact[], nowMs: number): Promise<StoredFact[]> {
  if (facts.length === 0) return [];
  const keys = facts.map(factKey);
  const merged = new Map<string, Fact>();
  for (const [index, fact] of facts.entries()) {
    const key = keys[index] ?? "";
    const known = merged.get(key);
    merged.set(key, known === undefined ? fact : mergeFacts(known, fact));
  }
  const sorted = [...merged].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, fact]) => fact);
  const rows = await tx.query(insertFacts, [
    uuids(sorted.map((fact) => fact.tenantId)),
    uuids(sorted.map((fact) => fact.connectionId)),
    texts(sorted.map((fact) => fact.waMessageId)),
    texts(sorted.map((fact) => fact.status)),
    texts(sorted.map((fact) => fact.participant)),
    times(sorted.map((fact) => fact.atMs)),
    ints(sorted.map((fact) => fact.error?.code ?? 0)),
    texts(sorted.map((fact) => fact.error?.title ?? null)),
    texts(sorted.map((fact) => fact.error?.details ?? null)),
    texts(sorted.map((fact) => (fact.pricing === null ? null : JSON.stringify(fact.pricing)))),
    times(sorted.map((fact) => fact.freeEntryPointExpiresAtMs)),
    texts(sorted.map((fact) => fact.callback)),
    new Date(nowMs).toISOString(),
  ]);
  const written = new Map<string, StoredFact>(
    rows.map((row) => [
      `${row.connectionId} ${row.waMessageId} ${row.status} ${row.participant} ${row.atMs} ${row.errorCode}`,
      row.isNew ? "new" : "fuller",
    ]),
  );
  return keys.map((key) => {
    const found = written.get(key) ?? "known";
    if (found === "new") written.set(key, "fuller");
    return found;
  });
}

/** The same fact told twice, as the statement above merges it. */
function mergeFacts(a: Fact, b: Fact): Fact {
  const least = <T>(x: T | null, y: T | null, text: (value: T) => string): T | null =>
    compareOptional(x === null ? null : text(x), y === null ? null : text(y)) <= 0 ? x : y;
  const [ours, theirs] = [a.error ?? noWords, b.error ?? noWords];
  return {
    ...a,
    error: compareErrorTexts(ours, theirs) <= 0 ? (a.error ?? b.error) : b.error,
    pricing: least(a.pricing, b.pricing, JSON.stringify),
    callback: least(a.callback, b.callback, String),
    freeEntryPointExpiresAtMs: greatest(a.freeEntryPointExpiresAtMs, b.freeEntryPointExpiresAtMs),
  };
}

const noWords = { title: null, details: null };

export type Projection = {
  changed: ChangedMessage[];
  /** What Meta says in these facts about the windows of the messages' conversations. */
  verdicts: Verdict[];
};
export type Verdict = { tenantId: string; conversationId: string; refusedAtMs: number | null; freeEntryPointExpiresAtMs: number | null };

/**
 * Folds new facts onto their messages. A message that is not known yet is looked for once more under its lock; if it is
 * still missing, the facts wait in their table until `settleMessages` is called for it.
 */
export async function projectFacts(tx: Tx, facts: readonly Fact[]): Promise<Projection> {
  const perMessage = groupByMessage(facts);
  const rows = await applyFolds(tx, perMessage);
  const found = new Set(rows.map((row) => messageKey(row)));
  const missing = new Map([...perMessage].filter(([key]) => !found.has(key)));
  if (missing.size > 0) {
    await lock(
      tx,
      [...missing.values()].map(({ key }) => key),
    );
    await adoptByCallback(
      tx,
      facts.filter((fact) => missing.has(messageKey(fact))),
    );
    rows.push(...(await applyFolds(tx, missing)));
  }
  return { changed: rows.filter((row) => row.hasChanged), verdicts: verdictsOf(facts, rows) };
}

/** For whoever has just stored messages with these wamids: brings in the facts that came before them. */
export async function settleMessages(tx: Tx, keys: readonly MessageKey[]): Promise<Projection> {
  if (keys.length === 0) return { changed: [], verdicts: [] };
  await lock(tx, keys);
  const stored = await tx.query(selectFacts, [
    uuids(keys.map((key) => key.tenantId)),
    uuids(keys.map((key) => key.connectionId)),
    texts(keys.map((key) => key.waMessageId)),
  ]);
  if (stored.length === 0) return { changed: [], verdicts: [] };
  const facts = stored.map((row) => ({
    ...row,
    error:
      row.errorCode === 0 && row.errorTitle === null ? null : { code: row.errorCode, title: row.errorTitle, details: row.errorDetails },
    // Written by insertStatusFacts from the same type.
    pricing: row.pricing as Pricing | null,
  }));
  const rows = await applyFolds(tx, groupByMessage(facts));
  return { changed: rows.filter((row) => row.hasChanged), verdicts: verdictsOf(facts, rows) };
}

/** Meta's verdict that the window is closed. */
const windowClosedCode = 131_047;

/** 131047 closes the window in our books; the end of a free entry point is what Meta reports, never computed. */
function verdictsOf(facts: readonly Fact[], rows: readonly ChangedMessage[]): Verdict[] {
  const conversations = new Map(rows.map((row) => [messageKey(row), row.conversationId]));
  const verdicts = new Map<string, Verdict>();
  for (const fact of facts) {
    const conversationId = conversations.get(messageKey(fact));
    const refusedAtMs = fact.status === "failed" && fact.error?.code === windowClosedCode ? fact.atMs : null;
    if (conversationId === undefined || (refusedAtMs === null && fact.freeEntryPointExpiresAtMs === null)) continue;
    const known = verdicts.get(conversationId);
    verdicts.set(conversationId, {
      tenantId: fact.tenantId,
      conversationId,
      refusedAtMs: greatest(known?.refusedAtMs ?? null, refusedAtMs),
      freeEntryPointExpiresAtMs: greatest(known?.freeEntryPointExpiresAtMs ?? null, fact.freeEntryPointExpiresAtMs),
    });
  }
  return [...verdicts.values()];
}

function greatest(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b);
}

async function adoptByCallback(tx: Tx, facts: readonly Fact[]): Promise<void> {
  const ours = new Map(facts.flatMap((fact) => (fact.callback !== null && isUuid(fact.callback) ? [[fact.callback, fact]] : [])));
  if (ours.size === 0) return;
  const adopted = [...ours].toSorted(([a], [b]) => (a < b ? -1 : 1));
  await tx.query(adopt, [
    uuids(adopted.map(([, fact]) => fact.tenantId)),
    uuids(adopted.map(([, fact]) => fact.connectionId)),
    texts(adopted.map(([, fact]) => fact.waMessageId)),
    uuids(adopted.map(([id]) => id)),
  ]);
}

async function lock(tx: Tx, keys: readonly MessageKey[]): Promise<void> {
  await tx.query(lockMessages, [texts(keys.map((key) => key.connectionId)), texts(keys.map((key) => key.waMessageId))]);
}

type PerMessage = Map<string, { key: MessageKey; fold: StatusFold }>;

function groupByMessage(facts: readonly Fact[]): PerMessage {
  const groups = new Map<string, { key: MessageKey; facts: StatusFact[] }>();
  for (const fact of facts) {
    const name = messageKey(fact);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, { key: fact, facts: [fact] });
    else group.facts.push(fact);
  }
  return new Map([...groups].map(([name, group]) => [name, { key: group.key, fold: foldFacts(group.facts) }]));
}

async function applyFolds(tx: Tx, perMessage: PerMessage) {
  const entries = [...perMessage.values()].toSorted((a, b) => (messageKey(a.key) < messageKey(b.key) ? -1 : 1));
  return tx.query(project, [
    uuids(entries.map(({ key }) => key.tenantId)),
    uuids(entries.map(({ key }) => key.connectionId)),
    texts(entries.map(({ key }) => key.waMessageId)),
    texts(entries.map(({ fold }) => fold.status)),
    ints(entries.map(({ fold }) => rank(fold))),
    times(entries.map(({ fold }) => fold.sentAtMs)),
    times(entries.map(({ fold }) => fold.deliveredAtMs)),
    times(entries.map(({ fold }) => fold.readAtMs)),
    times(entries.map(({ fold }) => fold.playedAtMs)),
    times(entries.map(({ fold }) => fold.failure?.atMs ?? null)),
    ints(entries.map(({ fold }) => fold.failure?.code ?? null)),
    texts(entries.map(({ fold }) => fold.failure?.title ?? null)),
    texts(entries.map(({ fold }) => fold.failure?.details ?? null)),
    texts(entries.map(({ fold }) => (fold.pricing === null ? null : JSON.stringify(fold.pricing.value)))),
    times(entries.map(({ fold }) => fold.pricing?.atMs ?? null)),
  ]);
}

function rank(fold: StatusFold): number {
  return fold.status === null ? -1 : rankOf(fold.status);
}

export function messageKey(key: MessageKey): string {
  return `${key.connectionId} ${key.waMessageId}`;
}

function factKey(fact: Fact): string {
  return `${fact.connectionId} ${fact.waMessageId} ${fact.status} ${fact.participant} ${fact.atMs} ${fact.error?.code ?? 0}`;
}
