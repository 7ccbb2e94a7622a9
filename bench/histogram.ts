/** Latencies in buckets whose width grows with the value (a 32nd of it at most), in microseconds: constant memory, any number of values. */
export class Histogram {
  readonly #buckets = new Uint32Array(1_024);
  count = 0;
  maxUs = 0;

  add(us: number): void {
    const whole = Math.max(0, Math.min(2 ** 31 - 1, Math.round(us)));
    const index = indexOf(whole);
    this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
    this.count += 1;
    if (whole > this.maxUs) this.maxUs = whole;
  }

  /** Milliseconds; null when there is no value. */
  percentileMs(percent: number): number | null {
    if (this.count === 0) return null;
    let left = Math.max(1, Math.ceil((this.count * percent) / 100));
    for (const [index, count] of this.#buckets.entries()) {
      left -= count;
      if (left <= 0) return Math.min(valueOf(index), this.maxUs) / 1_000;
    }
    return this.maxUs / 1_000;
  }

  summary(): Latencies {
    return {
      count: this.count,
      p50: this.percentileMs(50),
      p95: this.percentileMs(95),
      p99: this.percentileMs(99),
      max: this.maxUs / 1_000,
    };
  }
}

/** Milliseconds. */
export type Latencies = { count: number; p50: number | null; p95: number | null; p99: number | null; max: number };

function indexOf(us: number): number {
  const shift = Math.max(0, 31 - Math.clz32(us | 1) - 5);
  return shift * 32 + (us >> shift);
}

function valueOf(index: number): number {
  const shift = Math.max(0, Math.floor(index / 32) - 1);
  return (index - shift * 32 + (shift === 0 ? 0 : 0.5)) * 2 ** shift;
}
