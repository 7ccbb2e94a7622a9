/** From claimed rows to their effects: decode, route, apply, settle; inside the transaction that took the rows. */
import type { Db } from "../db/pool.ts";
import type { Tx } from "../db/transaction.ts";
import type { Failpoint } from "../failpoint.ts";
import { limits } from "../limits.ts";
import type { ActivityEvent } from "../services/activity/append.ts";
import { decodeUpdate, updateText } from "../services/whatsapp/graph/decode.ts";
import type { Suppression } from "../services/privacy/suppress.ts";
import type { Lane } from "../services/whatsapp/graph/updates.ts";
import { touchConnections } from "../services/whatsapp/routing.ts";
import type { DeliveryCache } from "../webhooks/delivery-cache.ts";
import { detailOf, isUnavailable } from "./blame.ts";
import type { PendingRow } from "./pending.ts";
import { settle, type Applied } from "./settle.ts";
import type { Share } from "./shares.ts";
import { loadItems, routeItems, type Outcome, type Parked, type RoutedItem } from "./work.ts";

/** What a worker makes of its part of a batch. `outcomes` is aligned with the items. */
export type Application = {
  outcomes: readonly Outcome[];
  events: readonly ActivityEvent[];
  /** Messages of ours were queued. */
  hasSends?: boolean;
  onCommit?: () => void;
};
export type Apply = (tx: Tx, items: readonly RoutedItem[], nowMs: number) => Promise<Application>;

export type BatchOptions = {
  db: Db;
  lane: Lane;
  apply: Apply;
  cache: DeliveryCache | null;
  nowMs: () => number;
  /** Loops of one lane share the accounts, so that their batches do not wait for each other. */
  share?: Share;
  /** Pending work from before this time may have ended a process. */
  startedAtMs: number;
  /** Test-only fail points; does nothing in production. */
  failpoint: Failpoint;
  /** After a COMMIT that queued messages of ours. */
  onSends?: () => void;
  /** Who leaves out what is about erased people; without it nobody is asked. */
  suppression?: Suppression;
};

export type BatchResult = { rows: number; updates: number; parked: readonly Parked[]; tenantIds: readonly string[] };
/** `onCommit` is for what must not happen unless the transaction ends well. */
export type Done = { result: BatchResult; onCommit?: () => void };
export const nothing: BatchResult = { rows: 0, updates: 0, parked: [], tenantIds: [] };

export type Part = { applied: Applied[]; parked: Parked[]; events: ActivityEvent[]; onCommit: (() => void)[] };
export type ApplyHow = (tx: Tx, options: BatchOptions, items: readonly RoutedItem[], nowMs: number) => Promise<Part>;

export async function applyRows(
  tx: Tx,
  options: BatchOptions,
  rows: readonly PendingRow[],
  how: ApplyHow,
  decode = decodeUpdate,
): Promise<Done> {
  const nowMs = options.nowMs();
  const items = await loadItems(tx, options.lane, rows, { cache: options.cache, decode });
  const { routed, parked, suppressed } = await routeItems(tx, items, nowMs, options.suppression);
  const part = await how(tx, options, routed, nowMs);
  const allParked = [...parked, ...part.parked];
  await touchConnections(
    tx,
    routed.map(({ route }) => route),
    nowMs,
  );
  const left = suppressed.map(({ item, tenantId }) => ({ item, tenantId, connectionId: null, outcome: "suppressed" as const }));
  const applied = left.length === 0 ? part.applied : [...part.applied, ...left];
  const tenantIds = await settle(tx, options.lane, { applied, parked: allParked, events: part.events }, nowMs);
  await options.failpoint("worker.before_commit");
  return {
    result: { rows: rows.length, updates: items.length, parked: allParked, tenantIds },
    onCommit: () => {
      for (const act of part.onCommit) act();
    },
  };
}

export async function applyWhole(tx: Tx, options: BatchOptions, items: readonly RoutedItem[], nowMs: number): Promise<Part> {
  if (items.length === 0) return { applied: [], parked: [], events: [], onCommit: [] };
  await options.failpoint("worker.mid_batch", () => items.map((item) => updateText(item.located)));
  const application = await options.apply(tx, items, nowMs);
  const applied = items.map((item, index) => {
    const outcome = application.outcomes[index];
    if (outcome === undefined) throw new Error("A worker left an update without an outcome");
    return { item, tenantId: item.route.tenantId, connectionId: item.route.connectionId, outcome };
  });
  const { onCommit } = application;
  const onSends = application.hasSends === true ? options.onSends : undefined;
  return { applied, parked: [], events: [...application.events], onCommit: [onCommit, onSends].filter((act) => act !== undefined) };
}

/** Each part behind its own savepoint. Twenty halvings reach one update among a million. */
export async function applyInHalves(tx: Tx, options: BatchOptions, items: readonly RoutedItem[], nowMs: number, round = 0): Promise<Part> {
  try {
    return await tx.savepoint(() => applyWhole(tx, options, items, nowMs));
  } catch (error) {
    if (isUnavailable(error)) throw error;
    if (items.length === 1 || round >= limits.bisectRoundsMax) {
      const detail = detailOf(error);
      const parked = items.map((item) => ({ item, tenantId: item.route.tenantId, reason: "rejected_by_database" as const, detail }));
      return { applied: [], parked, events: [], onCommit: [] };
    }
    const middle = Math.ceil(items.length / 2);
    const left = await applyInHalves(tx, options, items.slice(0, middle), nowMs, round + 1);
    const right = await applyInHalves(tx, options, items.slice(middle), nowMs, round + 1);
    return {
      applied: [...left.applied, ...right.applied],
      parked: [...left.parked, ...right.parked],
      events: [...left.events, ...right.events],
      onCommit: [...left.onCommit, ...right.onCommit],
    };
  }
}
