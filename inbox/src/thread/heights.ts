/**
 * How tall the rows of threads were when they were last on the screen. A thread that is opened again stands at once where it will stand: one drawing
 * instead of three, with nothing that jumps.
 */
const heights = new Map<string, number>();
const heightsMax = 6_000;
let pane = { widthPx: 0, heightPx: 0 };

export function heightOf(key: string): number | undefined {
  return heights.get(key);
}

/** The height of the place that threads are shown in; 0 before the first one. */
export function paneHeightPx(): number {
  return pane.heightPx;
}

/** In a place of another width every text breaks elsewhere. */
export function notePane(widthPx: number, heightPx: number): void {
  if (widthPx !== pane.widthPx) heights.clear();
  pane = { widthPx, heightPx };
}

export function noteHeights(sizes: ReadonlyMap<string | number | bigint, number>): void {
  // Whoever was seen longest ago is forgotten first.
  for (const [key, px] of sizes) {
    if (typeof key !== "string") continue;
    heights.delete(key);
    heights.set(key, px);
  }
  for (const key of heights.keys()) {
    if (heights.size <= heightsMax) break;
    heights.delete(key);
  }
}
