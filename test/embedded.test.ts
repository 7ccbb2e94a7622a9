import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { chmod, chown, cp, mkdir, mkdtemp, readFile, readdir, realpath, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { type EmbeddedOptions, type EmbeddedServer, startEmbedded } from "../src/db/embedded.ts";
import { EmbeddedRefusal } from "../src/db/embedded-account.ts";
import { locatePackage, prepareBinaries } from "../src/db/embedded-binaries.ts";
import { identify, readPidFile, shutdown } from "../src/db/embedded-postmaster.ts";
import { limits } from "../src/limits.ts";
import { holdTime } from "./support/held-time.ts";

const isRoot = process.getuid?.() === 0;
const nobody = { uid: 65_534, gid: 65_534 };
const small = { shared_buffers: "8MB" };
const source = new URL("../src/db/embedded.ts", import.meta.url).href;

let root = "";
const folders = new Set<string>();
const children = new Set<ChildProcess>();

before(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "kesher-embedded-")));
  await chmod(root, 0o755);
});

after(async () => {
  for (const child of children) child.kill("SIGKILL");
  for (const folder of folders) {
    const cluster = join(folder, "postgres");
    const file = await readPidFile(cluster);
    if (file !== null) await shutdown(await realpath(cluster), file.pid);
  }
  await rm(root, { recursive: true, force: true, maxRetries: 5 });
});

test("The first start serves an owner who makes roles and takes them on, and is no superuser", async () => {
  const server = await start("first");
  const owner = await connect(server);
  await owner.query("create role kesher_app nologin; grant kesher_app to kesher_owner with set true, inherit false");
  await owner.query("set role kesher_app; reset role; create schema app; create extension pg_trgm");
  const facts = await row(
    owner,
    `select rolsuper as super, rolbypassrls as bypass, current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit,
            current_setting('data_checksums') as checksums, current_setting('listen_addresses') as listens,
            current_setting('shared_buffers') as buffers, current_setting('timezone') as zone,
            array(select x from unnest(array['ב','a','א','B']) x order by x) as sorted,
            to_tsvector('simple', 'مرحبا، מה־נשמע')::text as words
       from pg_roles where rolname = current_user`,
  );
  assert.deepEqual(facts, {
    super: false,
    bypass: false,
    fsync: "on",
    commit: "on",
    checksums: "on",
    listens: "",
    buffers: "8MB",
    zone: "UTC",
    sorted: ["B", "a", "א", "ב"],
    words: "'מה':2 'נשמע':3 'مرحبا':1",
  });
  await owner.end();
  const directory = await stat(server.directory);
  assert.equal(directory.mode & 0o777, 0o700);
  assert.notEqual(directory.uid, 0);
  await server.stop();
  await server.stop();
  assert.equal(await identify(server.pid(), server.directory), "other");
});

test("A server that outlived its killed program is adopted, restarted when it dies in turn, and stopped", async () => {
  const folder = path("adopted");
  const helper = program(folder);
  const { pid } = await helper.started;
  await kill(helper.child);
  assert.equal(await identify(pid, join(folder, "postgres")), "ours");

  const restarted = Promise.withResolvers<void>();
  const server = await start("adopted", { log: (message) => message === "embedded database restarted" && restarted.resolve() });
  assert.equal(server.adopted, true);
  assert.equal(server.pid(), pid);
  process.kill(pid, "SIGKILL");
  await restarted.promise;
  assert.notEqual(server.pid(), pid);
  await (await connect(server)).end();
  await server.stop();
  assert.equal(await readPidFile(server.directory), null);
});

test(
  "After kill -9 of the server all that was committed is served again, though a backend still computes",
  { timeout: 120_000 },
  async () => {
    const restarted = Promise.withResolvers<void>();
    const server = await start("killed", { log: (message) => message === "embedded database restarted" && restarted.resolve() });
    const owner = await connect(server);
    await owner.query("create table kept as select 42 as answer");
    const busy = await connect(server);
    const computing = assert.rejects(busy.query("select count(*) from generate_series(1, 4000000000) x"));
    await until(
      async () =>
        (await row(owner, "select count(*)::int as n from pg_stat_activity where query like '%4000000000%' and state = 'active'"))["n"] ===
        2,
    );
    const at = performance.now();
    process.kill(server.pid(), "SIGKILL");
    await restarted.promise;
    // Minutes before the backend would have ended by itself.
    assert.ok(performance.now() - at < 30_000);
    await computing;
    const again = await connect(server);
    assert.deepEqual(await row(again, "select answer from kept"), { answer: 42 });
    await again.end();
    await server.stop();
  },
);

test("A pid file that names a stranger's process is not believed, and the stranger is left alone", async () => {
  const server = await start("stranger");
  const pidFile = join(server.directory, "postmaster.pid");
  const lines = (await readFile(pidFile, "utf8")).split("\n");
  await server.stop();
  const { uid, gid } = await stat(server.directory);
  // Looks like a postmaster in all but the folder that it works in.
  const stranger = spawn("sh", ["-c", "sleep 60; true", "-D", server.directory], { argv0: "postgres", cwd: "/", uid, gid, detached: true });
  children.add(stranger);
  await once(stranger, "spawn");
  await writeFile(pidFile, [stranger.pid, ...lines.slice(1)].join("\n"));
  await chown(pidFile, uid, gid);
  const next = await start("stranger");
  assert.equal(next.adopted, false);
  assert.ok(stranger.exitCode === null && stranger.signalCode === null);
  await next.stop();
  if (stranger.pid !== undefined) process.kill(-stranger.pid, "SIGKILL");
});

test("Two programs that start on one empty folder share one server", async () => {
  const folder = path("raced");
  const helpers = [program(folder), program(folder), program(folder)];
  const started = await Promise.all(helpers.map((helper) => helper.started));
  assert.equal(new Set(started.map(({ pid }) => pid)).size, 1);
  assert.equal(started.filter(({ adopted }) => !adopted).length, 1);
  for (const { child } of helpers) await kill(child);
});

test("A first start killed at any point of making the cluster leaves nothing that a later start needs help with", async () => {
  const folder = path("interrupted");
  await mkdir(folder);
  for (const seen of ["PG_VERSION", "base/1", "base/4"]) {
    const helper = program(folder);
    const isMade = (file: string) => async (): Promise<boolean> => {
      const names = (await readdir(folder)).filter((name) => name.startsWith("postgres.new-"));
      const found = await Promise.all(names.map((name) => stat(join(folder, name, file)).catch(() => null)));
      return found.some((entry) => entry !== null);
    };
    await until(isMade("PG_VERSION"));
    // The files are made by a process of their own; that they are complete finds nobody who could go on.
    helper.child.kill("SIGSTOP");
    await until(isMade(seen));
    await kill(helper.child);
    assert.equal(await stat(join(folder, "postgres")).catch(() => null), null);
  }
  const server = await start("interrupted");
  await (await connect(server)).end();
  assert.deepEqual((await readdir(folder)).toSorted(), ["postgres", "postgres-start.log", "postgres.lock", "socket"]);
  await server.stop();
});

test("A cluster whose owner role and database were never made gets them", async () => {
  const server = await start("half-made");
  const superuser = new Client(server.superuserConnection);
  await superuser.connect();
  await superuser.query("drop database kesher");
  await superuser.query("drop role kesher_owner");
  await superuser.end();
  await server.stop();
  const next = await start("half-made");
  await (await connect(next)).end();
  await next.stop();
});

test("A data folder with a path too long for a socket is served", async () => {
  const server = await start(join("long", "x".repeat(100)));
  assert.ok(Buffer.byteLength(`${server.connection.host}/.s.PGSQL.5432`) <= 107);
  assert.equal((await stat(server.connection.host)).mode & 0o777, 0o700);
  await (await connect(server)).end();
  await server.stop();
  await rm(server.connection.host, { recursive: true });
});

test("Data of another major version is refused with instructions and left as it is", async () => {
  const server = await start("version");
  await server.stop();
  await writeFile(join(server.directory, "PG_VERSION"), "17\n");
  await assert.rejects(start("version"), (error) => error instanceof EmbeddedRefusal && /PostgreSQL 17.*pg_dump/s.test(error.message));
  await writeFile(join(server.directory, "PG_VERSION"), "18\n");
  await (await start("version")).stop();
});

test("A setting that PostgreSQL does not know fails the start with PostgreSQL's own words", async () => {
  await assert.rejects(
    start("unknown-setting", { settings: { no_such_setting: "1" } }),
    /unrecognized configuration parameter "no_such_setting"/,
  );
});

test("A frozen server is stopped within 7 s", async (t) => {
  const server = await start("frozen");
  process.kill(server.pid(), "SIGSTOP");
  const isGone = async (): Promise<boolean> => (await identify(server.pid(), server.directory)) === "other";
  const time = holdTime(t);
  let isStopped = false;
  const stopping = server.stop().then(() => void (isStopped = true));
  let waitedMs = 0;
  while (!isStopped) {
    // What the kernel needs to end a process is not the program's.
    if (waitedMs >= limits.embeddedStopFastMsMax + limits.embeddedStopImmediateMsMax) while (!(await isGone())) await nextTurn();
    await nextTurn();
    const ms = time.nextIn();
    if (!Number.isFinite(ms)) continue;
    time.pass(ms);
    waitedMs += ms;
  }
  await stopping;
  assert.ok(waitedMs < 7_000, `${waitedMs} ms`);
  assert.ok(await isGone());
});

test("A start that is given up leaves no server", async () => {
  const given = new AbortController();
  const folder = path("given-up");
  const starting = start("given-up", { signal: given.signal });
  await until(async () => (await readdir(folder).catch(() => [])).some((name) => name.startsWith("postgres.new-")));
  given.abort();
  await assert.rejects(starting, { name: "AbortError" });
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith("postgres.new-")),
    [],
  );
  assert.equal(await readPidFile(join(folder, "postgres")), null);
});

test("Binaries without their library links get them, and run as a copy where their folder is closed", { skip: !isRoot }, async () => {
  const bare = join(root, "bare");
  await cp(locatePackage(), bare, { recursive: true, verbatimSymlinks: true });
  const libraries = join(bare, "native/lib");
  for (const name of await readdir(libraries)) if (/^lib(icu|pq).*\.so(\.\d+)?$/.test(name)) await rm(join(libraries, name));
  await chmod(bare, 0o755);
  const linked = await prepareBinaries(bare, nobody, join(root, "copies"));
  assert.equal(linked.postgres, join(bare, "native/bin/postgres"));
  assert.match(await output(linked.postgres, ["--version"]), /PostgreSQL\) 18/);
  await chmod(bare, 0o700);
  await chmod(libraries, 0o700);
  const copied = await prepareBinaries(bare, nobody, join(root, "copies"));
  assert.ok(copied.postgres.startsWith(join(root, "copies")));
  assert.match(await output(copied.postgres, ["--version"]), /PostgreSQL\) 18/);
});

test(
  "Under root a closed default folder leads to data in the system's place, and a closed chosen one is refused",
  { skip: !isRoot },
  async () => {
    const closed = path("closed");
    await mkdir(closed, { mode: 0o700 });
    const explicit = start("closed/data");
    await assert.rejects(explicit, (error) => error instanceof EmbeddedRefusal && error.message.includes(`chmod o+x ${closed}`));
    const server = await start("closed/data", { dataDirIsDefault: true });
    const moved = server.directory;
    try {
      assert.match(moved, /^\/var\/lib\/kesher\/data-/);
      const owner = await connect(server);
      await owner.query("create table kept as select 1 as n");
      await owner.end();
      await server.stop();
      // Once it is open, the link still leads to the same data.
      await chmod(closed, 0o755);
      const next = await start("closed/data");
      assert.equal(next.directory, moved);
      const again = await connect(next);
      assert.deepEqual(await row(again, "select n from kept"), { n: 1 });
      await again.end();
      await next.stop();
    } finally {
      await server.stop();
      await rm(join(moved, ".."), { recursive: true, force: true });
      // Only if nothing else is there.
      await rmdir("/var/lib/kesher").catch(() => undefined);
    }
  },
);

/** Below a folder that only root may enter no plain user can run this program at all. */
const isOpenToAll = [process.execPath, fileURLToPath(import.meta.url)].every((file) => {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
  }
  return true;
});

test(
  "A plain user is refused root's data in words, starts its own, and root then serves that as the same user",
  { skip: !isRoot || !isOpenToAll },
  async () => {
    await (await start("roots")).stop();
    await assert.rejects(program(path("roots"), nobody).started, /belongs to user \d+, and this program runs as user 65534/);
    const folder = path("plain");
    await mkdir(folder);
    await chown(folder, nobody.uid, nobody.gid);
    const helper = program(folder, nobody);
    const { pid } = await helper.started;
    await kill(helper.child);
    const adopted = await start("plain");
    assert.equal(adopted.pid(), pid);
    await adopted.stop();
    const own = await start("plain");
    assert.equal((await stat(`/proc/${own.pid()}`)).uid, nobody.uid);
    await own.stop();
    const again = program(folder, nobody);
    await again.started;
    await kill(again.child);
  },
);

function path(name: string): string {
  const folder = join(root, name);
  folders.add(folder);
  return folder;
}

async function start(name: string, options: Partial<EmbeddedOptions> = {}): Promise<EmbeddedServer> {
  return startEmbedded({ dataDir: path(name), log: () => undefined, settings: small, ...options });
}

type Started = { pid: number; adopted: boolean };

/** Another program on the same folder; rejects with what it wrote if it does not start. */
function program(folder: string, account: { uid?: number; gid?: number } = {}): { child: ChildProcess; started: Promise<Started> } {
  const script = `
    const { startEmbedded } = await import(${JSON.stringify(source)});
    setInterval(() => undefined, 1000);
    try {
      const server = await startEmbedded({ dataDir: ${JSON.stringify(folder)}, log: () => undefined, settings: ${JSON.stringify(small)} });
      console.log(JSON.stringify({ pid: server.pid(), adopted: server.adopted }));
    } catch (error) { console.log(error.message); process.exit(1); }`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    ...account,
    cwd: "/",
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.add(child);
  const lines = createInterface(child.stdout);
  const started = once(lines, "line").then(([line]: unknown[]): Started => {
    const text = String(line);
    if (!text.startsWith("{")) throw new Error(text);
    const found: unknown = JSON.parse(text);
    assert.ok(typeof found === "object" && found !== null && "pid" in found && "adopted" in found);
    return { pid: Number(found.pid), adopted: found.adopted === true };
  });
  return { child, started };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

async function connect(server: EmbeddedServer): Promise<Client> {
  const client = new Client(server.connection);
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

async function row(client: Client, text: string): Promise<Record<string, unknown>> {
  const { rows } = await client.query<Record<string, unknown>>(text);
  return rows[0] ?? {};
}

async function output(file: string, args: string[]): Promise<string> {
  const child = spawn(file, args, { ...nobody, cwd: "/", stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await once(child, "close");
  return text;
}

/** Looks often, for things that no event tells of; the test's own time limit bounds it. */
async function until(happened: () => Promise<boolean>): Promise<void> {
  for (let looks = 0; looks < 30_000; looks += 1) {
    if (await happened()) return;
    await pause(2);
  }
  assert.fail("it did not happen");
}
