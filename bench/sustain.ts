/**
 * The sustained rate: the greatest at which nothing waits for more than a second. First all that 64 connections can push; if the backlog
 * grows over that, fixed rates, by bisection over short runs, and at last a full run at the rate that held.
 */
import { messagesPerBlock, outboundOf, shapes, writeDeck, type Deck, type Shape } from "./bodies.ts";
import { connections, measure, type Measurement, type MeasureOptions, type Target, type Times } from "./measure.ts";
import { join } from "node:path";
import { rm } from "node:fs/promises";
import type { Workbench } from "./workbench.ts";

export type Sustained = {
  /** Updates a second, acknowledged and applied, with a backlog of at most a second. */
  perSecond: number;
  at: Measurement;
  /** As fast as 64 connections are answered, whatever is left to be applied later. */
  unthrottled: Measurement;
  /** Everything that was sent, for the count. */
  all: Measurement[];
};

export type DeckMaker = { make: (shape: Shape, updates: number, tenant?: number) => Promise<Deck>; discard: (deck: Deck) => Promise<void> };

const backlogMsMax = 1_000;
/** Answers may stay this far below the rate that was offered. */
const keptShare = 0.97;

export function timesOf(bench: Workbench): Times {
  return bench.isQuick ? { warmMs: 3_000, measureMs: 10_000 } : { warmMs: 10_000, measureMs: 60_000 };
}

const attemptsMax = 5;

let deckNumber = 0;

/** `prepare` is told which outbound messages the deck speaks about, before it is used. */
export function deckMaker(
  bench: Workbench,
  prepare: (range: { first: number; count: number; perBlock: number }) => Promise<void>,
): DeckMaker {
  let firstOutbound = 0;
  return {
    async make(shape, updates, tenant) {
      deckNumber += 1;
      const file = join(bench.directory, `deck-${deckNumber}`);
      const count = outboundOf(shape, updates);
      const perBlock = messagesPerBlock(shape);
      if (count > 0) await prepare({ first: firstOutbound, count, perBlock });
      const deck = await writeDeck(file, {
        shape,
        updates,
        number: deckNumber,
        firstOutbound,
        ...(tenant === undefined ? {} : { tenant }),
      });
      firstOutbound += Math.ceil(count / perBlock) * perBlock;
      return deck;
    },
    discard: (deck) => rm(deck.file, { force: true }),
  };
}

export async function runOnce(
  bench: Workbench,
  target: Target,
  decks: DeckMaker,
  options: MeasureOptions & { shape: Shape; perSecondMax: number; tenant?: number },
): Promise<Measurement> {
  const seconds = (options.warmMs + options.measureMs) / 1_000;
  const perPost = shapes[options.shape].updatesPerPost;
  const deck = await decks.make(
    options.shape,
    Math.ceil(options.perSecondMax * seconds * 1.05) + 2 * connections * perPost,
    options.tenant,
  );
  try {
    const measured = await measure(bench, target, deck, options);
    bench.say(
      `${target.name} ${options.shape} ${options.perSecond === null ? "closed loop" : `at ${whole(options.perSecond)}/s`}: ${tell(measured)}`,
    );
    return measured;
  } finally {
    await decks.discard(deck);
  }
}

export async function sustain(
  bench: Workbench,
  target: Target,
  decks: DeckMaker,
  {
    shape,
    perSecondMax,
    push,
  }: { shape: Shape; perSecondMax: number; /** How long to push first, if not for the full time. */ push?: Times },
): Promise<Sustained> {
  const full = timesOf(bench);
  const short: Times = bench.isQuick ? { warmMs: 2_000, measureMs: 4_000 } : { warmMs: 4_000, measureMs: 12_000 };
  const all: Measurement[] = [];
  const attempt = async (perSecond: number | null, times: Times): Promise<Measurement> => {
    const measured = await runOnce(bench, target, decks, { ...times, shape, perSecond, perSecondMax: perSecond ?? perSecondMax });
    all.push(measured);
    return measured;
  };
  const unthrottled = await attempt(null, push ?? full);
  if (push === undefined && holds(unthrottled, null)) return { perSecond: unthrottled.ackedPerSecond, at: unthrottled, unthrottled, all };

  let least = 0;
  let greatest = unthrottled.ackedPerSecond;
  // Under the push the workers starve, and alone they have all for themselves: the truth lies between.
  const pushed = Math.min(Math.max(unthrottled.appliedPerSecond, (unthrottled.drainedPerSecond ?? 0) * 0.7), greatest * 0.95);
  let rate = Math.max(pushed, shapes[shape].updatesPerPost);
  for (let round = 0; round < attemptsMax; round += 1) {
    const measured = await attempt(rate, short);
    if (holds(measured, rate)) least = rate;
    else greatest = rate;
    if (least > 0 && greatest / least < 1.08) break;
    rate = least === 0 ? greatest * 0.75 : Math.min((least + greatest) / 2, least * 1.6);
  }
  rate = least === 0 ? rate : least;
  for (let round = 0; ; round += 1) {
    const measured = await attempt(rate, full);
    if (holds(measured, rate) || round === 3) {
      return { perSecond: holds(measured, rate) ? measured.ackedPerSecond : 0, at: measured, unthrottled, all };
    }
    rate *= 0.9;
  }
}

function holds(measured: Measurement, offered: number | null): boolean {
  const { load, backlogMsMax: backlogMs } = measured;
  if (backlogMs > backlogMsMax || load.failed > 0 || load.measured.posts === 0) return false;
  // At the edges of the measured part a few POSTs fall to the wrong side.
  const slack = (3 * load.measured.updates) / load.measured.posts;
  return offered === null || load.measured.updates + slack >= offered * load.measured.seconds * keptShare;
}

function tell(m: Measurement): string {
  const statements = m.perUpdate.statements === null ? "" : `, ${m.perUpdate.statements.toFixed(2)} statements/update`;
  return (
    `acked ${whole(m.ackedPerSecond)}/s, applied ${whole(m.appliedPerSecond)}/s, backlog ≤ ${whole(m.backlogMsMax)} ms, ack p50 ${ms(m.load.ack.p50)} p99 ${ms(m.load.ack.p99)} ms, ` +
    `CPU node ${m.cpu.node.toFixed(2)} postgres ${m.cpu.postgres.toFixed(2)} load ${m.cpu.load.toFixed(2)} others ${m.cpu.others.toFixed(2)}, CPU ms/1000 node ${whole(m.perUpdate.cpuMsNode * 1_000)} postgres ${whole(m.perUpdate.cpuMsPostgres * 1_000)}, ${whole(m.perUpdate.walBytes)} WAL bytes/update${statements}, ` +
    `${whole(m.commitsPerSecond)} commits/s, ${whole(m.residentMbMax)} MB${m.load.failed > 0 ? `, ${m.load.failed} not 200` : ""}${m.load.ranOut ? ", ran out of bodies" : ""}`
  );
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

export function ms(value: number | null): string {
  return value === null ? "–" : value.toFixed(value < 10 ? 1 : 0);
}
