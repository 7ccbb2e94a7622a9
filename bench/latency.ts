/** How long one waits: for the answer at half of the sustained rate, for the event on an open stream, and as the neighbour of a busy tenant. */
import { runOnce, timesOf } from "./sustain.ts";
import type { Latencies } from "./histogram.ts";
import type { Ready } from "./rates.ts";
import type { Workbench } from "./workbench.ts";

export async function runAckAtHalf(bench: Workbench, { target, decks }: Ready, sustainedPerSecond: number): Promise<Latencies> {
  const perSecond = sustainedPerSecond / 2;
  const { load } = await runOnce(bench, target, decks, { ...timesOf(bench), shape: "one", perSecond, perSecondMax: perSecond });
  return load.ack;
}

/** All 50 tenants' streams are open; 500 messages a second over all of them. */
export async function runStreams(bench: Workbench, { target, decks, keys }: Ready): Promise<Latencies> {
  const { load } = await runOnce(bench, target, decks, {
    ...timesOf(bench),
    shape: "one",
    perSecond: 500,
    perSecondMax: 500,
    streamKeys: keys,
  });
  if (load.unseen > 0) throw new Error(`${load.unseen} messages never came on their stream`);
  bench.say(`event on the stream: p50 ${load.visible.p50} p95 ${load.visible.p95} p99 ${load.visible.p99} ms`);
  return load.visible;
}

export type Fairness = { quiet: Latencies; flooded: Latencies; floodPerSecond: number };

const floodingTenant = 0;
const quietTenant = 25;
const quietPerSecond = 20;

/** A tenant at 50 times its share: all that the program can sustain comes from it, besides 20 messages a second from another. */
export async function runFairness(bench: Workbench, { target, decks, keys }: Ready, sustainedPerSecond: number): Promise<Fairness> {
  const times = bench.isQuick ? { warmMs: 2_000, measureMs: 8_000 } : { warmMs: 5_000, measureMs: 30_000 };
  const key = keys[quietTenant] ?? "";
  const listen = {
    ...times,
    shape: "one",
    perSecond: quietPerSecond,
    perSecondMax: quietPerSecond,
    streamKeys: [key],
    tenant: quietTenant,
  } as const;
  const quiet = await runOnce(bench, target, decks, listen);
  const [flooded, flood] = await Promise.all([
    runOnce(bench, target, decks, listen),
    runOnce(bench, target, decks, {
      ...times,
      shape: "twenty",
      perSecond: sustainedPerSecond,
      perSecondMax: sustainedPerSecond,
      tenant: floodingTenant,
    }),
  ]);
  return { quiet: quiet.load.visible, flooded: flooded.load.visible, floodPerSecond: flood.ackedPerSecond };
}
