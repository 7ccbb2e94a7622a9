/**
 * What Meta reported about messages, kept in `whatsapp_message_statuses` fact by fact: each (status, time, participant, error code) of a
 * message is one row by its key (I2). Told twice in other words it is still one, with the same words whatever came first (I3).
 */
import { compareErrorTexts, compareOptional } from "../../core/message-status.ts";
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

/** As `compareErrorTexts` says it. */
export const wording = (row: string): string =>
  `${row}.error_title is null, coalesce(${row}.error_title, '') collate "C", ${row}.error_details is null, coalesce(${row}.error_details, '') collate "C"`;
const isBetterWorded = `(${wording("excluded")}) < (${wording("s")})`;
const leastOf = (column: string, cast = ""): string => `least(s.${column}${cast} collate "C", excluded.${column}${cast} collate "C")`;

/**
 * A fact that comes again changes only what it says in better words or in addition, so that the order does not matter. Answers how many
 * are new, and the rows that were written only where some are not.
 */
const insertFacts = statement(
  "statuses.insert",
  `with written as (
   insert into whatsapp_message_statuses as s (tenant_id, connection_id, wa_message_id, status, participant, at, error_code, error_title, error_details,
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
   returning s.connection_id, s.wa_message_id, s.status, s.participant, s.at, s.error_code, old.tenant_id is null as is_new
   )
   select total.new, w.connection_id as "connectionId", w.wa_message_id as "waMessageId", w.status, w.participant, w.at as "atMs", w.error_code as "errorCode",
     w.is_new as "isNew"
   from (select count(*) filter (where is_new)::int as new from written) total left join written w on total.new < $14`,
  {
    new: "int",
    connectionId: "uuid?",
    waMessageId: "text?",
    status: "text?",
    participant: "text?",
    atMs: "time?",
    errorCode: "int?",
    isNew: "bool?",
  },
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
    sorted.length,
  ]);
  const isAllNew = rows[0]?.new === sorted.length;
  if (isAllNew && sorted.length === facts.length) return facts.map(() => "new");
  const written = new Map<string, StoredFact>(
    isAllNew
      ? sorted.map((fact) => [factKey(fact), "new"])
      : rows.map((row) => [
          `${row.connectionId} ${row.waMessageId} ${row.status} ${row.participant} ${row.atMs} ${row.errorCode}`,
          row.isNew === true ? "new" : "fuller",
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

/** All that is known about these messages. */
export async function readStatusFacts(tx: Tx, keys: readonly MessageKey[]): Promise<Fact[]> {
  const rows = await tx.query(selectFacts, [
    uuids(keys.map((key) => key.tenantId)),
    uuids(keys.map((key) => key.connectionId)),
    texts(keys.map((key) => key.waMessageId)),
  ]);
  return rows.map((row) => ({
    ...row,
    error:
      row.errorCode === 0 && row.errorTitle === null ? null : { code: row.errorCode, title: row.errorTitle, details: row.errorDetails },
    // Written by insertStatusFacts from the same type.
    pricing: row.pricing as Pricing | null,
  }));
}

export function greatest(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b);
}

export function messageKey(key: MessageKey): string {
  return `${key.connectionId} ${key.waMessageId}`;
}

function factKey(fact: Fact): string {
  return `${fact.connectionId} ${fact.waMessageId} ${fact.status} ${fact.participant} ${fact.atMs} ${fact.error?.code ?? 0}`;
}
