/**
 * Followers read the activity behind the path in, each at its own pace, and make of it what the path in shall not be burdened with: the index of the
 * search, the counts of the overview. A follower's place is a row for each tenant; what it makes and its next place commit together, and whoever
 * writes for a tenant holds that row, so every event is taken once and in order, on however many nodes, and a killed one leaves nothing behind.
 * Numbers of events have no gaps and follow the commits (I5), so "after the last one read" misses nothing.
 */
import { bigints, uuids } from "../../db/arrays.ts";
import { statement, type RowOf } from "../../db/statement.ts";
import type { Db } from "../../db/pool.ts";
import { transaction, type Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";

export type FollowerName = "search" | "overview";

/** The search begins with what comes now, and fills in the past besides; the overview begins with the first event that is kept. */
const makeCursors = statement(
  "follow.make_cursors",
  `insert into follower_cursors (tenant_id, follower, seq, fill_before_id, fill_contacts_before_id)
   select t.id, $1, case when $1 = 'search' then coalesce(c.seq, 0) else 0 end, past.id, past.id
   from tenants t left join activity_counters c on c.tenant_id = t.id
   cross join (select case when $1 = 'search' then 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid end as id) past
   where not exists (select from follower_cursors f where f.tenant_id = t.id and f.follower = $1)
   order by t.id on conflict do nothing`,
  {},
);
/** Chance decides whose turn it is where more are behind than one turn takes, so that none waits for ever. */
const selectBehind = statement(
  "follow.behind",
  `select f.tenant_id as "tenantId" from follower_cursors f join activity_counters c on c.tenant_id = f.tenant_id and c.seq > f.seq
   where f.follower = $1 order by random() limit $2`,
  { tenantId: "uuid" },
);
const lock = statement(
  "follow.lock",
  `select tenant_id as "tenantId", seq, ordinal from follower_cursors where follower = $1 and tenant_id = any($2::uuid[])
   order by tenant_id for no key update skip locked`,
  { tenantId: "uuid", seq: "bigint", ordinal: "bigint" },
);
const eventRow = {
  tenantId: "uuid",
  seq: "bigint",
  type: "text",
  conversationId: "uuid?",
  messageId: "uuid?",
  data: "json",
  createdAtMs: "time",
} as const;
const readEvents = statement(
  "follow.events",
  `select a.tenant_id as "tenantId", a.seq, a.type, a.conversation_id as "conversationId", a.message_id as "messageId", a.data, a.created_at as "createdAtMs"
   from unnest($1::uuid[], $2::bigint[]) as u (tenant_id, seq)
   cross join lateral (
     select * from activity_events e where e.tenant_id = u.tenant_id and e.seq > u.seq order by e.seq limit $3
   ) a order by a.tenant_id, a.seq`,
  eventRow,
);
const selectHeads = statement(
  "follow.heads",
  `select tenant_id as "tenantId", seq from activity_counters where tenant_id = any($1::uuid[])`,
  {
    tenantId: "uuid",
    seq: "bigint",
  },
);
const advance = statement(
  "follow.advance",
  `update follower_cursors f set seq = u.seq from unnest($2::uuid[], $3::bigint[]) as u (tenant_id, seq)
   where f.follower = $1 and f.tenant_id = u.tenant_id`,
  {},
);

export type FollowedEvent = RowOf<typeof eventRow>;
export type FollowedTenant = { tenantId: string; ordinal: number; events: readonly FollowedEvent[] };
export type Follower = {
  name: FollowerName;
  /** In the transaction that moves the place on. Tenants come in the order of their ids. */
  apply: (tx: Tx, tenants: readonly FollowedTenant[]) => Promise<void>;
};
export type Followed = { tenants: number; events: number; hasMore: boolean };

/** Gives every tenant a place; for the start, and now and then for tenants that are new. */
export async function makeFollowerCursors(ingest: Db, name: FollowerName): Promise<void> {
  await ingest.query(makeCursors, [name]);
}

/** One turn: events of the tenants that are behind, but for those that another node is at. */
export async function followOnce(ingest: Db, follower: Follower): Promise<Followed> {
  const behind = await ingest.query(selectBehind, [follower.name, limits.followTenantsMax]);
  if (behind.length === 0) return { tenants: 0, events: 0, hasMore: false };
  return transaction(ingest, async (tx) => {
    const cursors = await tx.query(lock, [follower.name, uuids(behind.map(({ tenantId }) => tenantId))]);
    if (cursors.length === 0) return { tenants: 0, events: 0, hasMore: false };
    const share = Math.max(1, Math.floor(limits.followEventsMax / cursors.length));
    const heads = new Map(
      (await tx.query(selectHeads, [uuids(cursors.map(({ tenantId }) => tenantId))])).map((row) => [row.tenantId, row.seq]),
    );
    const places = [uuids(cursors.map(({ tenantId }) => tenantId)), bigints(cursors.map(({ seq }) => seq))];
    const events = Map.groupBy(await tx.query(readEvents, [...places, share]), ({ tenantId }) => tenantId);
    const tenants = cursors.map(({ tenantId, ordinal }) => ({ tenantId, ordinal, events: events.get(tenantId) ?? [] }));
    await follower.apply(
      tx,
      tenants.filter((tenant) => tenant.events.length > 0),
    );
    const next = tenants.map(({ tenantId, events: read }) => read.at(-1)?.seq ?? heads.get(tenantId) ?? 0);
    await tx.query(advance, [follower.name, uuids(tenants.map(({ tenantId }) => tenantId)), bigints(next)]);
    const total = tenants.reduce((sum, tenant) => sum + tenant.events.length, 0);
    return {
      tenants: tenants.length,
      events: total,
      hasMore: behind.length === limits.followTenantsMax || tenants.some((t) => t.events.length >= share),
    };
  });
}
