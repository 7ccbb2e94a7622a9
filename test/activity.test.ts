import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { after, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ActivityEvent } from "../src/contract/activity.ts";
import { tenantScope } from "../src/core/scope.ts";
import { transaction } from "../src/db/transaction.ts";
import { limits } from "../src/limits.ts";
import { appendActivity } from "../src/services/activity/append.ts";
import { createHub } from "../src/services/activity/hub.ts";
import { tail } from "../src/services/activity/tail.ts";
import { startApi } from "./support/api.ts";

const api = await startApi({ after });

/** One commit of `count` events, named so that a reader can tell which. The lock on the counter is held over a few turns. */
async function write(tenantId: string, names: readonly string[], options: { nudge: boolean }): Promise<void> {
  await transaction(api.ingest, async (tx) => {
    const events = names.map((name) => ({ tenantId, type: "message.received", conversationId: null, messageId: null, data: { name } }));
    await appendActivity(tx, events, Date.now());
    for (let turn = Math.floor(Math.random() * 20); turn > 0; turn -= 1) await nextTurn();
  });
  if (options.nudge) api.hub.publish([tenantId]);
}

/** Writers at once, some of this node (they nudge) and some of another (they do not). */
async function writeMany(tenantId: string, writers: number, commits: number): Promise<number> {
  const sizes = await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      let written = 0;
      for (let commit = 0; commit < commits; commit += 1) {
        const names = Array.from({ length: 1 + ((writer + commit) % 4) }, (_unused, index) => `${writer}.${commit}.${index}`);
        await write(tenantId, names, { nudge: writer % 2 === 0 });
        written += names.length;
      }
      return written;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

const nameOf = (event: ActivityEvent): string => (event.data as { name: string }).name;
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

async function readUntil(
  tenantId: string,
  afterSeq: number,
  enough: (events: ActivityEvent[]) => boolean,
  hub = api.hub,
): Promise<ActivityEvent[]> {
  const abort = new AbortController();
  const events: ActivityEvent[] = [];
  for await (const batch of tail({ app: api.app, hub }, tenantScope(tenantId), afterSeq, abort.signal)) {
    events.push(...batch);
    if (enough(events)) abort.abort();
  }
  return events;
}

test("readers from any cursor get every event once and in order while many writers commit", async () => {
  const { id } = await api.tenant();
  await writeMany(id, 3, 5);
  const isLast = (events: ActivityEvent[]): boolean => events.at(-1) !== undefined && nameOf(events.at(-1) as ActivityEvent) === "last";
  const cursors = [0, 1, 7, 20, 20, 0];
  const readers = cursors.map((cursor) => readUntil(id, cursor, isLast));
  await writeMany(id, 6, 25);
  await write(id, ["last"], { nudge: false });
  const all = (await Promise.all(readers)).map((events) => events.map((event) => event.seq));
  const head = all[0]?.at(-1) ?? 0;
  assert.ok(head > 300);
  for (const [index, cursor] of cursors.entries()) assert.deepEqual(all[index], range(cursor + 1, head));
  assert.equal(api.hub.subscribersOf(id), 0);
});

test("a reader whose buffer overflows goes back to the table and misses nothing", async () => {
  const { id } = await api.tenant();
  const abort = new AbortController();
  const stream = tail({ app: api.app, hub: api.hub }, tenantScope(id), 0, abort.signal);
  await write(id, ["first"], { nudge: true });
  const seqs: number[] = [];
  const take = async (): Promise<void> => {
    const { value } = await stream.next();
    seqs.push(...(value ?? []).map((event) => event.seq));
  };
  await take();
  // Live, but not reading: more than the buffer holds goes by.
  const reading = take();
  await write(id, ["second"], { nudge: true });
  await reading;
  const commits = Math.ceil((limits.activityBufferMax + limits.activityPageMax) / 500);
  const head = 2 + commits * 500;
  const probe = api.hub.subscribe(tenantScope(id));
  const given = (async () => {
    let seq = 0;
    for (; seq < head; seq = probe.take()?.at(-1)?.seq ?? seq) await probe.wait(1_000, abort.signal);
  })();
  const names = Array.from({ length: 500 }, (_, index) => `flood ${index}`);
  for (let commit = 0; commit < commits; commit += 1) await write(id, names, { nudge: true });
  // What the probe was given, the slow reader was given too.
  await given;
  probe.close();
  while ((seqs.at(-1) ?? 0) < head) await take();
  abort.abort();
  await stream.return();
  assert.deepEqual(seqs, range(1, head));
});

test("what the hub loses or repeats does no harm", async () => {
  const { id } = await api.tenant();
  await write(id, ["one"], { nudge: false });
  const hub = createHub({ app: api.app, platform: api.platform, onError: () => {} });
  const lossy: typeof hub = {
    ...hub,
    subscribe(scope) {
      const subscription = hub.subscribe(scope);
      let turn = 0;
      return {
        ...subscription,
        take() {
          const events = subscription.take();
          turn += 1;
          if (events === null || events.length === 0) return events;
          if (turn % 3 === 0) return events.slice(1);
          return turn % 3 === 1 ? [...events, ...events] : events.toReversed();
        },
      };
    },
  };
  hub.start();
  let isRead = false;
  const reader = readUntil(id, 0, (events) => (isRead = events.some((event) => nameOf(event) === "last")), lossy);
  await writeMany(id, 3, 20);
  await write(id, ["last"], { nudge: false });
  // What is lost at the very end is noticed by the next one only.
  while (!isRead) await write(id, ["more"], { nudge: false });
  const events = await reader;
  hub.stop();
  assert.deepEqual(
    events.map((event) => event.seq),
    range(1, events.length),
  );
});

test("one nudge costs one read, whatever the number of readers", async () => {
  const { id } = await api.tenant();
  let reads = 0;
  const counting = {
    ...api.app,
    pool: new Proxy(api.app.pool, {
      get: (pool, name) => (name === "connect" ? () => ((reads += 1), pool.connect()) : Reflect.get(pool, name)),
    }),
  };
  const hub = createHub({ app: counting, platform: api.platform, onError: () => {} });
  const abort = new AbortController();
  const streams = Array.from({ length: 20 }, () => tail({ app: api.app, hub, heartbeatMs: 1 }, tenantScope(id), 0, abort.signal));
  // The first heartbeat shows that a reader is live.
  await Promise.all(streams.map((stream) => stream.next()));
  reads = 0;
  const received = streams.map(async (stream) => {
    for await (const batch of stream) if (batch.length > 0) return batch.length;
    return 0;
  });
  await write(id, ["a", "b"], { nudge: false });
  hub.publish([id]);
  assert.deepEqual(
    await Promise.all(received),
    streams.map(() => 2),
  );
  assert.ok(reads <= 2, `${reads} reads`);
  abort.abort();
});

test("the list is oldest first and is walked by seq", async () => {
  const { id, key } = await api.tenant();
  await writeMany(id, 2, 10);
  const head = await headOf(id);
  const seqs: number[] = [];
  for (let cursor = 0; ;) {
    const { json } = await api.call("GET", `/api/v1/activity?after=${cursor}&limit=7`, { key });
    seqs.push(...json.data.map(({ seq }: ActivityEvent) => seq));
    if (json.next === null) break;
    assert.equal(json.next, String(seqs.at(-1)));
    cursor = json.next;
  }
  assert.deepEqual(seqs, range(1, head));
  const poll = await api.call("GET", `/api/v1/activity?after=${head}`, { key });
  assert.deepEqual(poll.json, { data: [], next: null });
});

type SseEvent = { id: number; type: string; event: ActivityEvent };

/** A raw stream: every frame is kept as text and parsed. */
async function openStream(key: string, options: { query?: string; lastEventId?: string } = {}) {
  const abort = new AbortController();
  const answer = await fetch(`${api.url}/api/v1/activity/stream${options.query ?? ""}`, {
    signal: abort.signal,
    headers: { authorization: `Bearer ${key}`, ...(options.lastEventId === undefined ? {} : { "last-event-id": options.lastEventId }) },
  });
  const events: SseEvent[] = [];
  let text = "";
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  const readOn = async (): Promise<boolean> => {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    text += value ?? "";
    const frames = text.split("\n\n");
    text = frames.pop() ?? "";
    for (const frame of frames) {
      const fields = new Map(
        frame.split("\n").map((line): [string, string] => [line.slice(0, line.indexOf(": ")), line.slice(line.indexOf(": ") + 2)]),
      );
      const data = fields.get("data");
      if (data === undefined) comments.push(frame);
      else events.push({ id: Number(fields.get("id")), type: fields.get("event") ?? "", event: JSON.parse(data) as ActivityEvent });
    }
    return !done;
  };
  const comments: string[] = [];
  return { answer, events, comments, readOn, abort };
}

test("a stream begins now, resumes from Last-Event-ID or after, and numbers its events by seq", async () => {
  const { id, key } = await api.tenant();
  await writeMany(id, 1, 4);
  const head = await headOf(id);
  const fresh = await openStream(key);
  assert.match(fresh.answer.headers.get("content-type") ?? "", /^text\/event-stream/);
  while (fresh.comments.length === 0) assert.ok(await fresh.readOn());
  assert.match(fresh.comments[0] ?? "", new RegExp(`^: after ${head}\n`));
  const resumed = [
    await openStream(key, { lastEventId: "2" }),
    await openStream(key, { query: "?after=2" }),
    await openStream(key, { query: "?after=5", lastEventId: "2" }),
  ];
  await write(id, ["new"], { nudge: true });
  for (const stream of [fresh, ...resumed]) {
    while (stream.events.at(-1)?.id !== head + 1) assert.ok(await stream.readOn());
    stream.abort.abort();
  }
  assert.deepEqual(
    fresh.events.map((event) => event.id),
    [head + 1],
  );
  for (const stream of resumed)
    assert.deepEqual(
      stream.events.map((event) => event.id),
      range(3, head + 1),
    );
  const [first] = fresh.events;
  assert.deepEqual([first?.type, first?.event.seq, first === undefined ? "" : nameOf(first.event)], ["message.received", head + 1, "new"]);
  for (const wrong of ["abc", "-1", "1.5"]) {
    assert.equal((await api.call("GET", "/api/v1/activity/stream", { key, headers: { "last-event-id": wrong } })).status, 400);
  }
});

test("readers that drop and resume over HTTP at any moment get every event once", async () => {
  const { id, key } = await api.tenant();
  let cursor = 0;
  const seqs: number[] = [];
  let isWritten = false;
  const writing = (async () => {
    await writeMany(id, 5, 20);
    isWritten = true;
  })();
  let head = Number.POSITIVE_INFINITY;
  while (cursor < head) {
    if (isWritten) head = await headOf(id);
    if (cursor >= head) break;
    const stream = await openStream(key, { lastEventId: String(cursor) });
    const wanted = 1 + Math.floor(Math.random() * 30);
    while (stream.events.length < wanted && (stream.events.at(-1)?.id ?? cursor) < head) {
      await stream.readOn();
      if (isWritten) head = await headOf(id);
    }
    seqs.push(...stream.events.map((event) => event.id));
    cursor = seqs.at(-1) ?? cursor;
    stream.abort.abort();
  }
  await writing;
  assert.deepEqual(seqs, range(1, head));
});

test("a stream ends soon after its key is revoked", { timeout: 12 * limits.streamAuthorizeMs }, async () => {
  const { key } = await api.tenant();
  const { json } = await api.call("POST", "/api/v1/api-keys", { key, body: { name: "stream", scopes: ["read"] } });
  const stream = await openStream(json.apiKey);
  await stream.readOn();
  await api.call("DELETE", `/api/v1/api-keys/${json.id}`, { key });
  while (await stream.readOn());
  assert.ok(limits.streamAuthorizeMs <= 10_000);
});

test("a reader that takes nothing does not hold others up, nor memory", async () => {
  const { id, key } = await api.tenant();
  const stuck = httpRequest(`${api.url}/api/v1/activity/stream?after=0`, { headers: { authorization: `Bearer ${key}` } });
  stuck.on("error", () => {});
  stuck.end();
  await new Promise<void>((resolve) => {
    stuck.once("response", (response) => {
      response.pause();
      resolve();
    });
  });
  const quick = readUntil(id, 0, (events) => events.length >= 4_000);
  for (let commit = 0; commit < 8; commit += 1) {
    await write(
      id,
      Array.from({ length: 500 }, () => "x".repeat(1_000)),
      { nudge: true },
    );
  }
  assert.equal((await quick).length, 4_000);
  stuck.destroy();
});

test("streams are bounded per tenant", async () => {
  const { key } = await api.tenant();
  const streams = [];
  for (let index = 0; index < limits.streamsPerTenantMax; index += 1) streams.push(await openStream(key));
  const refused = await api.call("GET", "/api/v1/activity/stream", { key });
  assert.deepEqual([refused.status, refused.json.code], [429, "too_many"]);
  const { key: neighbour } = await api.tenant();
  const other = await openStream(neighbour);
  assert.equal(other.answer.status, 200);
  for (const stream of [...streams, other]) stream.abort.abort();
});

test("a stop ends streams with a hint when to come back, and is quick", async () => {
  const { key } = await api.tenant();
  const stream = await openStream(key);
  await stream.readOn();
  const startedAt = performance.now();
  await api.close();
  while (await stream.readOn());
  assert.equal(stream.comments.at(-1), `retry: ${limits.streamRetryMs}`);
  assert.ok(performance.now() - startedAt < limits.httpCloseMsMax);
});

async function headOf(tenantId: string): Promise<number> {
  const { rows } = await api.ingest.pool.query("select seq from activity_counters where tenant_id = $1", [tenantId]);
  return rows[0].seq;
}
