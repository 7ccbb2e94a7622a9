/**
 * A background loop: turn after turn while there is work, else until it is woken or the poll is due. A failing turn is
 * tried again with back-off, for ever: what is unavailable now will be back, and nothing may need a hand (I12).
 */
import { backoffMs } from "../core/backoff.ts";
import { limits } from "../limits.ts";

export type LoopOptions = {
  /** One turn; answers whether another should follow at once, or after how many milliseconds at the latest. */
  runOnce: () => Promise<boolean | number>;
  onError: (error: unknown, attempt: number, waitMs: number) => void;
  random: () => number;
  pollMs?: number;
};

export class Loop {
  readonly #options: LoopOptions;
  #isStopping = false;
  #isWoken = false;
  #isIdle = false;
  #wake: (() => void) | null = null;
  #running: Promise<void> | null = null;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Between two turns, with nothing to do. */
  get isIdle(): boolean {
    return this.#isIdle;
  }

  /** There is work: the next turn starts now, or right after the running one. */
  wake(): void {
    this.#isWoken = true;
    this.#isIdle = false;
    this.#wake?.();
  }

  /** Resolves when the running turn has ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#wake?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#isStopping) {
      let waitMs = this.#options.pollMs ?? limits.pollMs;
      this.#isWoken = false;
      try {
        const goesOn = await this.#options.runOnce();
        failures = 0;
        if (goesOn === true) continue;
        if (goesOn !== false) waitMs = goesOn;
      } catch (error) {
        failures += 1;
        waitMs = backoffMs({ firstMs: limits.retryMsMin, factor: 2, maxMs: limits.retryMsMax }, failures, this.#options.random());
        this.#options.onError(error, failures, waitMs);
        // A wake says that there is work, not that the database is back.
        this.#isWoken = false;
        await this.#sleep(waitMs, () => false);
        continue;
      }
      this.#isIdle = true;
      await this.#sleep(waitMs, () => this.#isWoken);
      this.#isIdle = false;
    }
  }

  #sleep(ms: number, isDue: () => boolean): Promise<void> {
    if (this.#isStopping || isDue()) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        if (!this.#isStopping && !timedOut && !isDue()) return;
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
      let timedOut = false;
      const timer = setTimeout(() => {
        timedOut = true;
        done();
      }, ms);
      this.#wake = done;
    });
  }
}
