/** The inbox's rows, and what stands beside them. */
import type { InboxFigures, Smoothness } from "./inbox.ts";
import type { Results } from "./rows.ts";
import { ms, whole } from "./sustain.ts";

export function noteInbox(results: Results, found: InboxFigures): void {
  const { switchCached, switchServer, typing, search } = found;
  const set = results.values.set.bind(results.values);
  set("inboxFirst", {
    value: found.warmMs,
    note: `${ms(found.coldMs)} ms with nothing kept; the server's list has come after ${ms(found.deltaMs)} ms`,
  });
  set("inboxSwitch", {
    value: switchCached.p95,
    note: `p50 ${ms(switchCached.p50)}, greatest of ${switchCached.count} ${ms(switchCached.max)} ms, the main thread busy for ${ms(found.switchMainMs)} ms each with all that follows; from the server p50 ${ms(switchServer.p50)}, p95 ${ms(switchServer.p95)} ms`,
  });
  set("inboxList", { value: found.list.dropped, note: words(found.list) });
  set("inboxThread", { value: found.thread.dropped, note: words(found.thread) });
  set("inboxReading", {
    value: Math.max(found.listReading.dropped, found.threadReading.dropped, found.threadBack.dropped),
    note: `the list: ${words(found.listReading)}; the thread upwards: ${words(found.threadReading)}; and downwards from its middle: ${words(found.threadBack)}`,
  });
  set("inboxScript", { value: found.scriptKb, note: "what the page loads before anything else, gzip" });
  results.beside.push(
    `the inbox, headless Chromium without a graphics card: a key in the composer of the big thread shows after p50 ${ms(typing.p50)}, p95 ${ms(typing.p95)} ms; ` +
      `search over 10,000 conversations p50 ${ms(search.p50)}, p95 ${ms(search.p95)} ms; the page's heap after all of it ${whole(found.heapMb)} MB, kept on the disk ${found.keptMb.toFixed(1)} MB`,
  );
}

function words(found: Smoothness): string {
  const waited =
    found.waitedShare < 0.005
      ? ""
      : `, ${Math.round(found.waitedShare * 100)} % of them waiting for the next page at the end of what was read`;
  return (
    `${whole(found.travelledPx)} px in ${whole(found.frames)} frames${waited}, p95 ${ms(found.p95Ms)}, worst ${ms(found.worstMs)} ms, ${found.over33} over 33 and ${found.over50} over 50 ms, ` +
    `blank in ${(found.blank * 100).toFixed(1)} % of the looks, ${found.jumps} jumps; the main thread busy for ${ms(found.mainMsPerFrame)} ms a frame by the processor's clock (script ${ms(found.scriptMsPerFrame)}, layout and style ${ms(found.layoutMsPerFrame)})`
  );
}
