/**
 * How the loops of a lane share the accounts on this node, so that the flood of one costs the others little (I9). A flood is one account that
 * alone has a large backlog while others have small ones.
 * - No loop takes what another one works on: their rows do not meet, and a flood holds up one loop at most.
 * - A turn serves small backlogs or the large one, never both (`pending.ts`), and small ones first.
 * - The flood gets small helpings and rests after each for as long as it took, and a turn for it stands aside between its statements.
 * When many together have much to do, as under a full load or after an outage, all share in batches that are as large as batches get, and the loops
 * take them side by side: that is what makes an update cheap and keeps the processors at work. Only this node's loops know of each other; those
 * of several nodes may meet in the same account, where locks are taken in one order.
 */
import { limits } from "../limits.ts";
import type { ClaimedRow, Preference } from "./pending.ts";

/** The part of one loop in its lane, and the right of way among all lanes. */
export type Share = { lane: LaneShares; prefers: Preference; way: RightOfWay };

/** What a claim leaves to others, and how much it takes. */
export type Helping = { busy: readonly string[]; updatesMax: number; floodUpdatesMax?: number };

/** What one turn works on, until it has ended and rested. `isFlood`: of an account that alone has a large backlog, while others have small ones. */
export type Turn = { accounts: Set<string>; isLarge: boolean; isFlood: boolean; beganAt: number };

export class LaneShares {
  readonly #options: { clock: () => number; onRested: () => void };
  readonly #busy = new Set<string>();
  readonly #large = new Set<Turn>();
  #lastClaim: Promise<unknown> = Promise.resolve();
  #smallAt = -Infinity;
  #floodAt = -Infinity;
  #loadAt = -Infinity;

  /** `clock` in milliseconds from whenever. `onRested`: accounts that nobody was to take may be taken again. */
  constructor(options: { clock: () => number; onRested: () => void }) {
    this.#options = options;
  }

  begin(): Turn {
    return { accounts: new Set(), isLarge: false, isFlood: false, beganAt: this.#options.clock() };
  }

  /** One claim at a time, so that each knows what the others have taken. A turn may claim again: its own accounts are not busy to it. */
  claim(turn: Turn, take: (helping: Helping) => Promise<ClaimedRow[]>): Promise<ClaimedRow[]> {
    const claimed = this.#lastClaim.then(async () => {
      const busy = this.#isLoad() ? [] : [...this.#busy].filter((account) => !turn.accounts.has(account));
      this.#large.delete(turn);
      const isGuarded = this.#isShared() && this.#large.size === 0;
      const rows = await take({
        busy,
        updatesMax: limits.claimUpdatesMax,
        ...(isGuarded ? { floodUpdatesMax: limits.claimUpdatesSharedMax } : {}),
      });
      turn.isLarge = rows.some((row) => row.isLarge);
      const accounts = new Set(rows.map((row) => row.account)).size;
      const isAlone = turn.isLarge && accounts === 1;
      if (accounts > 1 && rows.reduce((sum, row) => sum + row.updates, 0) > limits.claimUpdatesSharedMax)
        this.#loadAt = this.#options.clock();
      turn.isFlood = isGuarded && isAlone;
      if (turn.isLarge) this.#large.add(turn);
      if (isAlone) this.#floodAt = this.#options.clock();
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

  end(turn: Turn): void {
    const release = (): void => {
      this.#large.delete(turn);
      for (const account of turn.accounts) this.#busy.delete(account);
    };
    if (turn.isFlood) this.#floodAt = this.#options.clock();
    if (!turn.isFlood || !this.#isShared()) return release();
    const restMs = Math.min(this.#options.clock() - turn.beganAt, limits.sharedRestMsMax);
    setTimeout(() => {
      release();
      this.#options.onRested();
    }, restMs).unref();
  }

  /** Whether one of these accounts waits for a loop. */
  isWanted(accounts: ReadonlySet<string>): boolean {
    return this.#isLoad() || !accounts.isSubsetOf(this.#busy);
  }

  /** Many had much to do together a moment ago: the loops take side by side what is not locked, and so keep all processors at work. */
  #isLoad(): boolean {
    return this.#options.clock() - this.#loadAt < limits.sharedLaneMs;
  }

  /** Small backlogs and a flood were served a moment ago. */
  #isShared(): boolean {
    return this.#options.clock() - Math.min(this.#smallAt, this.#floodAt) < limits.sharedLaneMs;
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
