/**
 * The database goes away in every way that it can: restarted under load, its sessions killed one by one, its disk full, the answer
 * to a COMMIT lost. Each time: 503 at most, nothing parked, nothing lost or twice, and recovery without anybody's hand (I1, I2, I12).
 */
import assert from "node:assert/strict";
import { chmod, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createRandom } from "../src/sandbox/random.ts";
import { assertLedger, Ledger, untilApplied } from "./support/ledger.ts";
import { BodyMaker, MetaClient, randomMoment, startLoad } from "./support/meta-client.ts";
import { connectSql, makeProgram, readyMsMax, setUpNumbers, startServer, until, type Program } from "./support/program.ts";
import { startTcpProxy } from "./support/proxy.ts";

test("an immediate restart of the database under load costs 503s and nothing else", { timeout: 120_000 }, async (t) => {
  const program = await makeProgram(t);
  await program.start();
  const { ledger, load } = await startTraffic(t, program);
  const random = createRandom(11);
  for (let times = 0; times < 3; times += 1) {
    await randomMoment(random, 100, 400);
    const before = await program.postmaster();
    await program.killPostmaster("SIGQUIT");
    await until("the database is back", readyMsMax, () => program.isDatabaseBack(before));
  }
  await randomMoment(random, 100, 200);
  await load.stop();
  await settleAndCheck(t, program, ledger);
  assert.deepEqual([...ledger.statuses.keys()].toSorted(), [200, 503]);
});

test("sessions that are killed one after the other, all the time, park nothing and lose nothing", { timeout: 120_000 }, async (t) => {
  const program = await makeProgram(t);
  await program.start();
  const { ledger, load } = await startTraffic(t, program);
  const sql = await program.sql();
  const random = createRandom(12);
  // Now and then there is none to kill: all are being opened anew.
  for (let killed = 0; killed < 150;) {
    await randomMoment(random, 5, 35);
    const { rowCount } = await sql.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'kesher %' and pid <> pg_backend_pid() order by random() limit 1",
    );
    killed += rowCount ?? 0;
  }
  await sql.end();
  await until("the program has got over it", readyMsMax, () => program.isReady());
  await load.stop();
  await settleAndCheck(t, program, ledger);
});

const whyNoDisk = process.getuid?.() === 0 ? false : "only root can mount a small disk";
const fullDisk = { timeout: 180_000, skip: whyNoDisk };
test("a full disk means 503, nothing parked, a living program, and recovery as soon as there is room", fullDisk, async (t) => {
  const program = await makeProgram(t, { diskBytes: 280 * 2 ** 20 });
  await program.start();
  const { ledger, load } = await startTraffic(t, program);
  await until("some are stored", 60_000, () => ledger.posts.ok > 100);
  const ballast = join(program.dataDir, "ballast");
  await fill(ballast);
  const unknownBefore = ledger.statuses.get(503) ?? 0;
  await until("the disk is full", 60_000, () => (ledger.statuses.get(503) ?? 0) > unknownBefore + 20);
  assert.ok(program.isAlive(), program.output);
  const live = await fetch(`${program.url}/livez`);
  assert.equal(live.status, 200, "it is alive all the same");

  await rm(ballast);
  const recoveredMs = await until("the program has recovered", readyMsMax, () => program.isReady());
  const okBefore = ledger.posts.ok;
  await until("webhooks are stored again", 60_000, () => ledger.posts.ok > okBefore + 20);

  // Harder: no room for the journal of the database itself, which ends it, and each start of it, until there is room.
  const before = await program.postmaster();
  const sql = await program.sql();
  await fill(ballast);
  await sql.query("select pg_switch_wal()").catch(() => undefined);
  await until("the database is gone", 60_000, async () => (await program.postmaster()) !== before);
  await sql.end().catch(() => undefined);
  assert.ok(program.isAlive(), program.output);
  await until("it is not ready", 60_000, async () => !(await program.isReady()));
  await rm(ballast);
  const restartedMs = await until("the program has recovered again", readyMsMax, () => program.isDatabaseBack(before));
  await load.stop();
  t.diagnostic(`ready ${Math.round(recoveredMs)} ms after there was room; ${Math.round(restartedMs)} ms when the database had ended`);
  await settleAndCheck(t, program, ledger);
});

test("a COMMIT whose answer is lost is a 503, and its redelivery is stored once", { timeout: 60_000 }, async (t) => {
  const { databaseUrl, superuser } = await startServer(t);
  const proxy = await startTcpProxy(t, { path: join(String(superuser.host), `.s.PGSQL.${superuser.port}`) });
  const behind = new URLSearchParams(databaseUrl.split("?")[1]);
  const url = `postgres://${behind.get("user")}@127.0.0.1:${proxy.port}/${String(superuser.database)}`;
  const program = await makeProgram(t, { databaseUrl: url });
  await program.start();
  const ledger = new Ledger();
  const client = new MetaClient({ url: program.url, concurrency: 1 });
  t.after(async () => client.close());
  const maker = new BodyMaker(await setUpNumbers(program, 1), createRandom(13));
  for (let times = 0; times < 5; times += 1) {
    const body = times % 2 === 0 ? maker.message() : maker.batch(20);
    const lost = proxy.loseAnswer({ request: "journal.append_group", answer: "COMMIT\0" });
    const first = await client.post(body.json);
    await lost;
    assert.equal(first.status, 503);
    ledger.record(body, first.verdict, first.status);
    const again = await client.post(body.json);
    assert.equal(again.status, 200);
    ledger.record(body, again.verdict, again.status);
  }
  const sql = await connectSql(superuser);
  t.after(() => sql.end());
  await untilApplied(sql);
  t.diagnostic(await assertLedger(sql, ledger));
  const { rows } = await sql.query<{ n: number }>("select count(*)::int as n from webhook_deliveries");
  assert.equal(rows[0]?.n, 10, "the COMMITs whose answers were lost had been done: both deliveries are in the journal");
});

async function startTraffic(t: TestContext, program: Program) {
  const numbers = await setUpNumbers(program, 2);
  const random = createRandom(10);
  const ledger = new Ledger();
  const client = new MetaClient({ url: program.url, concurrency: 3 });
  t.after(async () => client.close());
  const load = startLoad({ client, maker: new BodyMaker(numbers, random), ledger, random, concurrency: 3, postsMax: 30_000 });
  t.after(() => load.stop());
  return { ledger, load };
}

async function settleAndCheck(t: TestContext, program: Program, ledger: Ledger): Promise<void> {
  assert.ok(program.isAlive(), program.output);
  const sql = await program.sql();
  try {
    const appliedMs = await untilApplied(sql);
    t.diagnostic(`${await assertLedger(sql, ledger)}; applied ${Math.round(appliedMs)} ms after the end`);
  } finally {
    await sql.end();
  }
}

/** Takes all the room that there is; the rest is gone with the next page of the journal. */
async function fill(file: string): Promise<void> {
  await writeFile(file, "");
  await chmod(file, 0o600);
  for (const bytes of [2 ** 22, 2 ** 16, 2 ** 12]) {
    const block = Buffer.alloc(bytes, 1);
    for (;;) {
      const isFull = await writeFile(file, block, { flag: "a" }).then(
        () => false,
        () => true,
      );
      if (isFull) break;
    }
  }
}
