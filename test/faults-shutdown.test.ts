/** Ends that are wanted: a rolling restart behind a proxy loses no request, and SIGTERM leaves nothing behind within 10 s. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "../src/limits.ts";
import { createRandom } from "../src/sandbox/random.ts";
import { assertLedger, Ledger, untilApplied } from "./support/ledger.ts";
import { BodyMaker, MetaClient, randomMoment, startLoad } from "./support/meta-client.ts";
import { connectSql, makeProgram, setUpNumbers, startServer, until, type Program } from "./support/program.ts";
import { startHttpProxy } from "./support/proxy.ts";

const stopMsMax = 10_000;

test("a rolling restart of two nodes behind a proxy loses no request", { timeout: 120_000 }, async (t) => {
  const { databaseUrl, superuser } = await startServer(t);
  const nodes = [await makeProgram(t, { databaseUrl }), await makeProgram(t, { databaseUrl })];
  const [first] = nodes;
  assert.ok(first !== undefined);
  await first.start();
  const numbers = await setUpNumbers(first, 2);
  await Promise.all(nodes.slice(1).map((node) => node.start()));
  const proxy = await startHttpProxy(t, nodes);
  const ledger = new Ledger();
  const random = createRandom(21);
  const client = new MetaClient({ url: proxy.url, concurrency: 6 });
  t.after(async () => client.close());
  const load = startLoad({ client, maker: new BodyMaker(numbers, random), ledger, random, concurrency: 6, postsMax: 100_000 });
  t.after(() => load.stop());

  for (const node of nodes) {
    const okBefore = ledger.posts.ok;
    await until("requests flow", 60_000, () => ledger.posts.ok > okBefore + 50);
    const began = performance.now();
    node.signal("SIGTERM");
    assert.deepEqual(await node.ended(), { code: 0, signal: null }, node.output);
    const ms = performance.now() - began;
    assert.ok(ms >= limits.drainGraceMs && ms < stopMsMax, `${Math.round(ms)} ms`);
    await node.start();
  }
  await load.stop();
  assert.deepEqual([...ledger.statuses.keys()], [200], JSON.stringify([...ledger.statuses]));
  assert.equal(ledger.posts.refused + ledger.posts.unknown, 0);
  const sql = await connectSql(superuser);
  t.after(() => sql.end());
  await untilApplied(sql);
  t.diagnostic(await assertLedger(sql, ledger));
});

test(
  "SIGTERM under load and with open streams: everything is gone within 10 s, the database too, and what was acknowledged is kept",
  { timeout: 120_000 },
  async (t) => {
    const program = await makeProgram(t);
    await program.start();
    const numbers = await setUpNumbers(program, 2);
    const ledger = new Ledger();
    const random = createRandom(22);
    const client = new MetaClient({ url: program.url, concurrency: 4 });
    t.after(async () => client.close());
    const load = startLoad({ client, maker: new BodyMaker(numbers, random), ledger, random, concurrency: 4, postsMax: 100_000 });
    t.after(() => load.stop());
    const streams = await Promise.all(numbers.flatMap(({ key }) => [openStream(program, key), openStream(program, key)]));
    await until("events flow", 60_000, () => streams.every((stream) => stream.bytes() > 0) && ledger.posts.ok > 50);
    await randomMoment(random, 0, 100);

    const postmaster = await program.postmaster();
    assert.ok(postmaster !== null);
    const began = performance.now();
    program.signal("SIGTERM");
    const { code, signal } = await program.ended();
    const ms = performance.now() - began;
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, program.output);
    assert.ok(ms < stopMsMax, `it took ${Math.round(ms)} ms`);
    assert.equal(await program.postmaster(), null, "the embedded database outlived the program");
    await Promise.all(streams.map((stream) => stream.ended));
    await load.stop();
    await program.start();
    const sql = await program.sql();
    try {
      await untilApplied(sql);
      t.diagnostic(`gone after ${Math.round(ms)} ms; ${await assertLedger(sql, ledger)}`);
    } finally {
      await sql.end();
    }
  },
);

test("SIGTERM while the program starts ends it, too", { timeout: 60_000 }, async (t) => {
  const program = await makeProgram(t);
  const random = createRandom(23);
  for (let times = 0; times < 3; times += 1) {
    program.spawn();
    await randomMoment(random, 300, 1_500);
    const began = performance.now();
    program.signal("SIGTERM");
    const { code, signal } = await program.ended();
    // Before its first line has run the system ends it; then nothing has been started yet.
    assert.ok(code === 0 || signal === "SIGTERM", program.output);
    assert.ok(performance.now() - began < stopMsMax);
    assert.equal(await program.postmaster(), null, "the embedded database outlived the program");
  }
  await program.start();
});

/** A reader of the activity stream that only listens. */
async function openStream(program: Program, key: string): Promise<{ bytes(): number; ended: Promise<void> }> {
  const answer = await fetch(`${program.url}/api/v1/activity/stream`, { headers: { authorization: `Bearer ${key}` } });
  assert.equal(answer.status, 200);
  let bytes = 0;
  const { body } = answer;
  assert.ok(body);
  const read = async (): Promise<void> => {
    for await (const piece of body) bytes += piece.length;
  };
  // A cut connection is an end like any other here.
  return { bytes: () => bytes, ended: read().catch(() => undefined) };
}
