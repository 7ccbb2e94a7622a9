/**
 * What this node has just taken in, already parsed, so that its own workers need not read the body back and parse it
 * again. Only a shortcut: a worker that finds nothing here reads the journal. Bounded by the bytes of the bodies.
 */
import { limits } from "../limits.ts";
import type { Lane, LocatedUpdate } from "../services/whatsapp/graph/updates.ts";

export type CachedDelivery = { appKey: string; receivedAtMs: number; located: readonly LocatedUpdate[] };
type Entry = CachedDelivery & { bytes: number; lanes: Set<Lane> };

export class DeliveryCache {
  readonly #entries = new Map<string, Entry>();
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Keeps a committed delivery until each of its lanes has taken it. When there is no room it is left out. */
  put(id: string, delivery: CachedDelivery, lanes: Iterable<Lane>, bytes: number): void {
    // What is not taken for so long was taken by another node, or before it came here.
    if (this.#bytes + bytes > this.#bytesMax) this.#dropOlder(delivery.receivedAtMs - limits.deliveryCacheKeptMs);
    if (this.#bytes + bytes > this.#bytesMax) return;
    this.#entries.set(id, { ...delivery, bytes, lanes: new Set(lanes) });
    this.#bytes += bytes;
  }

  /** The delivery for one lane, once. */
  take(id: string, lane: Lane): CachedDelivery | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined || !entry.lanes.delete(lane)) return undefined;
    if (entry.lanes.size === 0) {
      this.#entries.delete(id);
      this.#bytes -= entry.bytes;
    }
    return entry;
  }

  /** Somebody was erased: what was taken by another node may lie here for long. Workers read the journal instead. */
  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  #dropOlder(receivedBeforeMs: number): void {
    for (const [id, entry] of this.#entries) {
      if (entry.receivedAtMs >= receivedBeforeMs) return;
      this.#entries.delete(id);
      this.#bytes -= entry.bytes;
    }
  }

  get bytes(): number {
    return this.#bytes;
  }
}
