/**
 * The clocks of this process in a test's hand: timers, deadlines and `performance.now` stand still until the test lets time pass. Sockets,
 * files and the database go on as ever, so that a wait of minutes is driven to its edge in milliseconds, on the real thing. Node's own mock
 * of timers would do, but takes a stranger away when one is cleared that has gone off (Node 26.1), as pools of sessions do.
 */
import assert from "node:assert/strict";
import { syncBuiltinESMExports } from "node:module";
import type { TestContext } from "node:test";
import timers, { setImmediate as turnOfLoop } from "node:timers/promises";
import pg from "pg";

export type HeldTime = {
  /** What is due meanwhile begins; what it asks of the outside is still under way. */
  pass(ms: number): void;
  /** Milliseconds until something is due; infinite when nothing waits. */
  nextIn(): number;
};

type Held = { dueMs: number; everyMs: number | null; act: () => void };

/** Until the test is over. What still waits then never goes off, so whatever was started is to be stopped before. */
export function holdTime(t: TestContext): HeldTime {
  // Whole, so that sums are exact.
  let nowMs = Math.ceil(performance.now());
  const waiting = new Set<Held>();
  const start = (held: Held): NodeJS.Timeout => {
    waiting.add(held);
    const timer = {
      held,
      ref: () => timer,
      unref: () => timer,
      hasRef: () => true,
      refresh() {
        held.dueMs = nowMs + waitOf(held);
        waiting.add(held);
        return timer;
      },
    };
    const waitMs = held.dueMs - nowMs;
    const waitOf = ({ everyMs }: Held): number => everyMs ?? waitMs;
    return timer as unknown as NodeJS.Timeout;
  };
  const after = (act: (...given: unknown[]) => void, ms = 1, ...given: unknown[]): NodeJS.Timeout =>
    start({ dueMs: nowMs + Math.max(1, ms), everyMs: null, act: () => act(...given) });
  const every = (act: (...given: unknown[]) => void, ms = 1, ...given: unknown[]): NodeJS.Timeout =>
    start({ dueMs: nowMs + Math.max(1, ms), everyMs: Math.max(1, ms), act: () => act(...given) });
  const pause = (ms?: number, value?: unknown, { signal }: { signal?: AbortSignal } = {}): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const timer = after(() => resolve(value), ms);
      const cut = (): void => {
        stopped(timer);
        reject(new DOMException("The pause was cut off", "AbortError"));
      };
      if (signal?.aborted === true) cut();
      else signal?.addEventListener("abort", cut, { once: true });
    });
  const deadline = (ms: number): AbortSignal => {
    const controller = new AbortController();
    after(() => controller.abort(new DOMException("The deadline is over", "TimeoutError")), ms);
    return controller.signal;
  };
  /** False for a timer from before. */
  const stopped = (timer: unknown): boolean => {
    const isHeld = typeof timer === "object" && timer !== null && "held" in timer;
    return isHeld && (waiting.delete(timer.held as Held) || true);
  };
  const { clearTimeout: clear } = globalThis;
  const drop = (timer: unknown): void => void (stopped(timer) || clear(timer as NodeJS.Timeout));

  // Not by `t.mock`, which keeps a stack for every call.
  const restores = [
    replace(performance, "now", () => nowMs),
    replace(globalThis, "setTimeout", after),
    replace(globalThis, "setInterval", every),
    replace(globalThis, "clearTimeout", drop),
    replace(globalThis, "clearInterval", drop),
    replace(AbortSignal, "timeout", deadline),
    replace(timers, "setTimeout", pause),
  ];
  // Whoever imports one by its name has the held one, too.
  syncBuiltinESMExports();
  t.after(() => {
    for (const restore of restores) restore();
    syncBuiltinESMExports();
  });

  return {
    pass(ms) {
      const endMs = nowMs + ms;
      // What begins meanwhile and is due in the same time has its turn in the next round.
      for (;;) {
        const due = [...waiting].filter(({ dueMs }) => dueMs <= endMs).toSorted((a, b) => a.dueMs - b.dueMs);
        if (due.length === 0) break;
        for (const held of due) {
          if (!waiting.has(held)) continue;
          nowMs = Math.max(nowMs, held.dueMs);
          if (held.everyMs === null) waiting.delete(held);
          else held.dueMs += held.everyMs;
          held.act();
        }
      }
      nowMs = endMs;
    },
    nextIn: () => Math.min(...[...waiting].map(({ dueMs }) => dueMs - nowMs)),
  };
}

/** Answers how to undo it. */
function replace<Owner extends object>(owner: Owner, name: keyof Owner & string, held: (...given: never[]) => unknown): () => void {
  const original: unknown = owner[name];
  Reflect.set(owner, name, held);
  return () => void Reflect.set(owner, name, original);
}

/** How often each statement was asked, over all pools of this process. */
export function countStatements(t: TestContext): (name: string) => number {
  const counts = new Map<string, number>();
  const { query } = pg.Client.prototype;
  const restore = replace(pg.Client.prototype, "query", function (this: pg.Client, ...given: unknown[]) {
    const [wanted] = given;
    const name = typeof wanted === "object" && wanted !== null && "name" in wanted ? String(wanted.name) : String(wanted);
    counts.set(name, (counts.get(name) ?? 0) + 1);
    return Reflect.apply(query, this, given);
  });
  t.after(restore);
  return (name) => counts.get(name) ?? 0;
}

/** Turns of the event loop until it is so; held time does not count. */
export async function turnUntil(isSo: () => boolean, what: string): Promise<void> {
  const began = process.hrtime.bigint();
  while (!isSo()) {
    if (process.hrtime.bigint() - began > 60_000_000_000n) assert.fail(`${what}: not after 60 s`);
    await turnOfLoop();
  }
}

/** When nothing is under way on these pools any more, and whoever waited for it has gone on. */
export async function quiet(...pools: readonly pg.Pool[]): Promise<void> {
  let still = 0;
  await turnUntil(() => {
    still = pools.every((pool) => pool.waitingCount === 0 && pool.idleCount === pool.totalCount) ? still + 1 : 0;
    return still > 5;
  }, "the pools are quiet");
}
