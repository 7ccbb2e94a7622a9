/** Two nodes on one database: a frozen worker holds nobody up (I12), and what it does afterwards changes nothing (I2). */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { createRandom } from "../src/sandbox/random.ts";
import { assertLedger, Ledger, untilApplied } from "./support/ledger.ts";
import { BodyMaker, MetaClient, randomMoment, startLoad } from "./support/meta-client.ts";
import { connectSql, makeProgram, setUpNumbers, startServer, until, type Program } from "./support/program.ts";

const takeOverMsMax = 15_000;

test(
  "others take over from a worker that is frozen in mid-batch within 15 s, and its late writes touch nothing",
  { timeout: 240_000 },
  async (t) => {
    const { databaseUrl, superuser } = await startServer(t);
    const frozen = await makeProgram(t, { databaseUrl });
    await frozen.start("worker.mid_batch:freeze@20");
    const numbers = await setUpNumbers(frozen, 2);
    const other = await makeProgram(t, { databaseUrl, role: "worker" });
    const client = new MetaClient({ url: frozen.url, concurrency: 2, timeoutMs: 60_000 });
    t.after(async () => client.close());
    const ledger = new Ledger();
    const maker = new BodyMaker(numbers, createRandom(2));
    const sql = await connectSql(superuser);
    t.after(() => sql.end());

    // Until it is frozen: then the last POST hangs.
    const load = startLoad({ client, maker, ledger, random: createRandom(3), concurrency: 2, postsMax: 5_000, againShare: 0 });
    t.after(() => load.stop());
    await until("the node is frozen in mid-batch", 60_000, () => isStopped(frozen));
    assert.ok((await pending(sql)) > 0 || (await openBatches(sql)) > 0, "it holds no work");
    const began = performance.now();
    await other.start();
    await until(
      "the frozen node's session is cut off and its work is done",
      takeOverMsMax,
      async () => (await pending(sql)) === 0 && (await openBatches(sql)) === 0,
    );
    const takenOverMs = performance.now() - began;
    const before = await fingerprint(sql);

    frozen.signal("SIGCONT");
    await load.stop();
    await frozen.ready();
    const more = startLoad({ client, maker, ledger, random: createRandom(4), concurrency: 2, postsMax: 50, againShare: 1 });
    await more.done;
    await untilApplied(sql);
    assert.ok(frozen.isAlive() && other.isAlive(), frozen.output + other.output);
    const kept = await fingerprint(sql, before.ids);
    assert.deepEqual(kept.rows, before.rows, "the late writes of the frozen node changed a message");
    assert.ok(ledger.posts.ok >= 50, `the frozen node does not work again: ${frozen.output}`);
    t.diagnostic(`taken over after ${Math.round(takenOverMs)} ms; ${await assertLedger(sql, ledger)}`);
  },
);

test("two nodes that are killed in turn lose nothing and apply nothing twice", { timeout: 240_000 }, async (t) => {
  const { databaseUrl, superuser } = await startServer(t);
  const nodes = [await makeProgram(t, { databaseUrl }), await makeProgram(t, { databaseUrl })];
  const [first] = nodes;
  assert.ok(first !== undefined);
  await first.start();
  const numbers = await setUpNumbers(first, 3);
  await Promise.all(nodes.slice(1).map((node) => node.start()));
  const ledger = new Ledger();
  const random = createRandom(5);
  const maker = new BodyMaker(numbers, random);
  const loads = nodes.map((node) => {
    const client = new MetaClient({ url: node.url, concurrency: 3 });
    t.after(async () => client.close());
    const load = startLoad({ client, maker, ledger, random, concurrency: 3, postsMax: 20_000 });
    t.after(() => load.stop());
    return load;
  });
  for (const node of [...nodes, ...nodes]) {
    await randomMoment(random, 100, 500);
    await node.kill();
    await node.start();
  }
  for (const load of loads) await load.stop();
  const sql = await connectSql(superuser);
  t.after(() => sql.end());
  await untilApplied(sql);
  t.diagnostic(await assertLedger(sql, ledger));
});

async function isStopped(program: Program): Promise<boolean> {
  const status = await readFile(`/proc/${program.pid}/status`, "utf8").catch(() => "");
  return /^State:\s+T/m.test(status);
}

async function pending(sql: Awaited<ReturnType<typeof connectSql>>): Promise<number> {
  const { rows } = await sql.query<{ n: number }>("select count(*)::int as n from webhook_pending");
  return rows[0]?.n ?? 0;
}

/** Transactions of workers that have lasted for more than a moment. */
async function openBatches(sql: Awaited<ReturnType<typeof connectSql>>): Promise<number> {
  const { rows } = await sql.query<{ n: number }>(
    `select count(*)::int as n from pg_stat_activity where application_name like 'kesher worker%' and xact_start < clock_timestamp() - interval '500 ms'`,
  );
  return rows[0]?.n ?? 0;
}

async function fingerprint(
  sql: Awaited<ReturnType<typeof connectSql>>,
  ids?: readonly string[],
): Promise<{ ids: string[]; rows: unknown[] }> {
  const { rows } = await sql.query<{ id: string }>(
    `select id, wa_message_id, conversation_id, content, raw, created_at from whatsapp_messages where $1::uuid[] is null or id = any($1) order by id`,
    [ids ?? null],
  );
  return { ids: rows.map(({ id }) => id), rows };
}
