/** Limits towards other programs, processes and files, driven to their edges without a database; the long ones while time is held. */
import assert from "node:assert/strict";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { createSocket } from "node:dgram";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import dns from "node:dns/promises";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type ClientRequest, type RequestListener, type ServerResponse } from "node:http";
import { syncBuiltinESMExports } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { setImmediate as turnOfLoop } from "node:timers/promises";
import { copyFile, copyTree } from "../src/db/backup-files.ts";
import { launch } from "../src/db/embedded-launch.ts";
import { withStartLock } from "../src/db/embedded-lock.ts";
import type { Place } from "../src/db/embedded-place.ts";
import { shutdown } from "../src/db/embedded-postmaster.ts";
import { ensureRunning, type Running } from "../src/db/embedded-run.ts";
import { watchServer } from "../src/db/embedded-watch.ts";
import { limits } from "../src/limits.ts";
import { sniff } from "../src/services/media-sniff.ts";
import { createWorld } from "../src/sandbox/create-world.ts";
import { createPoster } from "../src/sandbox/post.ts";
import { findMedia, uploadMedia } from "../src/services/whatsapp/graph/media-client.ts";
import { readNumber } from "../src/services/whatsapp/graph/numbers-client.ts";
import { createConnector } from "../src/webhooks/forward-connector.ts";
import { sendLane } from "../src/webhooks/forward-send.ts";
import { stopParts } from "../src/stop-parts.ts";
import { holdTime, turnUntil, type HeldTime } from "./support/held-time.ts";

const isLinux = process.platform === "linux";
const loopbackRules = { allowsLoopback: true };

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // Listening on TCP, so the address is no path.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

// Its wait is a real one of seconds, so it waits while the other tests run.
const nameServer = createSocket("udp4").bind(0, "127.0.0.1");
await once(nameServer, "listening");
const unresolved = askSilentNameServer();

/** Ends when `ms` have passed and not before. */
async function endsAfter<T>(time: HeldTime, ms: number, promise: Promise<T>): Promise<T> {
  let isOver = false;
  const watched = promise.finally(() => (isOver = true));
  time.pass(ms - 1);
  for (let turn = 0; turn < 20; turn += 1) await turnOfLoop();
  assert.ok(!isOver, `over before ${ms} ms`);
  time.pass(1);
  await turnUntil(() => isOver, `over after ${ms} ms`);
  return watched;
}

test("A call to Graph ends after graphTimeoutMs, and an upload after mediaUploadMsMax", async (t) => {
  let asked = 0;
  const graph = { version: "v26.0", url: await serve(t, (request) => void (request.resume(), (asked += 1))) };
  const time = holdTime(t);
  const number = { phoneNumberId: "1", accessToken: "token" };
  const finding = findMedia(graph, { waMediaId: "2", ...number });
  await turnUntil(() => asked === 1, "asked");
  assert.equal((await endsAfter(time, limits.graphTimeoutMs, finding)).kind, "unavailable");
  const uploading = uploadMedia(graph, { ...number, file: new Blob(["x"]), mimeType: "image/png", fileName: "x.png" });
  await turnUntil(() => asked === 2, "asked");
  assert.equal((await endsAfter(time, limits.mediaUploadMsMax, uploading)).kind, "unavailable");
});

test("Of a health_status as many entities are read as healthEntitiesMax, and as many reasons of each", async (t) => {
  const errors = Array.from({ length: limits.healthEntitiesMax + 1 }, (_, index) => ({ error_description: `${index}` }));
  const entities = errors.map((_, id) => ({ entity_type: "WABA", id: `${id}`, can_send_message: "LIMITED", errors }));
  const answer = JSON.stringify({ id: "1", health_status: { can_send_message: "LIMITED", entities } });
  const graph = { version: "v26.0", url: await serve(t, (_request, response) => response.end(answer)) };
  const asked = await readNumber(graph, { phoneNumberId: "1", accessToken: "token", timeoutMs: 60_000 });
  assert.ok(asked.kind === "answered" && asked.facts.health !== null);
  assert.equal(asked.facts.health.entities.length, limits.healthEntitiesMax);
  assert.equal(asked.facts.health.entities[0]?.reasons.length, limits.healthEntitiesMax);
});

test("A request to an endpoint ends after forwardRequestMsMax", async (t) => {
  let asked = 0;
  const url = await serve(t, (request) => void (request.resume(), (asked += 1)));
  const time = holdTime(t);
  const connector = createConnector({ rules: loopbackRules, nowMs: Date.now });
  const posting = connector.post({ url, headers: {}, body: Buffer.from("{}"), signal: new AbortController().signal });
  await turnUntil(() => asked === 1, "asked");
  assert.deepEqual(await endsAfter(time, limits.forwardRequestMsMax, posting), { kind: "unreachable", reason: "no answer in time" });
  connector.close();
});

test("Deliveries of one conversation follow each other while forwardRunMs have not passed", async (t) => {
  const url = await serve(t, (request, response) => request.resume().on("end", () => response.end()));
  const time = holdTime(t);
  const connector = createConnector({ rules: loopbackRules, nowMs: Date.now });
  const sentWhenEachTakes = async (ms: number): Promise<number> => {
    const deliveries = ["a", "b", "c"].map((id) => ({ id, attempts: 0, triedMs: 0, text: "{}" }));
    const { deliveries: sent } = await sendLane(
      {
        connector,
        destinations: { find: async () => ({ url, secrets: ["secret"] }), findNow: async () => null },
        nowMs: Date.now,
        signal: new AbortController().signal,
        failpoint: (name) => (name === "forward.sent" ? time.pass(ms) : undefined),
        onAnswer: () => undefined,
      },
      { claimId: "1", tenantId: "2", endpointId: "3", lane: "4", failures: 0, form: "meta", version: 1, deliveries },
    );
    return sent.length;
  };
  assert.equal(await sentWhenEachTakes(limits.forwardRunMs / 2), 3);
  assert.equal(await sentWhenEachTakes(limits.forwardRunMs / 2 + 1), 2);
  assert.equal(await sentWhenEachTakes(limits.forwardRunMs + 1), 1);
  connector.close();
});

test("The sandbox has sandboxPostsAtOnceMax webhooks under way, and gives one up when nothing comes for sandboxPostMsMax", async (t) => {
  const waiting: ServerResponse[] = [];
  const url = await serve(t, (request, response) => void (request.resume(), waiting.push(response)));
  const requests: ClientRequest[] = [];
  const onStart = (message: unknown): void => void requests.push((message as { request: ClientRequest }).request);
  subscribe("http.client.request.start", onStart);
  t.after(() => void unsubscribe("http.client.request.start", onStart));
  const poster = createPoster();
  const posts = Array.from({ length: limits.sandboxPostsAtOnceMax + 1 }, () => poster.post(url, {}, Buffer.from("{}")));
  const all = Promise.allSettled(posts);
  await turnUntil(() => waiting.length === limits.sandboxPostsAtOnceMax, "as many are under way");
  assert.equal(requests.length, limits.sandboxPostsAtOnceMax);
  waiting[0]?.end();
  await turnUntil(() => waiting.length === limits.sandboxPostsAtOnceMax + 1, "the next one has its turn");
  const [, second] = requests;
  assert.equal(second?.socket?.timeout, limits.sandboxPostMsMax);
  second.emit("timeout");
  await assert.rejects(posts[1] ?? assert.fail(), /No answer in time/);
  poster.stop();
  await all;
});

test("A webhook that is not taken is posted sandboxPostAttemptsMax times, with waits that double up to sandboxPostWaitMsMax", async (t) => {
  let posts = 0;
  const ingressUrl = await serve(t, (request, response) => {
    posts += 1;
    request.resume().on("end", () => response.writeHead(503).end());
  });
  const troubles: unknown[] = [];
  const log = (trouble: unknown): void => void troubles.push(trouble);
  const time = holdTime(t);
  const world = createWorld({ appSecret: "s", ingressUrl, nowMs: Date.now, log, statusDelaysMs: null }, () => "");
  const number = { wabaId: "1", phoneNumberId: "2", displayPhoneNumber: "3" };
  world.accounts.add({ ...number, accessToken: "token" }, {});
  world.webhooks.deliver({ wabaId: "1", number, field: "messages", value: { statuses: [] } });
  for (let attempt = 1, waitMs = 100; attempt < limits.sandboxPostAttemptsMax; attempt += 1) {
    await turnUntil(() => posts === attempt && time.nextIn() < Infinity, `attempt ${attempt}`);
    assert.equal(time.nextIn(), waitMs);
    time.pass(waitMs);
    waitMs = Math.min(2 * waitMs, limits.sandboxPostWaitMsMax);
  }
  await turnUntil(() => troubles.length === 1, "told");
  assert.equal(posts, limits.sandboxPostAttemptsMax);
  world.webhooks.stop();
});

test("A server that another program started is looked at every embeddedWatchPollMs", { skip: !isLinux }, async (t) => {
  const { place, postmaster } = await fakeServer(t);
  const logged: string[] = [];
  const time = holdTime(t);
  const first: Running = {
    pid: postmaster.pid ?? 0,
    adopted: true,
    host: "",
    port: 0,
    password: undefined,
    exited: new Promise(() => undefined),
  };
  const attemptsAt: number[] = [];
  const watch = watchServer({
    place,
    first,
    log: (message) => void logged.push(message),
    restart: () => {
      attemptsAt.push(performance.now());
      return Promise.reject(new Error("away"));
    },
  });
  await turnUntil(() => time.nextIn() < Infinity, "it looks");
  assert.equal(time.nextIn(), limits.embeddedWatchPollMs);
  await ended(postmaster, "SIGKILL");
  time.pass(limits.embeddedWatchPollMs - 1);
  assert.deepEqual(logged, []);
  time.pass(1);
  // Ever longer waits between starts that fail, and never more than so many within a minute.
  while (attemptsAt.length < limits.embeddedRestartsPerMinuteMax + 1) {
    const before = attemptsAt.length;
    await turnUntil(() => attemptsAt.length > before || time.nextIn() < Infinity, "it goes on");
    if (attemptsAt.length === before) time.pass(time.nextIn());
    await turnUntil(() => attemptsAt.length > before, "it is tried");
  }
  const [firstAt = 0] = attemptsAt;
  const waits = attemptsAt.slice(1).map((atMs, index) => atMs - (attemptsAt[index] ?? 0));
  const expected = waits.map((_, index) => Math.min(200 * 2 ** index, limits.embeddedRestartBackoffMsMax)).slice(0, -1);
  assert.deepEqual(waits.slice(0, -1), expected);
  assert.equal((attemptsAt.at(-1) ?? 0) - firstAt, 60_000);
  await watch.end();
});

test("The start's lock is tried every embeddedLockPollMs, and given up after embeddedRecoveryMsMax", async (t) => {
  const folder = await makeFolder(t);
  const file = join(folder, "lock");
  const held = new DatabaseSync(file);
  held.exec("begin exclusive");
  const time = holdTime(t);
  const taking = withStartLock(file, {}, async () => "taken");
  await turnUntil(() => time.nextIn() < Infinity, "it waits");
  assert.equal(time.nextIn(), limits.embeddedLockPollMs);
  held.exec("rollback");
  assert.equal(await endsAfter(time, limits.embeddedLockPollMs, taking), "taken");
  held.exec("begin exclusive");
  let isOver = false;
  const failing = withStartLock(file, {}, async () => "taken").finally(() => (isOver = true));
  const refused = assert.rejects(failing, /could not be taken/);
  await turnUntil(() => time.nextIn() < Infinity, "it waits");
  time.pass(limits.embeddedRecoveryMsMax);
  await turnUntil(() => time.nextIn() < Infinity, "it waits still");
  assert.ok(!isOver);
  time.pass(limits.embeddedLockPollMs);
  await refused;
  held.close();
});

test("A server that is stopped is looked at every embeddedStatusPollMs", { skip: !isLinux }, async (t) => {
  const { place, postmaster } = await fakeServer(t, "trap '' INT;");
  const time = holdTime(t);
  const stopping = shutdown(place.cluster, postmaster.pid ?? 0);
  await turnUntil(() => time.nextIn() < Infinity, "it looks");
  await ended(postmaster, "SIGKILL");
  assert.equal(time.nextIn(), limits.embeddedStatusPollMs);
  assert.equal(await endsAfter(time, limits.embeddedStatusPollMs, stopping), "fast");
});

test("A living server that answers nobody is ended after embeddedAdoptMsMax, and not before", { skip: !isLinux }, async (t) => {
  const { place, postmaster } = await fakeServer(t);
  const pidFile = [postmaster.pid, place.cluster, 0, 5432, place.home, "", "", "ready", ""].join("\n");
  await writeFile(join(place.cluster, "PG_VERSION"), "18\n");
  await writeFile(join(place.cluster, "postmaster.pid"), pidFile);
  const time = holdTime(t);
  let isOver = false;
  const refused = assert.rejects(
    ensureRunning(place, {}).finally(() => (isOver = true)),
    /did not start/,
  );
  await turnUntil(() => time.nextIn() === limits.embeddedLockPollMs, "it has found no answer");
  time.pass(limits.embeddedAdoptMsMax);
  await turnUntil(() => time.nextIn() === limits.embeddedLockPollMs, "it looks again");
  assert.equal(postmaster.exitCode ?? postmaster.signalCode, null);
  const exited = once(postmaster, "exit");
  time.pass(limits.embeddedLockPollMs);
  await exited;
  await writeFile(place.binaries.postgres, "#!/bin/sh\necho no luck\nexit 1\n");
  while (!isOver) await letPass(time);
  await refused;
});

test(
  "A start that the old server's shared memory keeps back is tried again for embeddedSharedMemoryMsMax",
  { skip: !isLinux },
  async (t) => {
    const { place, starts } = await fakeServer(t);
    const time = holdTime(t);
    const began = performance.now();
    let isOver = false;
    const refused = assert.rejects(
      launch(place, {}).finally(() => (isOver = true)),
      /shared memory block/,
    );
    // It has been started twice, and rests: none is under way that would have to end in time.
    while ((await starts()) < 2 || time.nextIn() === Infinity || time.nextIn() <= limits.embeddedStatusPollMs) await letPass(time);
    const before = await starts();
    // Almost to the end at once.
    time.pass(limits.embeddedSharedMemoryMsMax - limits.embeddedWatchPollMs - (performance.now() - began));
    while (!isOver) await letPass(time);
    await refused;
    const ms = performance.now() - began;
    assert.ok(ms > limits.embeddedSharedMemoryMsMax && ms < 1.5 * limits.embeddedSharedMemoryMsMax, `${ms} ms`);
    assert.ok((await starts()) > before, "tried until the end");
  },
);

test("A backup copies backupCopiesMax files at once, each in parts of backupChunkBytes", async (t) => {
  const folder = await makeFolder(t);
  const from = join(folder, "from");
  await mkdir(from);
  await writeFile(join(from, "large"), Buffer.alloc(limits.backupChunkBytes + 1));
  const sample = await open(join(from, "large"));
  const handles = Object.getPrototypeOf(sample) as Pick<typeof sample, "read">;
  await sample.close();
  const lengths: number[] = [];
  let release = Promise.resolve();
  const { read } = handles;
  t.mock.method(handles, "read", async function (this: typeof sample, buffer: Buffer, offset: number, length: number, position: number) {
    lengths.push(length);
    await release;
    return Reflect.apply(read, this, [buffer, offset, length, position]);
  });
  assert.equal(await copyFile(join(from, "large"), join(folder, "copy"), null), limits.backupChunkBytes + 1);
  // A whole part, the byte that is left, and the end.
  assert.deepEqual(
    lengths,
    Array.from({ length: 3 }, () => limits.backupChunkBytes),
  );
  for (let index = 0; index < limits.backupCopiesMax; index += 1) await writeFile(join(from, `${index}`), "x");
  lengths.length = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  release = promise;
  const copying = copyTree(from, join(folder, "to"));
  await turnUntil(() => lengths.length === limits.backupCopiesMax, "as many are read");
  for (let turn = 0; turn < 100; turn += 1) await turnOfLoop();
  assert.equal(lengths.length, limits.backupCopiesMax);
  resolve();
  assert.equal((await copying).files, limits.backupCopiesMax + 1);
});

test("Parts that hang have stopPartsMsMax together, stopPartMsMin each, and the embedded database stopMsMax", async (t) => {
  const time = holdTime(t);
  const stopped: string[] = [];
  const hanging = (name: string) => () => {
    stopped.push(name);
    return new Promise<void>(() => undefined);
  };
  const errors: unknown[] = [];
  const failing = (): Promise<void> => Promise.reject(new Error("no"));
  const over = stopParts([hanging("first"), hanging("database"), hanging("pools"), hanging("workers"), failing], (error) =>
    errors.push(error),
  );
  const begins = async (name: string): Promise<void> => {
    await turnUntil(() => stopped.includes(name), `${name} is stopped`);
    await turnOfLoop();
  };
  await begins("workers");
  assert.equal(errors.length, 1);
  assert.equal(time.nextIn(), limits.stopPartsMsMax);
  time.pass(limits.stopPartsMsMax);
  await begins("pools");
  assert.equal(time.nextIn(), limits.stopPartMsMin);
  time.pass(limits.stopPartMsMin);
  for (const name of ["database", "first"]) {
    await begins(name);
    assert.equal(time.nextIn(), limits.stopMsMax);
    time.pass(limits.stopMsMax);
  }
  await over;
});

test("A file whose reading takes longer than mediaSniffMsMax is of no known type", { skip: process.platform === "win32" }, async (t) => {
  const path = join(await makeFolder(t), "pipe");
  await once(execFile("mkfifo", [path]), "exit");
  const time = holdTime(t);
  const sniffing = sniff(path);
  await turnUntil(() => time.nextIn() < Infinity, "it is read");
  assert.equal(time.nextIn(), limits.mediaSniffMsMax);
  time.pass(limits.mediaSniffMsMax);
  // Whoever reads a pipe waits until there is somebody who writes.
  const writer = await open(path, "r+");
  await writer.write("\u0089PNG");
  assert.equal((await sniffing).mimeType, null);
  await writer.close();
});

test("A name server that is silent is given up after forwardResolveMsMax", async () => {
  const { answer, ms } = await unresolved;
  assert.deepEqual(answer, { kind: "unreachable", reason: "the name has no address" });
  // A second try would wait for twice as long again.
  assert.ok(ms > limits.forwardResolveMsMax * 0.9 && ms < limits.forwardResolveMsMax * 2.9, `${Math.round(ms)} ms`);
});

async function askSilentNameServer(): Promise<{ answer: unknown; ms: number }> {
  const { port } = nameServer.address();
  const { Resolver } = dns;
  dns.Resolver = class extends Resolver {
    constructor(options?: ConstructorParameters<typeof Resolver>[0]) {
      super(options);
      this.setServers([`127.0.0.1:${port}`]);
    }
  };
  syncBuiltinESMExports();
  const connector = createConnector({ rules: loopbackRules, nowMs: Date.now });
  const began = process.hrtime.bigint();
  const post = { url: "https://endpoint.example/", headers: {}, body: Buffer.from("{}"), signal: new AbortController().signal };
  // The name is asked for before this returns.
  const answered = connector.post(post);
  dns.Resolver = Resolver;
  syncBuiltinESMExports();
  const answer = await answered;
  nameServer.close();
  connector.close();
  return { answer, ms: Number(process.hrtime.bigint() - began) / 1e6 };
}

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "kesher-limits-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A cluster's folder with a process that looks like its postmaster, and a program in PostgreSQL's place that says the old one is still there. */
async function fakeServer(t: TestContext, before = ""): Promise<{ place: Place; postmaster: ChildProcess; starts: () => Promise<number> }> {
  const home = await makeFolder(t);
  const cluster = join(home, "postgres");
  await mkdir(cluster);
  const [postgres, counted] = [join(home, "program"), join(home, "starts")];
  await writeFile(postgres, `#!/bin/sh\necho x >> ${counted}\necho 'FATAL: pre-existing shared memory block is still in use'\nexit 1\n`);
  await chmod(postgres, 0o700);
  const postmaster = spawn("/bin/sh", ["-c", `${before} echo up; read line`, "-D", cluster], {
    argv0: "postgres",
    cwd: cluster,
    stdio: ["pipe", "pipe", "ignore"],
  });
  t.after(() => void postmaster.kill("SIGKILL"));
  await once(postmaster.stdout, "data");
  const place: Place = {
    home,
    cluster,
    socketDir: home,
    lockFile: join(home, "lock"),
    startLog: join(home, "start.log"),
    passwordFile: join(home, "password"),
    account: null,
    binaries: { initdb: "", postgres, pgCtl: "", libraries: home, version: "18", major: 18 },
  };
  const starts = async (): Promise<number> => (await readFile(counted, "utf8").catch(() => "")).length / 2;
  return { place, postmaster, starts };
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}

/** A little of held time, never faster than time itself: what comes from outside is not late by it. */
async function letPass(time: HeldTime): Promise<void> {
  const began = process.hrtime.bigint();
  while (process.hrtime.bigint() - began < 5_000_000n) await turnOfLoop();
  time.pass(5);
}
