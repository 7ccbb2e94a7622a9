/** Limits of the path in, of the queue and of sessions, driven to their edges on a real database. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setImmediate as turnOfLoop } from "node:timers/promises";
import { DatabaseRefusal, holdProgramLock, openDatabases } from "../src/db/open.ts";
import { keepPartitions } from "../src/db/partitions.ts";
import { LinkError, openPool, type Db, type Server } from "../src/db/pool.ts";
import { statement } from "../src/db/statement.ts";
import { sqlStateOf } from "../src/db/sql-state.ts";
import { createStatistics } from "../src/db/statistics.ts";
import { transaction } from "../src/db/transaction.ts";
import { limits } from "../src/limits.ts";
import { claimPending, type ClaimLimits } from "../src/queue/pending.ts";
import { Receiver } from "../src/webhooks/receive.ts";
import { withDatabase } from "./support/database.ts";
import { holdTime, turnUntil } from "./support/held-time.ts";

const database = await withDatabase({ after });
const ingest = database.open("kesher_ingest");
const owner = database.open("owner");
const superuser = await database.session("superuser");
const who = statement("test.limits.pid", "select pg_backend_pid() as pid", { pid: "int" });
const dayMs = 24 * 60 * 60_000;

test("A group is committed with at most its number of deliveries and its bytes, and always with one", async () => {
  const groups: number[] = [];
  const receive = receiver((deliveries) => groups.push(deliveries));
  const all = (count: number, bytes: number): Promise<unknown> => {
    groups.length = 0;
    return Promise.all(Array.from({ length: count }, () => receive(Buffer.alloc(bytes, " "))));
  };
  await all(limits.groupDeliveriesMax + 1, 10);
  assert.deepEqual(groups, [limits.groupDeliveriesMax, 1]);
  await all(5, limits.groupBytesMax / 4);
  assert.deepEqual(groups, [4, 1]);
  await all(2, limits.groupBytesMax + 1);
  assert.deepEqual(groups, [1, 1]);
});

test("A row of the queue holds at most its number of updates, but for a single body that has more", async () => {
  await superuser.query("delete from webhook_pending");
  const receive = receiver(() => undefined);
  const bodyOf = (count: number): Buffer => {
    const statuses = Array.from({ length: count }, (_, index) => ({ id: `w${index}` }));
    return Buffer.from(JSON.stringify({ entry: [{ id: "1", changes: [{ field: "messages", value: { statuses } }] }] }));
  };
  const half = limits.pendingRowUpdatesMax / 2;
  await Promise.all([half, half, 1, limits.pendingRowUpdatesMax + 1].map((count) => receive(bodyOf(count))));
  const { rows } = await superuser.query<{ updates: number }>("select updates from webhook_pending order by id");
  assert.deepEqual(
    rows.map(({ updates }) => updates),
    [2 * half, 1, limits.pendingRowUpdatesMax + 1],
  );
});

test("A claim takes at most its rows, its accounts and, but for the last row, its updates", async () => {
  const most = { accountsMax: limits.claimAccountsMax, rowsMax: limits.claimRowsMax, updatesMax: limits.claimUpdatesMax };
  assert.equal((await claimOf(limits.claimRowsMax + 1, "'one'", 0, most)).length, limits.claimRowsMax);
  const accounts = await claimOf(limits.claimAccountsMax + 1, "'account ' || n", 0, most);
  assert.equal(new Set(accounts.map(({ account }) => account)).size, limits.claimAccountsMax);
  assert.equal((await claimOf(3, "'one'", limits.claimUpdatesMax / 2, most)).length, 2);
  assert.equal((await claimOf(2, "'one'", limits.claimUpdatesMax, most)).length, 1);
});

test("Partitions are made as far ahead as they should be, and dropped when what is in them is too old, not before", async () => {
  const kept = [
    ["webhook_deliveries", limits.journalKeptDays, limits.partitionsAheadDays],
    ["webhook_results", limits.journalKeptDays, limits.partitionsAheadDays],
    ["whatsapp_message_statuses", limits.statusFactsKeptDays, limits.partitionsAheadMonths],
    ["activity_events", limits.activityKeptDays, limits.partitionsAheadMonths],
  ] as const;
  // Years apart, since each look drops the old ones of all tables.
  for (const [index, [table, days, ahead]] of kept.entries()) {
    const year = 2030 + 3 * index;
    const made = (await keepPartitions(owner, Date.UTC(year, 0, 1, 12))).made.filter((name) => name.startsWith(`${table}_2`));
    assert.equal(made.length, ahead, table);
    const [first = ""] = made.toSorted();
    // What the first partition holds ends after a day, or after a month.
    const endMs = first.endsWith("0101") ? Date.UTC(year, 0, 2) : Date.UTC(year, 1, 1);
    assert.ok(!(await keepPartitions(owner, endMs - 1 + days * dayMs)).dropped.includes(first), first);
    assert.ok((await keepPartitions(owner, endMs + days * dayMs)).dropped.includes(first), first);
  }
});

test("Upkeep gives up a lock that it does not get in time, so that the path in never waits behind it", async () => {
  await superuser.query("begin; lock table webhook_deliveries in access share mode");
  const startMs = performance.now();
  await assert.rejects(keepPartitions(owner, Date.UTC(2060, 0, 1)), (error) => sqlStateOf(error) === "55P03");
  const waitedMs = performance.now() - startMs;
  assert.ok(waitedMs >= limits.upkeepLockWaitMs && waitedMs < limits.lockWaitMsMax, `${Math.round(waitedMs)} ms`);
  await superuser.query("rollback");
  const { made } = await keepPartitions(owner, Date.UTC(2060, 0, 1));
  assert.ok(made.length > 0);
});

test("Every session has the time limits that PostgreSQL enforces", async () => {
  const databases = openDatabases(database.server, () => undefined);
  const settings = (db: Db): Promise<unknown> =>
    db.pool
      .query(
        `select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock,
                current_setting('idle_in_transaction_session_timeout') as idle`,
      )
      .then(({ rows }) => rows[0]);
  const seconds = (ms: number): string => `${ms / 1_000}s`;
  const common = { lock: seconds(limits.lockWaitMsMax), idle: seconds(limits.idleInTransactionMsMax) };
  for (const db of [databases.app, databases.ingest, databases.platform, databases.auth, databases.owner]) {
    assert.deepEqual(await settings(db), { statement: seconds(limits.statementMsMax), ...common });
  }
  assert.deepEqual(await settings(databases.receiver), { statement: "0", ...common });
  await databases.close();
});

test("Each pool opens its number of sessions and no more, and all together fit into the embedded server", async () => {
  const databases = openDatabases(database.server, () => undefined);
  const wanted = new Map([
    [databases.app, limits.appConnectionsMax],
    [databases.ingest, limits.workerConnectionsMax],
    [databases.platform, limits.platformConnectionsMax],
    [databases.privacy, limits.privacyConnectionsMax],
    [databases.auth, limits.authConnectionsMax],
  ]);
  for (const [db, most] of wanted) {
    const held = await Promise.all(Array.from({ length: most }, () => db.pool.connect()));
    const next = db.pool.connect();
    assert.deepEqual([db.pool.totalCount, db.pool.waitingCount], [most, 1]);
    for (const client of held) client.release();
    (await next).release();
  }
  const { rows } = await superuser.query<{ most: string }>("select current_setting('max_connections') as most");
  assert.equal(rows[0]?.most, String(limits.embeddedConnectionsMax));
  assert.ok([...wanted.values()].reduce((sum, most) => sum + most, 0) < limits.embeddedConnectionsMax / 2);
  await databases.close();
});

test("A second program on the same database is refused when the first has not gone in time", async () => {
  const lock = await holdProgramLock(database.server, () => undefined);
  const startMs = performance.now();
  await assert.rejects(
    holdProgramLock(database.server, () => undefined),
    DatabaseRefusal,
  );
  assert.ok(performance.now() - startMs >= (limits.lockAttemptsMax - 1) * limits.lockRetryMs);
  await lock.release();
  await (await holdProgramLock(database.server, () => undefined)).release();
});

test("A table is analysed when it has its least size, and again when it has grown by the factor", async () => {
  const statistics = createStatistics(owner);
  const { rows } = await superuser.query<{ id: string }>(
    "insert into tenants (id, name, slug) values (gen_random_uuid(), 'one', 'one') returning id",
  );
  let total = 0;
  const size = async (): Promise<number> => {
    const { rows: sizes } = await superuser.query<{ bytes: string }>("select pg_relation_size('whatsapp_contacts') as bytes");
    return Number(sizes[0]?.bytes);
  };
  const growTo = async (bytes: number): Promise<void> => {
    while ((await size()) < bytes) {
      total += 20;
      await superuser.query(
        `insert into whatsapp_contacts (tenant_id, id, profile_at, profile_wa_message_id, created_at)
         select $1, gen_random_uuid(), now(), $2 || n, now() from generate_series(1, 20) n`,
        [rows[0]?.id, `${total} `],
      );
    }
  };
  await growTo(limits.statisticsBytesMin - 8_192);
  assert.ok(!(await statistics.keepOnce()).includes("whatsapp_contacts"));
  await growTo(limits.statisticsBytesMin);
  const firstBytes = await size();
  assert.ok((await statistics.keepOnce()).includes("whatsapp_contacts"));
  assert.ok(!(await statistics.keepOnce()).includes("whatsapp_contacts"));
  await growTo(firstBytes * limits.statisticsGrowthFactor);
  assert.ok((await statistics.keepOnce()).includes("whatsapp_contacts"));
});

test("A link that is dead is given up: while connecting, in a statement, and in a COMMIT, each in its time", async (t) => {
  const shortMs = 100;
  const silent = await startProxy(database.server);
  t.after(() => silent.stop());
  const pool = (statementTimeoutMs: number): Db =>
    openPool(silent.server, { role: "kesher_ingest", name: "dead", connectionsMax: 1, statementTimeoutMs, onError: () => undefined });
  const [short, endless, late] = [pool(shortMs), pool(0), pool(0)];
  t.after(() => Promise.all([short, endless, late].map((db) => db.pool.end())));
  await Promise.all([short.query(who), endless.query(who)]);
  silent.mute();
  const time = holdTime(t);
  for (const [what, db, ms] of [
    ["connecting", late, limits.connectMsMax],
    ["a statement", short, shortMs + limits.deadLinkMarginMs],
    ["a COMMIT", endless, limits.commitMsMax + limits.deadLinkMarginMs],
  ] as const) {
    let isOver = false;
    const givenUp = assert.rejects(db.query(who), LinkError).finally(() => (isOver = true));
    await turnUntil(() => time.nextIn() === ms, `${what} waits for so long`);
    time.pass(ms - 1);
    for (let turn = 0; turn < 20; turn += 1) await turnOfLoop();
    assert.ok(!isOver, what);
    time.pass(1);
    await givenUp;
  }
});

function receiver(onGroup: (deliveries: number) => void): (body: Buffer) => Promise<unknown> {
  const made = new Receiver({
    db: database.open("kesher_ingest", { connectionsMax: 1, pipeline: true, statementTimeoutMs: 0 }),
    slot: 0,
    nowMs: Date.now,
    onStored: () => undefined,
    onFailed: (error) => assert.fail(String(error)),
    onGroup,
    cache: null,
    hasWarned: () => false,
    failpoint: () => undefined,
  });
  return (body) => made.receive("", body);
}

async function claimOf(rows: number, account: string, updates: number, most: ClaimLimits): Promise<{ account: string }[]> {
  await superuser.query("delete from webhook_pending");
  await superuser.query(
    `insert into webhook_pending (kind, account, delivery_ids, updates, counted_deliveries, created_at)
     select 'whatsapp-messages', ${account}, '{}', $2, 0, now() from generate_series(1, $1) n`,
    [rows, updates],
  );
  return transaction(ingest, (tx) => claimPending(tx, "whatsapp-messages", most, 0));
}

/** Stands between a session and the server, and passes nothing on once it is muted. */
async function startProxy(server: Server): Promise<{ server: Server; mute(): void; stop(): Promise<void> }> {
  assert.ok("host" in server);
  const folder = await mkdtemp(join(tmpdir(), "kesher-mute-"));
  const sockets = new Set<Socket>();
  let isMute = false;
  const proxy = createServer((near) => {
    const far = connect(join(server.host, `.s.PGSQL.${server.port}`));
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("error", () => undefined);
      from.on("data", (bytes) => (isMute ? undefined : to.write(bytes)));
      from.on("close", () => to.destroy());
    }
  });
  await once(proxy.listen(join(folder, `.s.PGSQL.${server.port}`)), "listening");
  return {
    server: { ...server, host: folder },
    mute: () => {
      isMute = true;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
