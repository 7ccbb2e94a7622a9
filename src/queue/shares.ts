/**
 * How the loops of a lane share the accounts on this node, so that the flood of one costs the others little (I9):
 * - None takes what another one works on: their rows do not meet, and a flood holds up one loop at most.
 * - A turn serves small backlogs or large ones, never both (`pending.ts`), and small ones first.
 * - While small backlogs are being served, large ones get small helpings and rest after each for as long as it took, and a turn for them
 *   stands aside between its statements.
 * When all have much to do, as after an outage, nothing of this slows them. Only this node's loops know of each other; those of several
 * nodes may meet in the same account, where locks are taken in one order.
 */
import { limits } from "../limits.ts";
import type { ClaimedRow, Preference } from "./pending.ts";

/** The part of one loop in its lane, and the right of way among all lanes. */
export type Share = { lane: LaneShares; prefers: Preference; way: RightOfWay };

/** What a claim leaves to others, and how much it takes. */
export type Helping = { busy: readonly string[]; updatesMax: number };

/** What one turn works on, until it has ended and rested. */
export type Turn = { accounts: Set<string>; isLarge: boolean; beganAt: number };

export class LaneShares {
  readonly #options: { clock: () => number; onRested: () => void };
  readonly #busy = new Set<string>();
  #lastClaim: Promise<unknown> = Promise.resolve();
  #smallAt = -Infinity;

  /** `clock` in milliseconds from whenever. `onRested`: accounts that nobody was to take may be taken again. */
  constructor(options: { clock: () => number; onRested: () => void }) {
    this.#options = options;
  }

  begin(): Turn {
    return { accounts: new Set(), isLarge: false, beganAt: this.#options.clock() };
  }

  /** One claim at a time, so that each knows what the others have taken. A turn may claim again: its own accounts are not busy to it. */
  claim(turn: Turn, take: (helping: Helping) => Promise<ClaimedRow[]>): Promise<ClaimedRow[]> {
    const claimed = this.#lastClaim.then(async () => {
      const busy = [...this.#busy].filter((account) => !turn.accounts.has(account));
      const rows = await take({ busy, updatesMax: this.#isShared() ? limits.claimUpdatesSharedMax : limits.claimUpdatesMax });
      turn.isLarge = rows.some((row) => row.isLarge);
      if (rows.length > 0 && !turn.isLarge) this.#smallAt = this.#options.clock();
      for (const { account } of rows) {
        turn.accounts.add(account);
        this.#busy.add(account);
      }
      return rows;
    });
    this.#lastClaim = claimed.catch(() => undefined);
    return claimed;
  }

  end({ accounts, isLarge, beganAt }: Turn): void {
    const release = (): void => {
      for (const account of accounts) this.#busy.delete(account);
    };
    if (!isLarge || !this.#isShared()) return release();
    const restMs = Math.min(this.#options.clock() - beganAt, limits.sharedRestMsMax);
    setTimeout(() => {
      release();
      this.#options.onRested();
    }, restMs).unref();
  }

  /** Whether one of these accounts waits for a loop. */
  isWanted(accounts: ReadonlySet<string>): boolean {
    return !accounts.isSubsetOf(this.#busy);
  }

  #isShared(): boolean {
    return this.#options.clock() - this.#smallAt < limits.sharedLaneMs;
  }
}

/** Small turns go before large ones, in all lanes of a node: they share its one thread and the database's processors. */
export class RightOfWay {
  #small = 0;
  #isFree = Promise.withResolvers<void>();

  /** A small turn begins; answers what ends it. */
  enter(): () => void {
    this.#small += 1;
    return () => {
      this.#small -= 1;
      if (this.#small > 0) return;
      this.#isFree.resolve();
      this.#isFree = Promise.withResolvers();
    };
  }

  /** For one large turn: to be asked before each statement. All its waits together are bounded, so that it goes on in any crowd. */
  giver(): () => Promise<void> {
    let leftMs: number = limits.giveWayMsMax;
    return async () => {
      while (this.#small > 0 && leftMs > 0) {
        const beganAt = performance.now();
        const { promise: isOver, resolve } = Promise.withResolvers<void>();
        const timer = setTimeout(resolve, leftMs);
        await Promise.race([this.#isFree.promise, isOver]);
        clearTimeout(timer);
        leftMs -= performance.now() - beganAt;
      }
    };
  }
}
