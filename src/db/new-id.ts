import { randomFillSync } from "node:crypto";
import { uuidV7 } from "../core/ids.ts";

const pool = new Uint8Array(10 * 1_024);
let used = pool.length;

/** A fresh uuid v7. Randomness is drawn in blocks, since a batch makes thousands of ids. */
export function newId(nowMs: number): string {
  if (used + 10 > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const id = uuidV7(nowMs, pool, used);
  used += 10;
  return id;
}
