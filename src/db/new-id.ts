import { randomFillSync } from "node:crypto";
import { uuidV7 } from "../core/ids.ts";

const idBytes = 10;
const pool = new Uint8Array(idBytes * 1_024);
let used = pool.length;
/** The 12 bits behind the time count up within a millisecond (RFC 9562, section 6.2, method 1). */
let lastMs = 0;
let counter = 0;

/**
 * A fresh uuid v7, greater than every earlier one of this process: Meta's times are whole seconds, and messages of one second
 * are listed in the order of their ids. Randomness is drawn in blocks, since a batch makes thousands of ids.
 */
export function newId(nowMs: number): string {
  if (used + idBytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const atMs = nextMs(Math.floor(nowMs));
  pool[used] = counter >> 8;
  pool[used + 1] = counter & 0xff;
  const id = uuidV7(atMs, pool, used);
  used += idBytes;
  return id;
}

/** A clock that stands still or steps back is overtaken by the counter; when that is full, by the next millisecond. */
function nextMs(nowMs: number): number {
  // A test may set its clock years back: then the ids go back, too.
  const isFarBack = nowMs < lastMs - 60_000;
  if (nowMs > lastMs || isFarBack) {
    lastMs = nowMs;
    counter = 0;
  } else if (counter === 0xfff) {
    lastMs += 1;
    counter = 0;
  } else {
    counter += 1;
  }
  return lastMs;
}
