/**
 * I9 as it is promised: one tenant sends fifty times as much as another one, and that one's p99 lag stays within twice its quiet value. The
 * real program, over HTTP. The flood regulates itself: as fast as the program applies it on this machine at this moment, with thousands of
 * updates always waiting, so that the machine's speed decides nothing. A stranger on the machine can spoil a round, so quiet and flooded
 * phases take turns until one round has shown it; where a flood is in the way of others, none does.
 */
import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { Agent, get, request } from "node:http";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { bodyOf, message } from "./support/bodies.ts";
import { adminKey, appSecret, makeProgram, setUpNumbers, until, type Program, type WhatsAppNumber } from "./support/program.ts";

const times = 50;
const roundsMax = 20;
/** The p99 of so few is the slowest of them. */
const samplesPerPhase = 50;
const everyMsMin = 40;
const everyMsMax = 300;
const updatesPerPost = 20;
const lines = 32;
const customers = 500;
/** Kept waiting, so that who waits behind them is seen to wait: a third of a second's worth on a fast machine. */
const backlogUpdates = 2_000;

test(
  "While one tenant sends fifty times as much, another one's p99 lag stays within twice its quiet value",
  { timeout: 600_000 },
  async (t) => {
    const program = await makeProgram(t);
    await program.start();
    const [loud, quiet] = await setUpNumbers(program, 2);
    assert(loud !== undefined && quiet !== undefined);
    const agent = new Agent({ keepAlive: true });
    const neighbour = await watch(program, quiet, agent);
    const flood = startFlood(program, loud, agent);
    try {
      t.diagnostic(await compare(neighbour, flood));
    } finally {
      await flood.end();
      neighbour.close();
      agent.destroy();
    }
  },
);

/** Answers what each round has shown. */
async function compare(neighbour: Neighbour, flood: Flood): Promise<string> {
  // The first messages meet new customers, cold plans and a cold compiler.
  await flood.backlogged();
  await neighbour.sample(everyMsMin, samplesPerPhase / 2);
  const before = flood.seen();
  await neighbour.sample(everyMsMin, samplesPerPhase / 2);
  const shareMs = (1.2 * times * (flood.seen().atMs - before.atMs)) / (flood.seen().applied - before.applied);
  let everyMs = Math.min(Math.max(everyMsMin, shareMs), everyMsMax);

  const told: string[] = [];
  for (let round = 0; round < roundsMax; round += 1) {
    await flood.rest();
    const alone = await neighbour.sample(everyMs, samplesPerPhase);
    flood.resume();
    await flood.backlogged();
    const from = flood.seen();
    const beside = await neighbour.sample(everyMs, samplesPerPhase);
    const to = flood.seen();
    const share = (to.applied - from.applied) / ((to.atMs - from.atMs) / everyMs);
    told.push(`p99 ${at(alone, 99)} ms alone, ${at(beside, 99)} ms beside ${Math.round(share)} times as many`);
    if (share >= times && at(beside, 99) <= 2 * at(alone, 99)) return told.join("; ");
    // The machine is slower or faster now than it was.
    everyMs = Math.min(Math.max(everyMsMin, (1.2 * times * everyMs) / share), everyMsMax);
  }
  return assert.fail(told.join("; "));
}

function at(values: readonly number[], percent: number): number {
  return Math.round(values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil((values.length * percent) / 100) - 1)] ?? Infinity);
}

function post(program: Program, agent: Agent, body: object): Promise<void> {
  const text = Buffer.from(JSON.stringify(body));
  const signature = createHmac("sha256", appSecret).update(text).digest("hex");
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const asked = request(
    `${program.url}/webhook/whatsapp`,
    { method: "POST", agent, headers: { "x-hub-signature-256": `sha256=${signature}`, "content-length": text.length } },
    (answer) => {
      answer.resume();
      answer.on("end", () => (answer.statusCode === 200 ? resolve() : reject(new Error(`Answered ${answer.statusCode}`))));
    },
  );
  asked.on("error", reject);
  asked.end(text);
  return promise;
}

const numberOf = ({ wabaId, phoneNumberId }: WhatsAppNumber) => ({ wabaId, phoneNumberId, displayPhoneNumber: "97230000000" });
const newWaMessageId = (): string => `wamid.${randomBytes(30).toString("base64")}`;

type Neighbour = Awaited<ReturnType<typeof watch>>;
type Flood = ReturnType<typeof startFlood>;

/** One who writes a message now and then, and sees each appear on the tenant's stream. */
async function watch(program: Program, number: WhatsAppNumber, agent: Agent) {
  const sentAt = new Map<string, number>();
  let lags: number[] = [];
  const stream = get(`${program.url}/api/v1/activity/stream`, { agent: false, headers: { authorization: `Bearer ${number.key}` } });
  const { promise: opened, resolve, reject } = Promise.withResolvers<void>();
  stream.on("error", reject);
  stream.on("response", (answer) => {
    if (answer.statusCode === 200) resolve();
    else reject(new Error(`The stream answered ${answer.statusCode}`));
    let rest = "";
    answer.setEncoding("utf8");
    answer.on("error", () => undefined);
    answer.on("data", (piece: string) => {
      const now = performance.now();
      const frames = (rest + piece).split("\n\n");
      rest = frames.pop() ?? "";
      for (const frame of frames) {
        const id = frame.includes("event: message.received") ? /"waMessageId":"([^"]+)"/.exec(frame)?.[1] : undefined;
        const sent = id === undefined ? undefined : sentAt.get(id);
        if (id === undefined || sent === undefined) continue;
        sentAt.delete(id);
        lags.push(now - sent);
      }
    });
  });
  await opened;
  return {
    /** The lags of so many messages, from the start of the POST to the event. Each starts when it is due, whatever became of the last. */
    async sample(everyMs: number, count: number): Promise<number[]> {
      lags = [];
      const began = performance.now();
      const posts: Promise<void>[] = [];
      for (let index = 0; index < count; index += 1) {
        await pause(Math.max(0, began + index * everyMs - performance.now()));
        const id = newWaMessageId();
        sentAt.set(id, performance.now());
        posts.push(post(program, agent, bodyOf(message(numberOf(number), { phone: `97250000${index % 20}` }, id, Date.now()))));
      }
      await Promise.all(posts);
      await until("each message has appeared", 60_000, async () => sentAt.size === 0);
      return lags;
    },
    close: () => void stream.destroy(),
  };
}

function startFlood(program: Program, number: WhatsAppNumber, agent: Agent) {
  let sent = 0;
  let seen = { applied: 0, atMs: performance.now() };
  let isOn = true;
  let isOver = false;
  const looking = (async () => {
    const before = await stats(program);
    while (!isOver) {
      // The neighbour's few count here too.
      seen = { applied: (await stats(program)).updates - before.updates, atMs: performance.now() };
      await pause(50);
    }
  })();
  const sending = Array.from({ length: lines }, async (_, line) => {
    for (let next = line; !isOver; next += lines) {
      if (!isOn || sent - seen.applied >= backlogUpdates) {
        await pause(5);
        continue;
      }
      const said = Array.from({ length: updatesPerPost }, (_, index) =>
        message(numberOf(number), { phone: `9725${(next * updatesPerPost + index) % customers}` }, newWaMessageId(), Date.now()),
      );
      sent += updatesPerPost;
      await post(program, agent, bodyOf(...said));
    }
  });
  return {
    seen: () => seen,
    backlogged: () => until("the flood has its backlog", 60_000, () => sent - seen.applied >= backlogUpdates / 2),
    resume: () => void (isOn = true),
    /** Ends when everything is applied. */
    async rest(): Promise<void> {
      isOn = false;
      await until("the flood is applied", 120_000, async () => (await stats(program)).pending === 0);
    },
    async end(): Promise<void> {
      isOver = true;
      await Promise.all([looking, ...sending]);
    },
  };
}

async function stats(program: Program): Promise<{ updates: number; pending: number }> {
  const answer = await fetch(`${program.url}/api/v1/stats`, { headers: { authorization: `Bearer ${adminKey}` } });
  return (await answer.json()) as { updates: number; pending: number };
}
