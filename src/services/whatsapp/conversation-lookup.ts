/** Finding and making conversations for a whole batch, and remembering what was found. */
import { BoundedMap } from "../../core/bounded-map.ts";
import { texts, times, uuids } from "../../db/arrays.ts";
import { newId } from "../../db/new-id.ts";
import { statement } from "../../db/statement.ts";
import type { Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";

const insertMissing = statement(
  "conversations.insert_missing",
  `insert into whatsapp_conversations (tenant_id, id, connection_id, contact_id, group_id, created_at)
   select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[])
   on conflict do nothing
   returning id`,
  { id: "uuid" },
);

const selectByPeers = statement(
  "conversations.by_peers",
  `select p.ordinal::int as ordinal, coalesce(c.merged_into_id, c.id) as "conversationId"
   from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[]) with ordinality as p (tenant_id, connection_id, contact_id, group_id, ordinal)
   join lateral (
     select id, merged_into_id from whatsapp_conversations x
     where x.tenant_id = p.tenant_id and x.connection_id = p.connection_id and x.contact_id = p.contact_id
     union all
     select id, merged_into_id from whatsapp_conversations x
     where x.tenant_id = p.tenant_id and x.connection_id = p.connection_id and x.group_id = p.group_id
   ) c on true`,
  { ordinal: "int", conversationId: "uuid" },
);

export type WantedConversation = {
  tenantId: string;
  connectionId: string;
  contactId: string | null;
  groupId: string | null;
  /** The tenant's, as routing read it. Without it nothing is taken from the cache of this process. */
  identityVersion?: number;
};

export type EnsuredConversation = {
  conversationId: string;
  isNew: boolean;
  /** Taken from the memory of this process. */
  isRemembered: boolean;
};

/** What this process has seen committed. It holds for one version of the tenant's identities, since merges move conversations. */
const known = new BoundedMap<{ conversationId: string; version: number }>(limits.knownConversationsMax);

/** For after COMMIT: these need not be looked up again. */
export function rememberConversations(wanted: readonly WantedConversation[], found: readonly EnsuredConversation[]): void {
  for (const [index, peer] of wanted.entries()) {
    const { identityVersion: version } = peer;
    const { conversationId, isRemembered } = found[index] ?? {};
    if (version !== undefined && conversationId !== undefined && isRemembered !== true)
      known.set(peerKey(peer), { conversationId, version });
  }
}

function remembered(peer: WantedConversation): string | undefined {
  const entry = peer.identityVersion === undefined ? undefined : known.get(peerKey(peer));
  return entry?.version === peer.identityVersion ? entry?.conversationId : undefined;
}

/** Finds or makes each conversation, aligned with the input. Two transactions that make the same one end with one row. */
export async function ensureConversations(tx: Tx, wanted: readonly WantedConversation[], nowMs: number): Promise<EnsuredConversation[]> {
  const recalled = wanted.map(remembered);
  const found = await findConversations(tx, wanted, recalled);
  const missing = distinctPeers(wanted.filter((_, index) => found[index] === undefined));
  if (missing.length === 0) {
    return found.map((conversationId, index) => ({
      conversationId: conversationId ?? "",
      isNew: false,
      isRemembered: recalled[index] !== undefined,
    }));
  }
  const inserted = await tx.query(insertMissing, [
    uuids(missing.map((peer) => peer.tenantId)),
    uuids(missing.map(() => newId(nowMs))),
    uuids(missing.map((peer) => peer.connectionId)),
    uuids(missing.map((peer) => peer.contactId)),
    texts(missing.map((peer) => peer.groupId)),
    times(missing.map(() => nowMs)),
  ]);
  const made = new Set(inserted.map((row) => row.id));
  const all = await findConversations(tx, wanted);
  return all.map((conversationId) => {
    if (conversationId === undefined) throw new Error("A conversation was neither found nor made");
    return { conversationId, isNew: made.has(conversationId), isRemembered: false };
  });
}

async function findConversations(
  tx: Tx,
  wanted: readonly WantedConversation[],
  recalled: readonly (string | undefined)[] = [],
): Promise<(string | undefined)[]> {
  const found = wanted.map((_, index) => recalled[index]);
  const asked = wanted.flatMap((peer, index) => (found[index] === undefined ? [{ peer, index }] : []));
  if (asked.length === 0) return found;
  const rows = await tx.query(selectByPeers, [
    uuids(asked.map(({ peer }) => peer.tenantId)),
    uuids(asked.map(({ peer }) => peer.connectionId)),
    uuids(asked.map(({ peer }) => peer.contactId)),
    texts(asked.map(({ peer }) => peer.groupId)),
  ]);
  for (const row of rows) {
    const index = asked[row.ordinal - 1]?.index;
    if (index !== undefined) found[index] = row.conversationId;
  }
  return found;
}

function peerKey(peer: WantedConversation): string {
  return `${peer.connectionId} ${peer.contactId ?? ""} ${peer.groupId ?? ""}`;
}

/** One entry per conversation, in the order of keys in which every transaction inserts. */
function distinctPeers(wanted: readonly WantedConversation[]): WantedConversation[] {
  const byKey = new Map(wanted.map((peer) => [peerKey(peer), peer]));
  return [...byKey.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, peer]) => peer);
}
