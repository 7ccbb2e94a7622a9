/**
 * A map that holds at most so many entries. The oldest goes first, but for those that were used since they were last passed over ("second
 * chance"): to note a use costs nothing, where moving the entry to the end would cost three look-ups instead of one.
 */
export class BoundedMap<Value> {
  readonly #entries = new Map<string, { value: Value; isUsed: boolean }>();
  readonly #entriesMax: number;

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    entry.isUsed = true;
    return entry.value;
  }

  set(key: string, value: Value): void {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      known.value = value;
      known.isUsed = true;
      return;
    }
    if (this.#entries.size >= this.#entriesMax) this.#dropOldest();
    this.#entries.set(key, { value, isUsed: false });
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Ends: what is passed over once has no second chance left. */
  #dropOldest(): void {
    for (const [key, entry] of this.#entries) {
      this.#entries.delete(key);
      if (!entry.isUsed) return;
      entry.isUsed = false;
      this.#entries.set(key, entry);
    }
  }
}
