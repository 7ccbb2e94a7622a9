/** From rows of the queue to single updates: decoded, with the delivery they came in, and routed to their tenant. */
import type { Tx } from "../db/transaction.ts";
import { isBlank, type Suppression } from "../services/privacy/suppress.ts";
import type { Lane, LocatedUpdate, Update } from "../services/whatsapp/graph/updates.ts";
import { route, type Route, type RoutingKey, type RoutingResult } from "../services/whatsapp/routing.ts";
import type { CachedDelivery, DeliveryCache } from "../webhooks/delivery-cache.ts";
import { readDeliveries } from "../webhooks/journal.ts";
import { locateBody } from "../webhooks/locate-body.ts";
import { readParked } from "../webhooks/parked-updates.ts";
import type { PendingRow } from "./pending.ts";

export type ParkReason = "unreadable" | "unrouted" | "number_mismatch" | "bad_update" | "rejected_by_database" | "crashed_worker";

export type Item<U extends Update = Update> = {
  deliveryId: string;
  appKey: string;
  receivedAtMs: number;
  located: LocatedUpdate;
  update: U;
  /** Counted before, when the delivery was first applied: only a move from parked to stored counts now. */
  isReplay: boolean;
};
/** An item whose tenant and connection are known. */
export type RoutedItem<U extends Update = Update> = Item<U> & { route: Route };

export type Parked = { item: Item; tenantId: string | null; reason: ParkReason; detail: string };
/** A batch before it is applied. */
type Sorted = { routed: RoutedItem[]; parked: Parked[]; suppressed: { item: Item; tenantId: string | null }[] };
export type Outcome = "stored" | "duplicate" | "suppressed";

/** Reads, locates and decodes. Never throws for what a body says. */
export async function loadItems(
  tx: Tx,
  lane: Lane,
  rows: readonly PendingRow[],
  how: { cache: DeliveryCache | null; decode: (located: LocatedUpdate) => Update },
): Promise<Item[]> {
  const found = new Map<string, CachedDelivery>();
  const missing: string[] = [];
  for (const id of new Set(rows.flatMap((row) => row.deliveryIds))) {
    const cached = how.cache?.take(id, lane);
    if (cached === undefined) missing.push(id);
    else found.set(id, cached);
  }
  if (missing.length > 0) {
    for (const { id, appKey, receivedAtMs, body } of await readDeliveries(tx, missing)) {
      found.set(id, { appKey, receivedAtMs, located: locateBody(body) });
    }
  }
  const items: Item[] = [];
  // Usual work names each delivery once.
  const taken = rows.some((row) => row.isReplay || row.updateIndex !== null || row.parkedId !== null) ? new Set<string>() : null;
  for (const row of rows) {
    for (const deliveryId of row.deliveryIds) {
      const delivery = found.get(deliveryId) ?? (row.parkedId === null ? undefined : await readParked(tx, row.parkedId));
      if (delivery === undefined) continue;
      for (const located of delivery.located) {
        if (located.lane !== lane || (row.updateIndex !== null && row.updateIndex !== located.index)) continue;
        // A replay that was asked for twice, or as one update and with its whole delivery, is one replay.
        const key = taken === null ? "" : `${deliveryId} ${located.index}`;
        if (taken?.has(key) === true) continue;
        taken?.add(key);
        items.push({
          deliveryId,
          appKey: delivery.appKey,
          receivedAtMs: delivery.receivedAtMs,
          located,
          update: how.decode(located),
          isReplay: row.isReplay,
        });
      }
    }
  }
  return items;
}

/** Splits what can be applied from what is parked before any statement sees it. */
export async function routeItems(tx: Tx, items: readonly Item[], nowMs: number, suppression: Suppression | null = null): Promise<Sorted> {
  const { keys, places } = routingKeys(items);
  const routes = await route(tx, keys, nowMs);
  const sorted: Sorted = { routed: [], parked: [], suppressed: [] };
  let hasErasures = false;
  for (const [index, item] of items.entries()) {
    const found = routes[places[index] ?? -1];
    // What an erasure has taken out of the journal before it was applied.
    if (isBlank(item)) {
      sorted.suppressed.push({ item, tenantId: found === undefined || isOfAnother(item, found) ? null : found.tenantId });
      continue;
    }
    hasErasures ||= found?.hasErasures === true;
    const verdict = judge(item, found);
    if ("reason" in verdict) sorted.parked.push({ item, ...verdict });
    else sorted.routed.push({ ...item, route: verdict });
  }
  return hasErasures && suppression !== null ? leaveOut(tx, sorted, suppression) : sorted;
}

/** What is about people whom their tenant has erased. */
async function leaveOut(tx: Tx, { routed, parked, suppressed }: Sorted, suppression: Suppression): Promise<Sorted> {
  const mine = parked.flatMap((one) => (one.tenantId === null ? [] : [{ ...one, tenantId: one.tenantId }]));
  const items: Item[] = [...routed, ...mine.map(({ item }) => item)];
  const tenantIds = [...routed.map((item) => item.route.tenantId), ...mine.map(({ tenantId }) => tenantId)];
  const kept = await suppression.sift(tx, items, tenantIds);
  const sorted: Sorted = { routed: [], parked: parked.filter(({ tenantId }) => tenantId === null), suppressed };
  for (const [index, item] of items.entries()) {
    const left = kept[index] ?? null;
    const before = routed[index];
    const aside = mine[index - routed.length];
    if (left === null) sorted.suppressed.push({ item, tenantId: tenantIds[index] ?? null });
    else if (before !== undefined) sorted.routed.push({ ...left, route: before.route });
    else if (aside !== undefined) sorted.parked.push({ ...aside, item: left });
  }
  return sorted;
}

/** Neighbours mostly come from one list of one body: they share a key. `places` says which key is whose. */
function routingKeys(items: readonly Item[]): { keys: RoutingKey[]; places: number[] } {
  const keys: RoutingKey[] = [];
  const places = items.map(({ appKey, located: { wabaId, phoneNumberId, displayPhoneNumber } }) => {
    const last = keys.at(-1);
    const isSame =
      last !== undefined &&
      last.appKey === appKey &&
      last.wabaId === wabaId &&
      last.phoneNumberId === phoneNumberId &&
      last.displayPhoneNumber === displayPhoneNumber;
    if (!isSame) keys.push({ appKey, wabaId, phoneNumberId, displayPhoneNumber });
    return keys.length - 1;
  });
  return { keys, places };
}

function judge(item: Item, found: RoutingResult | undefined): Route | { tenantId: string | null; reason: ParkReason; detail: string } {
  if (found !== undefined && isOfAnother(item, found)) {
    return { tenantId: null, reason: "unrouted", detail: "It was received while the account was another tenant's, which is closed" };
  }
  const tenantId = found?.tenantId ?? null;
  if (item.update.kind === "bad") return { tenantId, reason: item.update.reason, detail: item.update.detail };
  if (found === undefined) return { tenantId, reason: "unrouted", detail: "The update names no account" };
  if ("parked" in found) return { tenantId, reason: found.parked, detail: found.detail };
  if (item.update.kind !== "account" && item.update.kind !== "preference" && found.connectionId === null) {
    return { tenantId, reason: "bad_update", detail: "The update names no phone number of the account" };
  }
  return found;
}

function isOfAnother({ receivedAtMs }: Item, { heldFromMs }: RoutingResult): boolean {
  return heldFromMs !== null && receivedAtMs < heldFromMs;
}
