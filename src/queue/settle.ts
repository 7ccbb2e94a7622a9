/** The books of a batch: what became of each update, per delivery and per tenant, and what is parked. Last before COMMIT. */
import { ints, uuids } from "../db/arrays.ts";
import { statement } from "../db/statement.ts";
import type { Tx } from "../db/transaction.ts";
import { appendActivity, countsKey, type ActivityEvent, type UpdateCounts } from "../services/activity/append.ts";
import type { Lane } from "../services/whatsapp/graph/updates.ts";
import { keepUpdates, type ReceivedUpdate } from "../webhooks/forward-log.ts";
import { parkUpdates, parkUpdatesAgain, resolveParked, type NewParked } from "../webhooks/parked-updates.ts";
import type { Item, Outcome, Parked, ParkReason } from "./work.ts";
import { peerOf, waMessageIdOf } from "./workers/speakers.ts";

export type Applied = {
  item: Item;
  /** Null of what was suppressed and is nobody's. */ tenantId: string | null;
  connectionId: string | null;
  outcome: Outcome;
};

const upsertResults = statement(
  "results.upsert",
  `insert into webhook_results as r (delivery_id, kind, updates, stored, parked, duplicates, suppressed, applied_at)
   select delivery_id, $2, updates, stored, parked, duplicates, suppressed, $8::timestamptz
   from unnest($1::uuid[], $3::int[], $4::int[], $5::int[], $6::int[], $7::int[]) as u (delivery_id, updates, stored, parked, duplicates, suppressed)
   order by 1
   on conflict (delivery_id, kind) do update set updates = r.updates + excluded.updates, stored = r.stored + excluded.stored, parked = r.parked + excluded.parked,
     duplicates = r.duplicates + excluded.duplicates, suppressed = r.suppressed + excluded.suppressed, applied_at = excluded.applied_at`,
  {},
);

type Counts = UpdateCounts & { updates: number };
const countOf = { stored: "stored", duplicate: "duplicates", suppressed: "suppressed" } as const;

/** Answers the tenants whose activity has grown. */
export async function settle(
  tx: Tx,
  lane: Lane,
  batch: { applied: readonly Applied[]; parked: readonly Parked[]; events: readonly ActivityEvent[] },
  nowMs: number,
): Promise<string[]> {
  const perDelivery = new Map<string, Counts>();
  const perTenant = new Map<string, Counts>();
  const events = [...batch.events];
  const add = (deliveryId: string, tenantId: string | null, change: Partial<Counts>): void => {
    addTo(entry(perDelivery, deliveryId), change);
    addTo(entry(perTenant, countsKey(tenantId)), change);
  };

  // Only a replay can meet an update that is parked: everything else is decided for the first time.
  const replayed = batch.applied.filter(({ item }) => item.isReplay);
  const resolved = await resolveParked(
    tx,
    replayed.map(({ item }) => ({ deliveryId: item.deliveryId, index: item.located.index })),
    nowMs,
  );
  const wasParked = new Map(resolved.map((row) => [`${row.deliveryId} ${row.updateIndex}`, row.tenantId]));
  for (const { item, tenantId, outcome } of batch.applied) {
    if (!item.isReplay) {
      for (const counts of [entry(perDelivery, item.deliveryId), entry(perTenant, countsKey(tenantId))]) {
        counts.updates += 1;
        counts[countOf[outcome]] += 1;
      }
      continue;
    }
    const parkedFor = wasParked.get(`${item.deliveryId} ${item.located.index}`);
    if (parkedFor === undefined) continue;
    add(item.deliveryId, parkedFor, { parked: -1 });
    add(item.deliveryId, tenantId, { [countOf[outcome]]: 1 });
  }

  const announce = (tenantId: string | null, parkedId: string, reason: ParkReason): void => {
    if (tenantId === null) return;
    events.push({ tenantId, type: "update.parked", conversationId: null, messageId: null, data: { parkedId, reason, kind: lane } });
  };
  const byKey = new Map(batch.parked.map((parked) => [`${parked.item.deliveryId} ${parked.item.located.index}`, parked]));
  const newlyParked = batch.parked.filter(({ item }) => !item.isReplay).map(rowOf);
  for (const { deliveryId, updateIndex, id } of await parkUpdates(tx, newlyParked, nowMs)) {
    const parked = byKey.get(`${deliveryId} ${updateIndex}`);
    if (parked === undefined) continue;
    add(deliveryId, parked.tenantId, { updates: 1, parked: 1 });
    announce(parked.tenantId, id, parked.reason);
  }
  const parkedAgain = batch.parked.filter(({ item }) => item.isReplay).map(rowOf);
  for (const { deliveryId, updateIndex, id, tenantIdBefore, tenantId } of await parkUpdatesAgain(tx, parkedAgain, nowMs)) {
    const parked = byKey.get(`${deliveryId} ${updateIndex}`);
    // An update of nobody's may have turned out to be a tenant's.
    if (parked === undefined || tenantIdBefore === tenantId) continue;
    addTo(entry(perTenant, countsKey(tenantIdBefore)), { parked: -1 });
    addTo(entry(perTenant, countsKey(tenantId)), { parked: 1 });
    announce(tenantId, id, parked.reason);
  }
  await writeResults(tx, lane, perDelivery, nowMs);
  const keeping = await appendActivity(tx, events, nowMs, perTenant);
  if (keeping.size > 0) await keepUpdates(tx, receivedBy(keeping, batch.applied), nowMs);
  return [...new Set(events.map((event) => event.tenantId))];
}

/** What is new to these tenants: a duplicate was kept before. */
function receivedBy(tenantIds: ReadonlySet<string>, applied: readonly Applied[]): ReceivedUpdate[] {
  return applied.flatMap(({ item, tenantId, outcome, connectionId }) => {
    if (outcome !== "stored" || tenantId === null || !tenantIds.has(tenantId)) return [];
    const { update, located } = item;
    const waMessageId = waMessageIdOf(update);
    const peer = update.kind === "status" ? update.recipient : peerOf(update);
    const groupId = "groupId" in update ? update.groupId : null;
    const person = groupId ?? peer?.phone ?? peer?.userId ?? null;
    return [{ tenantId, connectionId, waMessageId: waMessageId === "" ? null : waMessageId, person, located }];
  });
}

function rowOf({ item, tenantId, reason, detail }: Parked): NewParked {
  return { ...item, tenantId, reason, detail };
}

async function writeResults(tx: Tx, lane: Lane, perDelivery: ReadonlyMap<string, Counts>, nowMs: number): Promise<void> {
  if (perDelivery.size === 0) return;
  const counts = [...perDelivery.values()];
  await tx.query(upsertResults, [
    uuids([...perDelivery.keys()]),
    lane,
    ints(counts.map((count) => count.updates)),
    ints(counts.map((count) => count.stored)),
    ints(counts.map((count) => count.parked)),
    ints(counts.map((count) => count.duplicates)),
    ints(counts.map((count) => count.suppressed)),
    new Date(nowMs).toISOString(),
  ]);
}

function entry(map: Map<string, Counts>, key: string): Counts {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = { updates: 0, stored: 0, parked: 0, duplicates: 0, suppressed: 0 };
  map.set(key, made);
  return made;
}

function addTo(counts: Counts, change: Partial<Counts>): void {
  counts.updates += change.updates ?? 0;
  counts.stored += change.stored ?? 0;
  counts.parked += change.parked ?? 0;
  counts.duplicates += change.duplicates ?? 0;
  counts.suppressed += change.suppressed ?? 0;
}
