import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { request as rawRequest, type ClientRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { tenantScope } from "../src/core/scope.ts";
import { limits } from "../src/limits.ts";
import { openMediaStore } from "../src/services/media-store.ts";
import { createOutgoingMedia } from "../src/services/whatsapp/media/send.ts";
import { adminKey, seedWorld, startApi, type Answer } from "./support/api.ts";
import { startMediaServer } from "./support/media-server.ts";

const png = Buffer.concat([
  Buffer.from("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489000007d04944415478", "hex"),
  randomBytes(2_000),
]);
const pdf = Buffer.from("%PDF-1.7\n<script>alert(1)</script>");
const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
const ofKind = (kind: string, brand: string): Buffer =>
  Buffer.concat([Buffer.from("0000001c66747970", "hex"), Buffer.from(brand), Buffer.alloc(600), Buffer.from(kind)]);

test("An uploaded file is answered with what it is, and is read back byte for byte", async (t) => {
  const { upload, get, call, key } = await start(t);
  const { status, json } = await upload({ bytes: png, name: "תמונה \u202Egnp.png", type: "text/html" });
  assert.equal(status, 201);
  const { id, ...facts } = json;
  assert.deepEqual(facts, { mimeType: "image/png", bytes: png.length, sha256: sha256(png), fileName: "תמונה gnp.png" });
  const file = await get(id);
  assert.equal(file.status, 200);
  assert.deepEqual(file.bytes, png);
  assert.deepEqual(
    [
      "content-type",
      "content-length",
      "content-disposition",
      "content-security-policy",
      "cross-origin-resource-policy",
      "x-content-type-options",
      "cache-control",
      "accept-ranges",
    ].map((name) => file.headers.get(name)),
    [
      "image/png",
      String(png.length),
      `inline; filename="_____ gnp.png"; filename*=UTF-8''${encodeURIComponent("תמונה gnp.png")}`,
      "sandbox; default-src 'none'",
      "same-origin",
      "nosniff",
      "no-store",
      "bytes",
    ],
  );
  const info = await call("GET", `/api/v1/media/${id}/info`, { key });
  assert.deepEqual([info.status, info.json.state, info.json.direction, info.json.mimeType], [200, "stored", "outbound", "image/png"]);
  const head = await call("HEAD", `/api/v1/media/${id}`, { key });
  assert.deepEqual([head.status, head.headers.get("content-length")], [200, String(png.length)]);
});

test("Parts of a file: one range, the end, more than there is, none that there is", async (t) => {
  const { upload, get } = await start(t);
  const { id } = (await upload({ bytes: png, name: "a.png" })).json;
  const parts: readonly [string, number, string | null, Buffer][] = [
    ["bytes=0-3", 206, `bytes 0-3/${png.length}`, png.subarray(0, 4)],
    ["bytes=-4", 206, `bytes ${png.length - 4}-${png.length - 1}/${png.length}`, png.subarray(-4)],
    ["bytes=2000-999999", 206, `bytes 2000-${png.length - 1}/${png.length}`, png.subarray(2_000)],
    ["bytes=99999-", 416, `bytes */${png.length}`, Buffer.alloc(0)],
    ["bytes=0-1,4-5", 200, null, png],
    ["rubbish", 200, null, png],
  ];
  for (const [range, status, contentRange, bytes] of parts) {
    const answer = await get(id, { range });
    assert.deepEqual([answer.status, answer.headers.get("content-range")], [status, contentRange], range);
    assert.deepEqual(answer.bytes, bytes, range);
  }
  const large = Buffer.concat([pdf, Buffer.alloc(limits.mediaPartBytesMax + 1_000)]);
  const { id: second } = (await upload({ bytes: large, name: "a.pdf" })).json;
  const bounded = await get(second, { range: "bytes=10-" });
  assert.equal(bounded.headers.get("content-range"), `bytes 10-${limits.mediaPartBytesMax + 9}/${large.length}`);
  assert.equal(bounded.bytes.length, limits.mediaPartBytesMax);
});

test("What could run is never shown: a polyglot is what its bytes say, and pages, drawings and documents are saved", async (t) => {
  const { upload, get, sql, directory, tenant } = await start(t);
  const gif = Buffer.concat([Buffer.from("GIF89a/*"), Buffer.alloc(600), Buffer.from("*/=1;alert(1)")]);
  // WhatsApp takes none of these from us, but a customer may send them as a document.
  for (const [name, bytes] of Object.entries({
    "page.jpg": Buffer.from("<!doctype html><script>alert(1)</script>"),
    "drawing.svg": Buffer.from("<svg onload='alert(1)'/>"),
    "x.xml": Buffer.from("<?xml version='1.0'?><a/>"),
  })) {
    const { status, json } = await upload({ bytes, name, type: "image/jpeg" });
    assert.deepEqual([status, json.code], [415, "unsupported_media_type"], name);
  }
  const saved = (await upload({ bytes: pdf, name: 'x"; filename=evil.html' })).json;
  const file = await get(saved.id);
  assert.equal(file.headers.get("content-type"), "application/pdf");
  assert.match(
    file.headers.get("content-disposition") ?? "",
    /^attachment; filename="x_22; filename=evil.html"; filename\*=UTF-8''x%2522%3B%20filename%3Devil.html$/,
  );
  const text = (await upload({ bytes: Buffer.from("שלום"), name: "a.txt", type: "text/plain" })).json;
  assert.equal((await get(text.id)).headers.get("content-disposition")?.split(";")[0], "attachment");
  for (const [bytes, type, disposition] of [
    [gif, "image/gif", "inline"],
    [Buffer.from("<html>"), null, "attachment"],
    [Buffer.from("<svg/>"), "image/svg+xml", "attachment"],
  ] as const) {
    const store = await openMediaStore(directory);
    const staged = await store.stage(chunksOf(bytes), 1_000);
    await staged.keep(tenant.id);
    await sql("update whatsapp_media set sha256 = $2, bytes = $3, mime_type = $4, file_name = null where id = $1", [
      text.id,
      staged.sha256,
      bytes.length,
      type,
    ]);
    const answer = await get(text.id);
    assert.deepEqual(
      [answer.headers.get("content-type"), answer.headers.get("content-disposition")],
      [disposition === "inline" ? type : "application/octet-stream", disposition],
    );
    assert.deepEqual(answer.bytes, bytes);
  }
});

test(
  "Each type is taken up to Meta's size and no further, whatever it is called; what was refused leaves nothing on the disk",
  { timeout: 120_000 },
  async (t) => {
    const { upload, directory } = await start(t);
    const padded = (start: Buffer, bytes: number): Buffer => Buffer.concat([start, Buffer.alloc(bytes - start.length)]);
    const jpeg = Buffer.from("ffd8ffe000104a464946000101000001", "hex");
    const cases: readonly [Buffer, number][] = [
      [padded(jpeg, limits.mediaImageBytesMax), 201],
      [padded(jpeg, limits.mediaImageBytesMax + 1), 413],
      [padded(ofKind("v", "isom"), limits.mediaVideoBytesMax), 201],
      [padded(ofKind("v", "isom"), limits.mediaVideoBytesMax + 1), 413],
      [padded(pdf, limits.mediaBytesMax), 201],
      [padded(pdf, limits.mediaBytesMax + 1), 413],
      [Buffer.alloc(0), 415],
      [Buffer.from("MZ\u0090"), 415],
    ];
    for (const [bytes, status] of cases) assert.equal((await upload({ bytes, name: "a.jpg" })).status, status, `${bytes.length}`);
    assert.deepEqual(await readdir(join(directory, "incoming")), []);
  },
);

test("A form without a file, with another field, with two files, that breaks off, and a body that is no form are refused", async (t) => {
  const { url, key, call } = await start(t);
  const post = async (body: FormData): Promise<Answer> => {
    const answer = await fetch(`${url}/api/v1/media`, { method: "POST", headers: { authorization: `Bearer ${key}` }, body });
    return { status: answer.status, headers: answer.headers, text: "", json: await answer.json() };
  };
  const form = (...names: string[]): FormData => {
    const made = new FormData();
    for (const name of names) made.append(name, new Blob([new Uint8Array(png)], { type: "image/png" }), "a.png");
    return made;
  };
  assert.equal((await post(form())).json.code, "invalid_request");
  assert.equal((await post(form("other"))).json.code, "invalid_request");
  assert.ok((await post(form("file", "file"))).status >= 400);
  assert.equal((await call("POST", "/api/v1/media", { key, body: {} })).status, 415);
  const fields = form("file");
  for (let index = 0; index < limits.mediaFormFieldsMax; index += 1) fields.append(`field ${index}`, "x");
  assert.equal((await post(fields)).status, 201);
  fields.append("one more", "x");
  assert.ok((await post(fields)).status >= 400);
});

test("Uploads that come slowly take up a tenant's own places first; when all are taken everybody is told so, and those that break off leave nothing", async (t) => {
  const { url, key, stranger, directory, upload, makeTenant } = await start(t);
  const begun: ClientRequest[] = [];
  const begin = (by: string): void => {
    for (let index = 0; index < limits.mediaUploadsPerTenantMax; index += 1) {
      const slow = rawRequest(`${url}/api/v1/media`, {
        method: "POST",
        headers: { authorization: `Bearer ${by}`, "content-type": "multipart/form-data; boundary=b", "content-length": "5000" },
      });
      slow.on("error", () => undefined);
      slow.write('--b\r\ncontent-disposition: form-data; name="file"; filename="a.png"\r\ncontent-type: image/png\r\n\r\nabc');
      begun.push(slow);
    }
  };
  const incoming = async (): Promise<number> => (await readdir(join(directory, "incoming"))).length;
  const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const statusOf = async (by: string): Promise<number> => (await upload({ bytes: png, name: "a.png", key: by })).status;
  begin(key);
  while ((await incoming()) < begun.length) await turns();
  assert.deepEqual([await statusOf(key), await statusOf(stranger.key)], [429, 201]);
  while (begun.length < limits.mediaUploadsMax) begin((await makeTenant()).key);
  while ((await incoming()) < limits.mediaUploadsMax) await turns();
  assert.equal(await statusOf(stranger.key), 429);
  for (const slow of begun) slow.destroy();
  while ((await incoming()) > 0) await turns();
  assert.equal(await statusOf(key), 201);
});

test("Another tenant's file is as unknown as none; reading needs the scope read and uploading the scope send; the operator reads as a tenant", async (t) => {
  const { upload, call, key, tenant, stranger, world } = await start(t);
  const { id } = (await upload({ bytes: png, name: "a.png" })).json;
  for (const path of [`/api/v1/media/${id}`, `/api/v1/media/${id}/info`]) {
    for (const wrong of [stranger.key, key]) {
      const unknown = await call("GET", wrong === key ? path.replace(id, "0198b2f0-0000-7000-8000-000000000000") : path, { key: wrong });
      assert.deepEqual(
        [unknown.status, unknown.json],
        [404, { type: "about:blank", title: "Not Found", status: 404, detail: "There is nothing under this id.", code: "not_found" }],
      );
    }
    assert.equal((await call("GET", path)).status, 401);
    assert.equal((await call("GET", `${path}?tenantId=${tenant.id}`, { key: adminKey })).status, 200);
    assert.equal((await call("GET", `${path}?tenantId=${stranger.id}`, { key: adminKey })).status, 404);
  }
  assert.equal((await call("GET", "/api/v1/media/..%2f..%2fetc%2fpasswd", { key })).status, 404);
  const reader =
    (await call("POST", "/api/v1/api-keys", { key, body: { name: "r", scopes: ["read"] } })).json.key ??
    (await call("POST", "/api/v1/api-keys", { key, body: { name: "r2", scopes: ["read"] } })).json.apiKey;
  assert.equal((await upload({ bytes: png, name: "a.png", key: reader })).status, 403);
  const fetchAgain = async (by: string) => (await call("POST", `/api/v1/media/${id}/fetch`, { key: by })).status;
  assert.deepEqual([await fetchAgain(reader), await fetchAgain(stranger.key), await fetchAgain(key)], [403, 404, 409]);
  const theirs = (await upload({ bytes: png, name: "a.png", query: `?connectionId=${world.connectionId}` })).status;
  assert.equal(theirs, 201);
  assert.equal((await upload({ bytes: png, name: "a.png", key: stranger.key, query: `?connectionId=${world.connectionId}` })).status, 400);
});

test("In Meta's shape: an upload answers an id of digits, which leads to an address whose bytes the same key reads, until it is deleted", async (t) => {
  const { url, key, stranger, call, phoneNumberId } = await start(t);
  const form = new FormData();
  form.append("messaging_product", "whatsapp");
  form.append("file", new Blob([new Uint8Array(png)], { type: "image/png" }), "a.png");
  form.append("type", "image/png");
  const headers = { authorization: `Bearer ${key}` };
  const uploaded = await fetch(`${url}/v21.0/${phoneNumberId}/media`, { method: "POST", headers, body: form });
  assert.equal(uploaded.status, 200);
  const { id } = (await uploaded.json()) as { id: string };
  assert.match(id, /^9\d{16}$/);
  const found = await call("GET", `/v26.0/${id}`, { key });
  assert.deepEqual(
    { ...found.json, url: "" },
    { messaging_product: "whatsapp", url: "", mime_type: "image/png", sha256: sha256(png), file_size: png.length, id },
  );
  const bytes = await fetch(found.json.url, { headers });
  assert.deepEqual(Buffer.from(await bytes.arrayBuffer()), png);
  for (const wrong of [await call("GET", `/v26.0/${id}`, { key: stranger.key }), await call("GET", "/v26.0/123", { key })]) {
    assert.deepEqual([wrong.status, wrong.json.error.code, wrong.json.error.error_subcode], [400, 100, 33]);
  }
  const denied = await call("GET", `/v26.0/${id}`, { key: "nonsense" });
  assert.deepEqual([denied.status, denied.json.error.code], [401, 190]);
  assert.deepEqual((await call("DELETE", `/v26.0/${id}`, { key: stranger.key })).json.error.code, 100);
  assert.deepEqual((await call("DELETE", `/v26.0/${id}`, { key })).json, { success: true });
  assert.deepEqual((await call("GET", `/v26.0/${id}`, { key })).json.error.code, 100);
  assert.equal((await fetch(found.json.url, { headers })).status, 404);
  const other = new FormData();
  other.append("file", new Blob(["<html>"], { type: "image/png" }), "a.png");
  const refused = await fetch(`${url}/v21.0/${phoneNumberId}/media`, { method: "POST", headers, body: other });
  assert.deepEqual([refused.status, ((await refused.json()) as { error: { code: number } }).error.code], [400, 100]);
  const strange = await fetch(`${url}/v21.0/12345/media`, { method: "POST", headers, body: form });
  assert.equal(strange.status, 400);
});

test("A file goes to Meta once for each number that sends it: callers at the same time share the upload, and later ones its id, for 29 days", async (t) => {
  const { upload, app, directory, tenant, world, second, clock } = await start(t);
  const meta = await startMediaServer(t);
  const store = await openMediaStore(directory);
  const tokens = {
    read: (_tenant: string, connectionId: string) => Promise.resolve({ token: `token of ${connectionId}`, proof: null }),
    forget: () => undefined,
  };
  clock.nowMs = Date.now();
  const deps = { app, store, graph: meta.graph, tokens, nowMs: () => clock.nowMs ?? 0 };
  const media = createOutgoingMedia(deps);
  const { id } = (await upload({ bytes: png, name: "תמונה.png" })).json;
  const wanted = { tenantId: tenant.id, connectionId: world.connectionId, mediaId: id as string };
  const all = await Promise.all(Array.from({ length: 10 }, () => media.resolve(wanted)));
  assert.deepEqual(new Set(all.map((each) => JSON.stringify(each))), new Set(['{"kind":"ready","waMediaId":"100"}']));
  assert.equal(meta.seen.length, 1);
  assert.equal(meta.seen[0]?.token, `token of ${world.connectionId}`);
  const sent = meta.seen[0]?.body.toString("latin1") ?? "";
  assert.ok(
    sent.includes(png.toString("latin1")) &&
      /name="messaging_product"\r\n\r\nwhatsapp/.test(sent) &&
      /name="type"\r\n\r\nimage\/png/.test(sent),
  );
  assert.deepEqual(await media.resolve({ ...wanted, connectionId: second }), { kind: "ready", waMediaId: "200" });
  clock.nowMs += limits.mediaUploadKeptMs - 1;
  assert.deepEqual(await media.resolve(wanted), { kind: "ready", waMediaId: "100" });
  clock.nowMs += 1;
  assert.deepEqual(await media.resolve(wanted), { kind: "ready", waMediaId: "300" });
  await media.forget(wanted);
  assert.deepEqual(await media.resolve(wanted), { kind: "ready", waMediaId: "400" });

  assert.equal((await media.resolve({ ...wanted, kind: "image" })).kind, "ready");
  assert.equal((await media.resolve({ ...wanted, kind: "document" })).kind, "ready");
  assert.equal((await media.resolve({ ...wanted, kind: "video" })).kind, "refused");
  assert.equal((await media.resolve({ ...wanted, mediaId: "0198b2f0-0000-7000-8000-000000000000" })).kind, "refused");
  await media.forget(wanted);
  meta.next("/", (response) => response.writeHead(400).end(JSON.stringify({ error: { code: 131_053, message: "Media upload error" } })));
  assert.deepEqual((await media.resolve(wanted)).kind, "refused");
  meta.next("/", (response) => response.writeHead(500).end());
  assert.deepEqual(await media.resolve(wanted), { kind: "unavailable", reason: "status_500" });
  const nobody = createOutgoingMedia({ ...deps, tokens: { ...tokens, read: () => Promise.resolve(null) } });
  assert.deepEqual(await nobody.resolve(wanted), { kind: "unavailable", reason: "no_token" });
  assert.equal(
    (await media.resolve({ ...wanted, tenantId: tenantScope("0198b2f0-0000-7000-8000-000000000000").tenantId })).kind,
    "refused",
  );
});

async function* chunksOf(bytes: Buffer): AsyncIterable<Uint8Array> {
  yield bytes;
}

async function start(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), "kesher-media-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const api = await startApi(t, { media: { store: await openMediaStore(directory), publicUrl: null } });
  const [tenant, stranger] = [await api.tenant(), await api.tenant()];
  const [world, second] = [await seedWorld(api, tenant.id), await seedWorld(api, tenant.id)];
  const { rows } = await api.ingest.pool.query<{ number: string }>(
    "select phone_number_id as number from whatsapp_connections where id = $1",
    [world.connectionId],
  );
  const { key } = tenant;
  return {
    ...api,
    makeTenant: api.tenant,
    directory,
    tenant,
    stranger,
    world,
    second: second.connectionId,
    key,
    phoneNumberId: rows[0]?.number ?? "",
    async sql(text: string, values: unknown[]) {
      const client = await api.app.pool.connect();
      try {
        await client.query(`begin; select set_config('app.tenant_id', '${tenant.id}', true)`);
        await client.query(text, values);
        await client.query("commit");
      } finally {
        client.release();
      }
    },
    async upload({
      bytes,
      name,
      type = "",
      key: by = key,
      query = "",
    }: {
      bytes: Buffer;
      name: string;
      type?: string;
      key?: string;
      query?: string;
    }): Promise<Answer> {
      const form = new FormData();
      form.append("file", new Blob([new Uint8Array(bytes)], { type }), name);
      const answer = await fetch(`${api.url}/api/v1/media${query}`, {
        method: "POST",
        headers: { authorization: `Bearer ${by}` },
        body: form,
      });
      const text = await answer.text();
      return { status: answer.status, headers: answer.headers, text, json: JSON.parse(text) };
    },
    async get(id: string, headers: Record<string, string> = {}) {
      const answer = await fetch(`${api.url}/api/v1/media/${id}`, { headers: { authorization: `Bearer ${key}`, ...headers } });
      return { status: answer.status, headers: answer.headers, bytes: Buffer.from(await answer.arrayBuffer()) };
    },
  };
}
