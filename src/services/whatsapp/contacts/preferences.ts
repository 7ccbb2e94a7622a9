/**
 * What customers say about marketing messages, from all sources: a word or a button of theirs, Meta's own opt-out, a person of the
 * business. Each word is a row; the contact shows the latest by Meta's time, and of equal times `stop`, so that the order in which they
 * come is of no matter (I3). Lock order: contacts, as everywhere; words have no lock of their own.
 */
import { createHash } from "node:crypto";
import type { Said } from "../../../core/opt-out-words.ts";
import { texts, times, uuids } from "../../../db/arrays.ts";
import { statement } from "../../../db/statement.ts";
import type { Tx } from "../../../db/transaction.ts";

export type PreferenceSource = "keyword" | "meta" | "person";

export type Preference = {
  tenantId: string;
  /** Canonical. */
  contactId: string;
  said: Said;
  atMs: number;
  source: PreferenceSource;
  /** The message that said it. */
  message: { connectionId: string; waMessageId: string } | null;
  /** What makes it the same word when it comes again. */
  origin: string;
};
/** A contact that is opted out now and was not, or the other way round. */
export type Turned = { tenantId: string; contactId: string; said: Said; source: PreferenceSource };

const isLater = `(p.at, p.said = 'stop', p.source) > (coalesce(c.preference_at, '-infinity'), c.opted_out_at is not null, coalesce(c.preference_source, ''))`;

/** One statement: the words, and the contacts of which one is the latest now. Rows are locked in the order of the arrays, that of their keys. */
const apply = statement(
  "preferences.apply",
  `with words as (
     insert into whatsapp_marketing_words (tenant_id, id, contact_id, said, at, source, connection_id, wa_message_id)
     select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::text[], $7::uuid[], $8::text[])
     on conflict do nothing
   )
   update whatsapp_contacts c set preference_at = p.at, preference_source = p.source, opted_out_at = case when p.said = 'stop' then p.at end
   from unnest($9::uuid[], $10::uuid[], $11::text[], $12::timestamptz[], $13::text[]) as p (tenant_id, contact_id, said, at, source)
   where c.tenant_id = p.tenant_id and c.id = p.contact_id and ${isLater}
   returning c.tenant_id as "tenantId", c.id as "contactId", p.said, p.source, (old.opted_out_at is null) <> (new.opted_out_at is null) as "hasTurned"`,
  { tenantId: "uuid", contactId: "uuid", said: "text", source: "text", hasTurned: "bool" },
);

/** Where messages were moved to another contact, their words go with them. */
const follow = statement(
  "preferences.follow",
  `update whatsapp_marketing_words w set contact_id = v.contact_id
   from unnest($2::uuid[]) as u (id)
   join whatsapp_messages m on m.tenant_id = $1 and m.id = u.id
   join whatsapp_conversations v on v.tenant_id = m.tenant_id and v.id = m.conversation_id
   where w.tenant_id = $1 and w.connection_id = m.connection_id and w.wa_message_id = m.wa_message_id and v.contact_id <> w.contact_id`,
  {},
);

/** The latest word of any of the people who are one person now. */
const derive = statement(
  "preferences.derive",
  `update whatsapp_contacts c set preference_at = p.at, preference_source = p.source, opted_out_at = case when p.said = 'stop' then p.at end
   from (
     select k.id, latest.* from unnest($2::uuid[]) as k (id)
     left join lateral (
       select w.at, w.said, w.source from whatsapp_contacts m join whatsapp_marketing_words w on w.tenant_id = m.tenant_id and w.contact_id = m.id
       where m.tenant_id = $1 and (m.id = k.id or m.merged_into_id = k.id)
       order by w.at desc, (w.said = 'stop') desc, w.source desc limit 1
     ) latest on true
   ) p
   where c.tenant_id = $1 and c.id = p.id
     and (p.at, p.source, coalesce(p.said = 'stop', false)) is distinct from (c.preference_at, c.preference_source, c.opted_out_at is not null)`,
  {},
);

/** Answers whom it turned. Said twice, or later than something newer, it changes nothing. */
export async function applyPreferences(tx: Tx, preferences: readonly Preference[]): Promise<Turned[]> {
  if (preferences.length === 0) return [];
  const words = new Map(preferences.map((preference) => [`${preference.tenantId} ${wordId(preference)}`, preference]));
  const rows = [...words].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, preference]) => preference);
  const latest = new Map<string, Preference>();
  for (const preference of rows) {
    const known = latest.get(preference.contactId);
    if (known === undefined || isAfter(preference, known)) latest.set(preference.contactId, preference);
  }
  const chosen = [...latest.values()].toSorted((a, b) => (a.tenantId + a.contactId < b.tenantId + b.contactId ? -1 : 1));
  const changed = await tx.query(apply, [
    uuids(rows.map((row) => row.tenantId)),
    uuids(rows.map(wordId)),
    uuids(rows.map((row) => row.contactId)),
    texts(rows.map((row) => row.said)),
    times(rows.map((row) => row.atMs)),
    texts(rows.map((row) => row.source)),
    uuids(rows.map((row) => row.message?.connectionId ?? null)),
    texts(rows.map((row) => row.message?.waMessageId ?? null)),
    uuids(chosen.map((row) => row.tenantId)),
    uuids(chosen.map((row) => row.contactId)),
    texts(chosen.map((row) => row.said)),
    times(chosen.map((row) => row.atMs)),
    texts(chosen.map((row) => row.source)),
  ]);
  return changed.flatMap(({ tenantId, contactId, hasTurned, ...word }) =>
    // The words are those of `chosen`.
    hasTurned ? [{ tenantId, contactId, said: word.said as Said, source: word.source as PreferenceSource }] : [],
  );
}

/** After people were joined, parted, or found to own other messages: what was said counts for who said it. */
export async function carryPreferences(
  tx: Tx,
  tenantId: string,
  { canonicalIds, movedMessageIds }: { canonicalIds: readonly string[]; movedMessageIds: readonly string[] },
): Promise<void> {
  if (movedMessageIds.length > 0) await tx.query(follow, [tenantId, uuids(movedMessageIds)]);
  if (canonicalIds.length > 0) await tx.query(derive, [tenantId, uuids([...new Set(canonicalIds)].toSorted())]);
}

function isAfter(a: Preference, b: Preference): boolean {
  if (a.atMs !== b.atMs) return a.atMs > b.atMs;
  if (a.said !== b.said) return a.said === "stop";
  return a.source > b.source;
}

/** In the form of a uuid of our own making (version 8). */
function wordId({ origin, said, atMs, source }: Preference): string {
  const hex = createHash("sha256").update(`${source} ${said} ${atMs} ${origin}`).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
