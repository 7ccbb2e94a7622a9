/**
 * Delivery statuses: facts (`status-facts.ts`) are folded onto their messages (I3, I4).
 *
 * A fact may come before its message. Whoever sets a wamid, and whoever finds no message for one, takes the advisory lock on
 * (connection, wamid) in sorted order and looks again; without it both could commit without seeing each other.
 */
import { foldFacts, rankOf, type StatusFact, type StatusFold } from "../../core/message-status.ts";
import { ints, texts, times, uuids } from "../../db/arrays.ts";
import { statement } from "../../db/statement.ts";
import type { Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import { adoptSends, ownIdOf } from "./send-adoption.ts";
import { greatest, messageKey, readStatusFacts, wording, type Fact, type MessageKey } from "./status-facts.ts";
import { lockClasses } from "./lock-classes.ts";

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

/** A bounded number of locks, as for addresses (`contacts/locks.ts`). */
const lockMessages = statement(
  "statuses.lock",
  `select count(pg_advisory_xact_lock($3, bucket))::int as locked
   from (select distinct (hashtextextended('wamid:' || connection_id || wa_message_id, 0) & $4::bigint)::int as bucket
         from unnest($1::text[], $2::text[]) as u (connection_id, wa_message_id) order by 1) b`,
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
  const known = await applyFolds(tx, perMessage);
  const ids = new Map(known.map((row) => [messageKey(row), row.id]));
  // Not found yet, or found as an echo although Meta says that it is a send of ours.
  const open = facts.filter((fact) => !ids.has(messageKey(fact)) || isOursAndNot(fact, ids.get(messageKey(fact))));
  if (open.length === 0) return projection(facts, known);
  await lockWaMessageIds(tx, open);
  const adopted = await adoptSends(tx, open);
  const missing = [...perMessage].filter(([key]) => !ids.has(key) && !adopted.has(key));
  const late = await applyFolds(tx, new Map(missing));
  const settled = await settleMessages(tx, [...adopted.values()]);
  const others = projection(facts, [...known.filter((row) => !adopted.has(messageKey(row))), ...late]);
  return { changed: [...others.changed, ...settled.changed], verdicts: [...others.verdicts, ...settled.verdicts] };
}

function isOursAndNot(fact: Fact, id: string | undefined): boolean {
  return ownIdOf(fact) !== null && ownIdOf(fact) !== id;
}

/** For whoever has just stored messages with these wamids: brings in the facts that came before them. */
export async function settleMessages(tx: Tx, keys: readonly MessageKey[]): Promise<Projection> {
  if (keys.length === 0) return { changed: [], verdicts: [] };
  await lockWaMessageIds(tx, keys);
  const facts = await readStatusFacts(tx, keys);
  if (facts.length === 0) return { changed: [], verdicts: [] };
  return projection(facts, await applyFolds(tx, groupByMessage(facts)));
}

function projection(facts: readonly Fact[], rows: Awaited<ReturnType<typeof applyFolds>>): Projection {
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

/** For whoever is about to set these wamids; before any row of theirs is locked. */
export async function lockWaMessageIds(tx: Tx, keys: readonly MessageKey[]): Promise<void> {
  await tx.query(lockMessages, [
    texts(keys.map((key) => key.connectionId)),
    texts(keys.map((key) => key.waMessageId)),
    lockClasses.messages,
    limits.lockBuckets - 1,
  ]);
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
  if (perMessage.size === 0) return [];
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
