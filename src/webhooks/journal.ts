/** The raw bodies: written before a webhook is answered, read by the workers, never changed. */
import { byteas, ints, texts, times, uuids } from "../db/arrays.ts";
import { statement } from "../db/statement.ts";
import type { Tx } from "../db/transaction.ts";
import type { Lane } from "../services/whatsapp/graph/updates.ts";

export type Delivery = { id: string; appKey: string; receivedAtMs: number; body: Buffer };

/** How a delivery goes into the queue: its updates per lane, and the account that fairness counts it for. */
export type Enqueued = { delivery: Delivery; account: string; lanes: ReadonlyMap<Lane, number> };

const select = statement(
  "journal.select",
  `select id, app_key as "appKey", received_at as "receivedAtMs", body from webhook_deliveries where id = any($1::uuid[])`,
  { id: "uuid", appKey: "text", receivedAtMs: "time", body: "bytes" },
);

/**
 * One statement for a whole group: the bodies, one queue row for each lane and account of the group, and the count of
 * what this node has taken in. `chunk` bounds a queue row, which is the least that a worker can claim.
 */
export const appendGroup = {
  name: "journal.append_group",
  text: `with deliveries as (
     insert into webhook_deliveries (id, app_key, received_at, lanes, body)
     select id, app_key, received_at, lanes, body from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::int[], $5::bytea[]) as d (id, app_key, received_at, lanes, body)
   ), pending as (
     insert into webhook_pending (kind, account, delivery_ids, updates, counted_deliveries, created_at)
     select kind, account, array_agg(delivery_id order by ordinal), sum(updates), sum(counted), $11::timestamptz
     from unnest($6::text[], $7::text[], $8::uuid[], $9::int[], $10::int[], $12::int[]) with ordinality
       as p (kind, account, delivery_id, updates, counted, chunk, ordinal)
     group by kind, account, chunk order by kind, account, chunk
   )
   insert into webhook_intake as i (slot, deliveries) values ($13, $14)
   on conflict (slot) do update set deliveries = i.deliveries + excluded.deliveries`,
} as const;

export function appendGroupValues(
  group: readonly Enqueued[],
  slot: number,
  nowMs: number,
  chunkUpdatesMax: number,
): (Buffer | string | number)[] {
  const lanes = group.flatMap(({ delivery, account, lanes: counts }) =>
    [...counts].map(([lane, updates], index) => ({ lane, account, deliveryId: delivery.id, updates, counted: index === 0 ? 1 : 0 })),
  );
  return [
    uuids(group.map(({ delivery }) => delivery.id)),
    texts(group.map(({ delivery }) => delivery.appKey)),
    times(group.map(({ delivery }) => delivery.receivedAtMs)),
    ints(group.map(({ lanes: counts }) => counts.size)),
    byteas(group.map(({ delivery }) => delivery.body)),
    texts(lanes.map((row) => row.lane)),
    texts(lanes.map((row) => row.account)),
    uuids(lanes.map((row) => row.deliveryId)),
    ints(lanes.map((row) => row.updates)),
    ints(lanes.map((row) => row.counted)),
    new Date(nowMs).toISOString(),
    ints(chunks(lanes, chunkUpdatesMax)),
    slot,
    group.length,
  ];
}

/** Bodies that have been dropped by age are missing from the answer. */
export function readDeliveries(tx: Tx, ids: readonly string[]): Promise<Delivery[]> {
  return tx.query(select, [uuids(ids)]);
}

/** Numbers the queue rows of each lane and account so that none holds more updates than allowed, but for a single large body. */
function chunks(rows: readonly { lane: string; account: string; updates: number }[], updatesMax: number): number[] {
  const open = new Map<string, { chunk: number; updates: number }>();
  return rows.map((row) => {
    const key = `${row.lane} ${row.account}`;
    const current = open.get(key) ?? { chunk: 0, updates: 0 };
    const next = current.updates > 0 && current.updates + row.updates > updatesMax ? { chunk: current.chunk + 1, updates: 0 } : current;
    open.set(key, { chunk: next.chunk, updates: next.updates + row.updates });
    return next.chunk;
  });
}
