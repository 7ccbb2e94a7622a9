import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, cp, mkdir, mkdtemp, readFile, readdir, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { backup } from "../src/db/backup.ts";
import { EmbeddedRefusal } from "../src/db/embedded-account.ts";
import { type EmbeddedServer, startEmbedded } from "../src/db/embedded.ts";
import { restore } from "../src/db/restore.ts";
import { until } from "./support/program.ts";

const rows = 20_000;
let root = "";
let server: EmbeddedServer;
const servers: EmbeddedServer[] = [];

before(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "kesher-backup-")));
  await chmod(root, 0o755);
  server = await start("live");
  const owner = await connect(server);
  await owner.query(`create table journal (id bigint primary key, body text);
                     create table balance (id integer primary key, amount bigint not null, note text);
                     insert into balance select i, 100, repeat('x', 200) from generate_series(1, ${rows}) i`);
  await owner.end();
});

after(async () => {
  for (const each of servers) await each.stop();
  await rm(root, { recursive: true, force: true, maxRetries: 5 });
});

test("A backup made while rows are written holds every commit before its end, none in part, and is restored elsewhere", async () => {
  const written: { id: number; lsn: string }[] = [];
  const writing = { on: true };
  const writers = [write(0, written, writing), write(1, written, writing), disturb(writing)];
  const target = join(root, "busy");
  await until("rows are written", 60_000, () => written.length > 0);
  const before = written.length;
  const { manifest } = await backup({ dataDir: join(root, "live"), target });
  await until("rows are written behind its end", 60_000, () => written.some(({ lsn }) => lsnValue(lsn) > lsnValue(manifest.stopLsn)));
  writing.on = false;
  await Promise.all(writers);

  const { formerData } = await restore({ dataDir: join(root, "elsewhere"), source: target });
  assert.equal(formerData, null);
  const copy = await start("elsewhere");
  const superuser = new Client({ ...copy.superuserConnection, database: "kesher" });
  await superuser.connect();
  const journal = await superuser.query<{ id: string }>("select id from journal");
  const found = new Set(journal.rows.map(({ id }) => Number(id)));
  const early = written.filter(({ lsn }) => lsnValue(lsn) <= lsnValue(manifest.stopLsn));
  assert.ok(early.length > before && early.length < written.length, `${early.length} of ${written.length} were written before its end`);
  assert.deepEqual(
    early.filter(({ id }) => !found.has(id)),
    [],
  );
  const total = await superuser.query<{ total: string }>("select sum(amount) as total from balance");
  assert.equal(total.rows[0]?.total, String(rows * 100));
  await superuser.query("create extension amcheck");
  await superuser.query("select bt_index_check(oid, true) from pg_class where relname in ('journal_pkey', 'balance_pkey')");
  const faults = await superuser.query("select verify_heapam(oid) from pg_class where relname in ('journal', 'balance')");
  assert.deepEqual(faults.rows, []);
  await superuser.end();
  await copy.stop();
});

test("The files of messages are in a backup, those half written are not, and are put back where they are missing", async () => {
  const dataDir = join(root, "live");
  const lies = (path: string, ...at: string[]): string => join(...at, "media", "0198b2f0-0000-7000-8000-000000000000", path);
  const write = async (file: string, text: string): Promise<void> => {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  };
  await write(lies("ab/abcd", dataDir), "one");
  await write(lies("ef/efgh", dataDir), "two");
  await write(join(dataDir, "media/incoming/half"), "ha");
  const target = join(root, "media-backup");
  const { manifest } = await backup({ dataDir, target });
  await rm(join(dataDir, "media"), { recursive: true });
  assert.deepEqual(manifest.media, { files: 2, bytes: 6 });

  const elsewhere = join(root, "with-media");
  await write(lies("xy/xyz", elsewhere), "of the former data");
  await restore({ dataDir: elsewhere, source: target });
  const found = await Promise.all(["ab/abcd", "ef/efgh", "xy/xyz"].map((path) => readFile(lies(path, elsewhere), "utf8")));
  assert.deepEqual(found, ["one", "two", "of the former data"]);
  assert.equal((await stat(lies("ab/abcd", elsewhere))).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(join(elsewhere, "media/incoming")), []);

  await rm(lies("ef/efgh", target));
  await assert.rejects(restore({ dataDir: elsewhere, source: target }), /is damaged/);
});

test("A backup leaves the running server as it was, without a replication slot", async () => {
  const pid = server.pid();
  await backup({ dataDir: join(root, "live"), target: join(root, "quiet") });
  assert.equal(server.pid(), pid);
  const owner = await connect(server);
  const slots = await owner.query("select from pg_replication_slots");
  assert.equal(slots.rowCount, 0);
  await owner.end();
  await assert.rejects(backup({ dataDir: join(root, "live"), target: join(root, "quiet") }), /is there already/);
  await assert.rejects(backup({ dataDir: join(root, "nothing"), target: join(root, "none") }), /no embedded database/);
  assert.deepEqual(
    (await readdir(root)).filter((name) => name.includes("partial")),
    [],
  );
});

test("A restore is refused while a server runs, and of a folder that is incomplete, damaged or of another version", async () => {
  const source = join(root, "quiet");
  const dataDir = join(root, "live");
  await assert.rejects(restore({ dataDir, source }), (error) => error instanceof EmbeddedRefusal && /is running/.test(error.message));
  const elsewhere = join(root, "refused");
  const manifest = await readFile(join(source, "manifest.json"), "utf8");
  await writeFile(join(source, "manifest.json"), manifest.replace('"major": 18', '"major": 17'));
  await assert.rejects(restore({ dataDir: elsewhere, source }), /PostgreSQL 17/);
  await writeFile(join(source, "manifest.json"), manifest);
  await rename(join(source, "postgres/PG_VERSION"), join(root, "PG_VERSION"));
  await assert.rejects(restore({ dataDir: elsewhere, source }), /is damaged/);
  await rename(join(root, "PG_VERSION"), join(source, "postgres/PG_VERSION"));
  await rename(join(source, "manifest.json"), join(root, "manifest.json"));
  await assert.rejects(restore({ dataDir: elsewhere, source }), /no complete backup/);
  await rename(join(root, "manifest.json"), join(source, "manifest.json"));
});

test("A copy whose log does not reach its end is found out before the present data is touched", async () => {
  const source = join(root, "cut");
  await cp(join(root, "quiet"), source, { recursive: true });
  const log = join(source, "postgres/pg_wal");
  for (const name of await readdir(log)) if (/^[0-9A-F]{24}$/.test(name)) await writeFile(join(log, name), Buffer.alloc(2 ** 24));
  const dataDir = join(root, "kept");
  const kept = await start("kept");
  await kept.stop();
  const made = await stat(kept.directory);
  await assert.rejects(restore({ dataDir, source }), /PostgreSQL did not start/);
  assert.equal((await stat(kept.directory)).ino, made.ino);
  assert.deepEqual((await readdir(dataDir)).toSorted(), ["postgres", "postgres-start.log", "postgres.lock", "socket"]);
});

test("A restore keeps the former data beside the new, and one that was cut off in the exchange is ended by the next start", async () => {
  const dataDir = join(root, "kept");
  const { formerData } = await restore({ dataDir, source: join(root, "quiet") });
  assert.ok(formerData !== null && (await stat(formerData)).isDirectory());
  const cluster = join(dataDir, "postgres");
  await rename(cluster, `${cluster}.restored`);
  const restored = await start("kept");
  const owner = await connect(restored);
  const { rowCount } = await owner.query("select from balance");
  assert.equal(rowCount, rows);
  await owner.end();
  await restored.stop();
});

test("The command backs up a database at rest and restores it, and refuses to touch a database of one's own", async () => {
  const target = join(root, "by-command");
  const env = { DATA_DIR: join(root, "kept") };
  assert.deepEqual(await command(["backup", target], env), { code: 0, out: `${target}\n` });
  assert.deepEqual(await command(["restore", target], { DATA_DIR: join(root, "by-command-restored") }), { code: 0, out: "" });
  assert.equal((await command(["restore", join(root, "kept")], env)).code, 1);
  assert.equal((await command(["backup"], { ...env, DATABASE_URL: "postgres://elsewhere" })).code, 2);
  assert.equal((await command(["restore"], env)).code, 2);
});

async function start(name: string): Promise<EmbeddedServer> {
  const started = await startEmbedded({ dataDir: join(root, name), log: () => undefined, settings: { shared_buffers: "8MB" } });
  servers.push(started);
  return started;
}

async function connect({ connection }: EmbeddedServer): Promise<Client> {
  const client = new Client(connection);
  await client.connect();
  return client;
}

/** Commits a row and a move between two balances at a time, and notes a place in the log by which it was certainly committed. */
async function write(ordinal: number, written: { id: number; lsn: string }[], writing: { on: boolean }): Promise<void> {
  const client = await connect(server);
  for (let n = 0; writing.on; n += 1) {
    const id = n * 2 + ordinal;
    const from = (id % (rows / 2)) + 1;
    await client.query("begin");
    await client.query("insert into journal values ($1, repeat('y', 500))", [id]);
    await client.query("update balance set amount = amount + case when id = $1 then -1 else 1 end where id in ($1, $2)", [
      from,
      from + rows / 2,
    ]);
    await client.query("commit");
    const { rows: at } = await client.query<{ lsn: string }>("select pg_current_wal_insert_lsn()::text as lsn");
    written.push({ id, lsn: at[0]?.lsn ?? "" });
  }
  await client.end();
}

/** Checkpoints and new log segments in the middle of a copy: without its label and all of its log the copy is wrong. */
async function disturb(writing: { on: boolean }): Promise<void> {
  const superuser = new Client(server.superuserConnection);
  await superuser.connect();
  while (writing.on) {
    await superuser.query("checkpoint");
    await superuser.query("select pg_switch_wal(), pg_sleep(0.1)");
  }
  await superuser.end();
}

function lsnValue(lsn: string): bigint {
  const [high, low] = lsn.split("/");
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

async function command(args: string[], env: Record<string, string>): Promise<{ code: number | null; out: string }> {
  const file = fileURLToPath(new URL("../src/db/backup-cli.ts", import.meta.url));
  const child = spawn(process.execPath, [file, ...args], { env, stdio: ["ignore", "pipe", "ignore"] });
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  await once(child, "close");
  return { code: child.exitCode, out };
}
