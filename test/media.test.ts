import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { limits } from "../src/limits.ts";
import { openMediaStore, type MediaStore } from "../src/services/media-store.ts";
import { fetchMediaAgain } from "../src/services/whatsapp/media/again.ts";
import { fetchMedia, type FetchResult } from "../src/services/whatsapp/media/fetch.ts";
import { openMedia, removeMedia } from "../src/services/whatsapp/media/media.ts";
import { getMessage } from "../src/services/whatsapp/message-list.ts";
import { AccessTokens } from "../src/services/whatsapp/outbox/access-tokens.ts";
import { bodyOf, echo, message, type Fields } from "./support/bodies.ts";
import { holdTime, quiet, turnUntil } from "./support/held-time.ts";
import { startMediaServer, type MediaServer } from "./support/media-server.ts";
import { byTest, startRig, testToken, type Connected, type Rig } from "./support/worker.ts";

const png = Buffer.concat([
  Buffer.from("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489000007d04944415478", "hex"),
  randomBytes(2_000),
]);
const hex = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
const base64 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("base64");
const hourMs = 3_600_000;

test("A customer's file is fetched from the address in the webhook, checked, and stored; its message shows it, and the activity tells", async (t) => {
  const { rig, meta, number, fetch, receive } = await start(t);
  meta.files.set("611", { bytes: png });
  const id = await receive("611", { url: `${meta.url}/bytes/611`, sha256: base64(png), filename: "a\u202Eb.png" });
  const before = await getMessage(rig.app, number.scope, await messageOf(rig, id));
  assert.deepEqual(pick(before.content), { mediaId: id, mediaState: "pending", waMediaId: "611" });
  assert.deepEqual(await fetch(id), { kind: "stored", reason: null });
  assert.deepEqual(
    meta.seen.map(({ line, token }) => [line, token]),
    [["GET /bytes/611", testToken]],
  );
  const row = await media(rig, id);
  assert.deepEqual(
    [row.state, row.mime_type, row.sha256, row.bytes, row.file_name, row.is_sha256_different, row.url],
    ["stored", "image/png", hex(png), png.length, "ab.png", false, null],
  );
  const after = await getMessage(rig.app, number.scope, before.id);
  assert.deepEqual(pick(after.content), { mediaId: id, mediaState: "stored", waMediaId: "611" });
  assert.ok(!JSON.stringify(after.content).includes(meta.url));
  const told = await rig.sql("select message_id, data from activity_events where type = 'message.media_changed'");
  assert.deepEqual(told, [{ message_id: before.id, data: { mediaId: id, state: "stored" } }]);
});

test("A message without a file makes no row and no job; one that is told twice makes them once; a file from the business's own phone is fetched too", async (t) => {
  const { rig, number, body } = await start(t);
  const at = rig.clock.nowMs;
  await rig.receive(bodyOf(message(number, { phone: "972501" }, "wamid.text", at)));
  await rig.drain();
  assert.deepEqual(await counts(rig), { media: 0, jobs: 0 });
  const image = body("5", {});
  await rig.receive(image);
  await rig.receive(image);
  await rig.drain();
  assert.deepEqual(await counts(rig), { media: 1, jobs: 1 });
  await rig.receive(bodyOf(echo(number, "972501", "wamid.echo", at, { type: "image", image: { id: "6", mime_type: "image/png" } })));
  await rig.drain();
  assert.deepEqual(await counts(rig), { media: 2, jobs: 2 });
});

test("An address that works no longer costs one call: the next attempt asks for another one; an old one is not even tried", async (t) => {
  const { rig, meta, fetch, receive } = await start(t);
  meta.files.set("7", { bytes: png });
  const id = await receive("7", { url: `${meta.url}/bytes/gone` });
  assert.deepEqual(await fetch(id), { kind: "waits", reason: "gone", seconds: 1 });
  assert.deepEqual(await fetch(id), { kind: "stored", reason: null });
  assert.deepEqual(
    meta.seen.map(({ line }) => line),
    ["GET /bytes/gone", "GET /v26.0/7", "GET /bytes/7"],
  );
  meta.seen.length = 0;
  const old = await receive("7", { url: `${meta.url}/bytes/gone` });
  rig.clock.nowMs += limits.mediaUrlFreshMs;
  assert.equal((await fetch(old)).kind, "stored");
  assert.deepEqual(
    meta.seen.map(({ line }) => line),
    ["GET /v26.0/7", "GET /bytes/7"],
  );
});

test("The token goes to no host but Meta's: not to one that the webhook names, not to one that Graph names, not along a redirect", async (t) => {
  const { rig, meta, fetch, receive } = await start(t);
  const thief = await startMediaServer(t);
  thief.files.set("8", { bytes: png });
  meta.files.set("8", { bytes: png });
  const named = await receive("8", { url: `${thief.url}/bytes/8` });
  assert.equal((await fetch(named)).kind, "stored");
  meta.files.set("9", { bytes: png, url: `${thief.url}/bytes/8` });
  assert.deepEqual(await fetch(await receive("9")), { kind: "refused", reason: "host_not_allowed" });
  const redirected = await receive("10", { url: `${meta.url}/bytes/10` });
  meta.next("/bytes/10", (response) => response.writeHead(302, { location: `${thief.url}/bytes/8` }).end());
  assert.equal((await fetch(redirected)).kind, "waits");
  assert.equal((await media(rig, redirected)).state, "pending");
  assert.deepEqual(thief.seen, []);
});

test("A file that does not come whole within mediaFetchMsMax is tried again later", async (t) => {
  const { rig, meta, fetch, receive } = await start(t);
  const id = await receive("15", { url: `${meta.url}/bytes/15` });
  meta.next("/bytes/15", (response) => void response.writeHead(200).write("a beginning"));
  const time = holdTime(t);
  let isOver = false;
  const fetching = fetch(id).finally(() => (isOver = true));
  await turnUntil(() => meta.seen.length === 1, "it is asked for");
  await quiet(rig.app.pool);
  time.pass(limits.mediaFetchMsMax - 1);
  await quiet(rig.app.pool);
  assert.ok(!isOver);
  time.pass(1);
  assert.equal((await fetching).kind, "waits");
});

test("Bytes that are not those announced are fetched a second time, then kept and marked", async (t) => {
  const { rig, meta, fetch, receive } = await start(t);
  meta.files.set("11", { bytes: png, sha256: hex(png) });
  meta.next("/bytes/11", (response) => response.end("something else"));
  const once = await receive("11", { url: `${meta.url}/bytes/11`, sha256: base64(png) });
  assert.equal((await fetch(once)).kind, "stored");
  assert.deepEqual([(await media(rig, once)).is_sha256_different, (await media(rig, once)).sha256], [false, hex(png)]);
  meta.files.set("12", { bytes: png, sha256: hex(Buffer.from("another file")) });
  meta.seen.length = 0;
  const always = await receive("12");
  assert.equal((await fetch(always)).kind, "stored");
  assert.equal(meta.seen.filter(({ line }) => line === "GET /bytes/12").length, 2);
  assert.deepEqual([(await media(rig, always)).is_sha256_different, (await media(rig, always)).sha256], [true, hex(png)]);
});

test(
  "A file over the cap is refused while it comes, and leaves nothing on the disk; one of exactly the cap is taken",
  { timeout: 120_000 },
  async (t) => {
    const { rig, meta, fetch, receive, directory } = await start(t);
    const megabyte = Buffer.alloc(2 ** 20);
    const endless = await receive("13", { url: `${meta.url}/bytes/13` });
    meta.next("/bytes/13", (response) => {
      const pour = (): void => {
        while (response.write(megabyte)) if (response.destroyed) return;
      };
      response.on("drain", pour).on("error", () => undefined);
      pour();
    });
    assert.deepEqual(await fetch(endless), { kind: "refused", reason: "too_large" });
    assert.deepEqual(await readdir(join(directory, "incoming")), []);
    const over = await receive("13b", { url: `${meta.url}/bytes/13b` });
    meta.files.set("13b", { bytes: Buffer.alloc(limits.mediaBytesMax + 1) });
    assert.deepEqual(await fetch(over), { kind: "refused", reason: "too_large" });
    const exact = await receive("14", { url: `${meta.url}/bytes/14` });
    meta.files.set("14", { bytes: Buffer.alloc(limits.mediaBytesMax) });
    assert.equal((await fetch(exact)).kind, "stored");
    assert.equal((await media(rig, exact)).bytes, limits.mediaBytesMax);
  },
);

test("At most four calls for one number's media fail within an hour, whatever is waiting; another number goes on", async (t) => {
  const { rig, meta, fetch, receive, other } = await start(t);
  const ids: string[] = [];
  for (let index = 0; index < 7; index += 1) ids.push(await receive(`4${index}`));
  for (const id of ids) meta.next(`/v26.0/4`, (response) => response.writeHead(500).end(id));
  const began = rig.clock.nowMs;
  const results: FetchResult[] = [];
  for (const id of ids) {
    results.push(await fetch(id));
    rig.clock.nowMs += 60_000;
  }
  assert.equal(meta.seen.length, limits.mediaFailuresPerHourMax);
  assert.ok(results.slice(0, 4).every((result) => result.kind === "waits" && result.reason === "status_500"));
  const waits = results.slice(4).map((result) => (result.kind === "waits" && result.reason === "failed_calls" ? result.seconds : 0));
  for (const [index, seconds] of waits.entries()) {
    const atMs = began + (index + 4) * 60_000 + seconds * 1_000;
    assert.ok(atMs >= began + hourMs && atMs <= began + hourMs + 2_000, `${seconds} s`);
  }
  const elsewhere = await other.receive("50");
  meta.files.set("50", { bytes: png });
  assert.equal((await fetch(elsewhere, other.number)).kind, "stored");
  rig.clock.nowMs = began + hourMs + 1_000;
  meta.files.set("46", { bytes: png });
  meta.seen.length = 0;
  // The one that failed first counts no longer; the three after it do.
  meta.next(`/v26.0/46`, (response) => response.writeHead(500).end());
  assert.equal((await fetch(ids[6] ?? "")).kind, "waits");
  assert.equal(meta.seen.length, 1);
  assert.deepEqual((await fetch(ids[6] ?? "")).reason, "failed_calls");
  assert.equal(meta.seen.length, 1);
});

test("Calls under way count as ones that may fail, so many at once cannot fail together; one whose process died counts for an hour", async (t) => {
  const { rig, meta, fetch, receive } = await start(t);
  const release = Promise.withResolvers<void>();
  const ids: string[] = [];
  for (let index = 0; index < 6; index += 1) ids.push(await receive(`6${index}`));
  const arrived = Promise.withResolvers<void>();
  let waiting = 0;
  for (let index = 0; index < 6; index += 1) {
    meta.next("/v26.0/6", (response) => {
      waiting += 1;
      if (waiting === limits.mediaFailuresPerHourMax) arrived.resolve();
      void release.promise.then(() => response.writeHead(500).end());
    });
  }
  const turnedAway = Promise.withResolvers<void>();
  const busy: FetchResult[] = [];
  const results = ids.map(async (id) => {
    const result = await fetch(id);
    if (result.kind === "waits" && result.reason === "failed_calls") busy.push(result);
    if (busy.length === ids.length - limits.mediaFailuresPerHourMax) turnedAway.resolve();
  });
  // The calls end only when the rest was turned away: afterwards they would count as failed, not as under way.
  await Promise.all([arrived.promise, turnedAway.promise]);
  release.resolve();
  await Promise.all(results);
  assert.equal(meta.seen.length, limits.mediaFailuresPerHourMax);
  assert.equal(busy.length, 2);
  assert.ok(busy.every((result) => result.kind === "waits" && result.seconds === limits.mediaBusyWaitMs / 1_000));
  // A call that began and never ended.
  await rig.sql("update whatsapp_media_calls set failed_at = null");
  rig.clock.nowMs += limits.mediaCallAbandonedAfterMs + 1_000;
  const [id] = ids;
  const wait = await fetch(id ?? "");
  assert.ok(wait.kind === "waits" && wait.seconds > 2_000, JSON.stringify(wait));
});

test("After seven days Meta has the file no longer: it is expired, and the message stays", async (t) => {
  const { rig, meta, number, fetch, receive } = await start(t);
  const id = await receive("15");
  rig.clock.nowMs += limits.mediaKeptByMetaMs - 1;
  meta.next("/v26.0/15", (response) => response.writeHead(503).end());
  assert.equal((await fetch(id)).kind, "waits");
  rig.clock.nowMs += 1;
  assert.deepEqual(await fetch(id), { kind: "expired", reason: null });
  const shown = await getMessage(rig.app, number.scope, await messageOf(rig, id));
  assert.deepEqual(pick(shown.content), { mediaId: id, mediaState: "expired", waMediaId: "15" });
  await assert.rejects(openMedia({ app: rig.app, store: await openMediaStore(await folder(t)) }, number.scope, id), { code: "conflict" });
});

test("A file that Graph does not know has failed with its reason; a refused token waits for another one, and fetches then", async (t) => {
  const { rig, meta, fetch, receive } = await start(t);
  const unknown = await receive("16");
  assert.deepEqual(await fetch(unknown), { kind: "failed", reason: "graph_100" });
  assert.deepEqual([(await media(rig, unknown)).error_code, (await media(rig, unknown)).error_reason], [100, "graph_100"]);
  const id = await receive("17");
  meta.files.set("17", { bytes: png });
  meta.next("/v26.0/17", (response) => response.writeHead(401).end(JSON.stringify({ error: { code: 190, message: "expired" } })));
  assert.deepEqual(await fetch(id), { kind: "waits", reason: "graph_190", seconds: limits.mediaRetryMsMax / 1_000 });
  assert.equal((await fetch(id)).kind, "stored");
});

test("Waits between attempts double from mediaRetryMsMin up to mediaRetryMsMax, and each attempt leaves one job", async (t) => {
  const { rig, meta, fetch, receive } = await start(t);
  const id = await receive("18");
  await rig.sql("delete from pgboss.job");
  const seconds: number[] = [];
  for (let index = 0; index < 11; index += 1) {
    meta.next("/v26.0/18", (response) => response.destroy());
    const result = await fetch(id);
    seconds.push(result.kind === "waits" ? result.seconds : 0);
    rig.clock.nowMs += hourMs + 1_000;
    await rig.sql("delete from pgboss.job where start_after <= now()");
  }
  assert.deepEqual(seconds, [10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600, 3_600]);
  // Where one waits already, another one of the same file is the same.
  assert.deepEqual(await rig.sql("select count(*)::int as jobs from pgboss.job where name = 'media-fetch'"), [{ jobs: 1 }]);
});

test("An answer that is cut off, and a full disk, leave nothing behind and are tried again; only the first counts as a failed call", async (t) => {
  const { rig, meta, number, store, fetch, receive, directory } = await start(t);
  const id = await receive("19");
  meta.files.set("19", { bytes: png });
  meta.next("/bytes/19", (response) => {
    response.writeHead(200, { "content-length": png.length }).write(png.subarray(0, 100), () => response.destroy());
  });
  assert.equal((await fetch(id)).kind, "waits");
  assert.deepEqual(await readdir(join(directory, "incoming")), []);
  assert.deepEqual(await rig.sql("select count(*)::int as calls from whatsapp_media_calls"), [{ calls: 1 }]);
  const full: MediaStore = {
    ...store,
    stage: () => Promise.reject(Object.assign(new Error("no space left on device"), { code: "ENOSPC", syscall: "write" })),
  };
  assert.deepEqual((await fetch(id, number, full)).reason, "enospc");
  assert.deepEqual(await rig.sql("select count(*)::int as calls from whatsapp_media_calls"), [{ calls: 1 }]);
  assert.equal((await fetch(id)).kind, "stored");
});

test("A folder that takes no new name is waited for like a full disk, and never ends in giving the file up", async (t) => {
  const { rig, meta, number, store, fetch, receive, directory } = await start(t);
  const id = await receive("24");
  meta.files.set("24", { bytes: png });
  const full: MediaStore = {
    ...store,
    async stage(chunks, bytesMax) {
      const file = await store.stage(chunks, bytesMax);
      return {
        ...file,
        keep: () => Promise.reject(Object.assign(new Error("no space left on device"), { code: "ENOSPC", syscall: "mkdir" })),
      };
    },
  };
  for (let times = 0; times <= limits.mediaCrashesMax; times += 1) {
    const { kind, reason } = await fetch(id, number, full);
    assert.deepEqual([kind, reason], ["waits", "enospc"]);
  }
  const { state, crashes, started_at } = await media(rig, id);
  assert.deepEqual([state, crashes, started_at], ["pending", 0, null]);
  assert.deepEqual(await rig.sql("select count(*)::int as calls from whatsapp_media_calls"), [{ calls: 0 }]);
  assert.deepEqual(await readdir(join(directory, "incoming")), []);
  assert.equal((await fetch(id)).kind, "stored");
});

test("A file that was given up is fetched again when somebody asks, by a job of its own; not one that is here, or that Meta keeps no longer", async (t) => {
  const { rig, meta, number, fetch, receive } = await start(t);
  const again = (id: string) => fetchMediaAgain(rig.app, number.scope, id, { ...byTest(), nowMs: rig.clock.nowMs });
  const id = await receive("25");
  assert.equal((await fetch(id)).kind, "failed");
  await rig.sql("delete from pgboss.job");
  meta.files.set("25", { bytes: png });
  const { state, error } = await again(id);
  assert.deepEqual([state, error], ["pending", null]);
  assert.equal((await again(id)).state, "pending");
  await rig.sql("delete from pgboss.job");
  await Promise.all([again(id), again(id)]);
  assert.deepEqual(await rig.sql("select data from pgboss.job where name = 'media-fetch'"), [
    { data: { tenantId: number.tenantId, connectionId: number.id, mediaId: id } },
  ]);
  assert.equal((await fetch(id)).kind, "stored");
  const told = await rig.sql("select data ->> 'state' as state from activity_events where type = 'message.media_changed' order by seq");
  assert.deepEqual(told, [{ state: "failed" }, { state: "pending" }, { state: "stored" }]);
  await assert.rejects(again(id), { code: "conflict" });
  await assert.rejects(again("0198b2f0-0000-7000-8000-000000000000"), { code: "not_found" });
  const stranger = await rig.connect(await rig.tenant());
  await assert.rejects(fetchMediaAgain(rig.app, stranger.scope, id, { ...byTest(), nowMs: rig.clock.nowMs }), { code: "not_found" });

  const late = await receive("26");
  assert.equal((await fetch(late)).kind, "failed");
  rig.clock.nowMs += limits.mediaKeptByMetaMs;
  await assert.rejects(again(late), { code: "conflict" });
});

test("Whoever was taken for dead changes nothing, and a file at which the process ended three times is given up", async (t) => {
  const { rig, meta, number, store, fetch, receive, directory } = await start(t);
  const id = await receive("20");
  meta.files.set("20", { bytes: png });
  const frozen = Promise.withResolvers<void>();
  const thaw = Promise.withResolvers<void>();
  const slow: MediaStore = {
    ...store,
    async stage(chunks, bytesMax) {
      const file = await store.stage(chunks, bytesMax);
      frozen.resolve();
      await thaw.promise;
      return file;
    },
  };
  const zombie = fetch(id, number, slow);
  await frozen.promise;
  const other = Buffer.concat([png, Buffer.from("newer")]);
  meta.files.set("20", { bytes: other });
  assert.equal((await fetch(id)).kind, "stored");
  thaw.resolve();
  assert.deepEqual(await zombie, { kind: "skipped", reason: "taken_over" });
  assert.equal((await media(rig, id)).sha256, hex(other));
  assert.deepEqual(await stored(directory, number.tenantId), [hex(other)]);

  const poison = await receive("21");
  await rig.sql("update whatsapp_media set started_at = now(), crashes = $2 where id = $1", [poison, limits.mediaCrashesMax - 1]);
  assert.deepEqual(await fetch(poison), { kind: "failed", reason: "crashed_worker" });
});

test("Equal files of one tenant lie there once, and go with the last row; another tenant's equal file is another file; only the owner can read them", async (t) => {
  const { rig, meta, number, store, fetch, receive, directory } = await start(t);
  meta.files.set("22", { bytes: png });
  meta.files.set("23", { bytes: png });
  const [one, two] = [await receive("22"), await receive("23")];
  for (const id of [one, two]) assert.equal((await fetch(id)).kind, "stored");
  assert.deepEqual(await stored(directory, number.tenantId), [hex(png)]);
  const stranger = await rig.connect(await rig.tenant());
  await rig.receive(bodyOf(message(stranger, { phone: "1" }, "wamid.s", rig.clock.nowMs, { type: "image", image: { id: "22" } })));
  await rig.drain();
  const [theirs] = await rig.sql<{ id: string }>("select id from whatsapp_media where tenant_id = $1", [stranger.tenantId]);
  assert.equal((await fetch(theirs?.id ?? "", stranger)).kind, "stored");
  const path = join(directory, number.tenantId, hex(png).slice(0, 2), hex(png));
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal((await stat(join(directory, number.tenantId))).mode & 0o777, 0o700);
  const deps = { app: rig.app, store };
  assert.equal(await removeMedia(deps, stranger.scope, [one, two]), 0);
  assert.equal(await removeMedia(deps, number.scope, [one]), 1);
  assert.deepEqual(await stored(directory, number.tenantId), [hex(png)]);
  assert.equal(await removeMedia(deps, number.scope, [two]), 1);
  assert.deepEqual(await stored(directory, number.tenantId), []);
  assert.deepEqual(await stored(directory, stranger.tenantId), [hex(png)]);
  await assert.rejects(store.open({ tenantId: "../..", sha256: hex(png) }));
  await assert.rejects(store.open({ tenantId: number.tenantId, sha256: "../../x" }));
});

type MediaRecord = { state: string; [column: string]: unknown };

async function start(t: TestContext) {
  const rig = await startRig(t);
  const meta: MediaServer = await startMediaServer(t);
  const directory = await folder(t);
  const store = await openMediaStore(directory);
  const tenantId = await rig.tenant();
  const number = await rig.connect(tenantId);
  const tokens = new AccessTokens(rig.app, (_context, sealed) => Buffer.from(sealed).toString());
  const bodyFor = (to: Connected, waMediaId: string, image: Fields) =>
    bodyOf(
      message(to, { phone: "972501" }, `wamid.${waMediaId}.${rig.clock.nowMs}`, rig.clock.nowMs, {
        type: "image",
        image: { id: waMediaId, mime_type: "image/png", ...image },
      }),
    );
  const receiveFor = async (to: Connected, waMediaId: string, image: Fields = {}): Promise<string> => {
    rig.clock.nowMs += 1_000;
    await rig.receive(bodyFor(to, waMediaId, image));
    await rig.drain();
    const [row] = await rig.sql<{ id: string }>(
      "select id from whatsapp_media where tenant_id = $1 and wa_media_id = $2 order by id desc limit 1",
      [to.tenantId, waMediaId],
    );
    return row?.id ?? "";
  };
  const fetch = (id: string, of: Connected = number, into: MediaStore = store): Promise<FetchResult> =>
    fetchMedia(
      { app: rig.app, store: into, graph: meta.graph, tokens, nowMs: () => rig.clock.nowMs, random: () => 1 },
      of.scope,
      id,
      new AbortController().signal,
    );
  const second = await rig.connect(tenantId, { wabaId: number.wabaId });
  return {
    rig,
    meta,
    directory,
    store,
    number,
    fetch,
    body: (waMediaId: string, image: Fields) => bodyFor(number, waMediaId, image),
    receive: (waMediaId: string, image: Fields = {}) => receiveFor(number, waMediaId, image),
    other: { number: second, receive: (waMediaId: string) => receiveFor(second, waMediaId) },
  };
}

async function folder(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "kesher-media-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function media(rig: Rig, id: string): Promise<MediaRecord> {
  const [row] = await rig.sql<MediaRecord>("select * from whatsapp_media where id = $1", [id]);
  assert.ok(row);
  return row;
}

async function messageOf(rig: Rig, id: string): Promise<string> {
  return String((await media(rig, id))["message_id"]);
}

async function counts(rig: Rig) {
  const [row] = await rig.sql(
    "select (select count(*)::int from whatsapp_media) as media, (select count(*)::int from pgboss.job where name = 'media-fetch') as jobs",
  );
  return row;
}

async function stored(directory: string, tenantId: string): Promise<string[]> {
  const found = await readdir(join(directory, tenantId), { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).map(({ name }) => name);
}

function pick(content: unknown): unknown {
  const { mediaId, mediaState, waMediaId } = content as { [name: string]: unknown };
  return { mediaId, mediaState, waMediaId };
}
