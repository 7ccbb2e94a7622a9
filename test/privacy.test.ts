/** Exports and erasures as they are asked for over HTTP, the file of an export, and who may. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { inflateRawSync } from "node:zlib";
import { tenantScope } from "../src/core/scope.ts";
import { limits } from "../src/limits.ts";
import { eraseContact, type PrivacyDeps } from "../src/services/privacy/erase.ts";
import { openExportStore } from "../src/services/privacy/export-store.ts";
import { exportContact } from "../src/services/privacy/export.ts";
import { createHasher } from "../src/services/privacy/marks.ts";
import { enforceRetention } from "../src/services/privacy/retention.ts";
import { openMediaStore } from "../src/services/media-store.ts";
import { insertMessage, seedWorld, startApi } from "./support/api.ts";

const folder = await mkdtemp(join(tmpdir(), "kesher-privacy-"));
after(() => rm(folder, { recursive: true, force: true }));
const exports = openExportStore(join(folder, "exports"));
const api = await startApi({ after }, { exports });
const store = await openMediaStore(join(folder, "media"));
const deps: PrivacyDeps = {
  privacy: api.open("kesher_privacy"),
  store,
  exports,
  hasher: createHasher((_context, sealed) => Buffer.from(sealed).toString()),
  seal: (_context, plain) => Buffer.from(plain),
  nowMs: () => api.clock.nowMs ?? Date.now(),
  forgetPeople: () => undefined,
};
const never = new AbortController().signal;

test("An export is asked for, written in the background, fetched as a ZIP with all that is known of the contact and nothing of others, and is gone after its time", async () => {
  const { id: tenantId, key } = await api.tenant();
  const world = await seedWorld(api, tenantId, { waId: "972501112223" });
  const other = await seedWorld(api, tenantId, { waId: "972504445556" });
  for (let nth = 0; nth < limits.privacyRowsMax + 20; nth += 1) {
    const seed = { connectionId: world.connectionId, conversationId: world.conversationId, atMs: Date.now() - nth };
    await insertMessage(api, tenantId, { ...seed, waMessageId: `wamid.many.${nth}`, direction: nth % 2 === 0 ? "inbound" : "outbound" });
  }
  const [messageId] = world.messageIds;
  const bytes = "bytes of a picture";
  const staged = await store.stage(chunks(bytes), 1_000);
  await staged.keep(tenantId);
  await api.ingest.pool.query(
    `insert into whatsapp_media (tenant_id, id, connection_id, message_id, direction, wa_media_id, mime_type, file_name, state, sha256, bytes, received_at, stored_at)
     values ($1, $2, $3, $4, 'inbound', '77', 'image/png', '../../etc/passwd', 'stored', $5, $6, now(), now())`,
    [tenantId, messageId?.replace(/^.{8}/, "01999999"), world.connectionId, messageId, staged.sha256, staged.bytes],
  );
  // What people made of them, and what they said about marketing.
  const conversation = `/api/v1/conversations/${world.conversationId}`;
  assert.equal((await api.call("POST", `${conversation}/notes`, { key, body: { body: "a note on them" } })).status, 201);
  const label = await api.call("POST", "/api/v1/labels", { key, body: { name: "a label of theirs", colour: "red" } });
  assert.equal((await api.call("POST", `${conversation}/labels`, { key, body: { add: [label.json.id] } })).status, 200);
  const assignee = "01999999-0000-7000-8000-000000000077";
  await api.ingest.pool.query(`update whatsapp_conversations set assignee_id = $2 where id = $1`, [world.conversationId, assignee]);
  await api.ingest.pool.query(
    `insert into whatsapp_marketing_words (tenant_id, id, contact_id, said, at, source) values ($1, gen_random_uuid(), $2, 'stop', now(), 'keyword')`,
    [tenantId, world.contactId],
  );
  const asked = await api.call("POST", `/api/v1/contacts/${world.contactId}/export`, { key });
  assert.equal(asked.status, 202);
  assert.equal((await api.call("POST", `/api/v1/contacts/${world.contactId}/export`, { key })).status, 200);
  const path = `/api/v1/privacy/jobs/${asked.json.id}`;
  assert.equal((await api.call("GET", `${path}/file`, { key })).status, 409);
  await exportContact(deps, tenantScope(tenantId), asked.json.id, never);
  const job = await api.call("GET", path, { key });
  assert.deepEqual([job.json.state, job.json.progress, job.json.counts.messages], ["done", 100, limits.privacyRowsMax + 22]);
  const answer = await fetch(`${api.url}${path}/file`, { headers: { authorization: `Bearer ${key}` } });
  assert.equal(answer.headers.get("content-type"), "application/zip");
  assert.match(answer.headers.get("content-disposition") ?? "", /^attachment; /);
  const zip = Buffer.from(await answer.arrayBuffer());
  assert.equal(zip.length, job.json.bytes);
  const entries = unzip(zip);
  const lists = ["addresses", "contact", "conversations", "events", "labels", "marketing", "media", "messages", "notes", "statuses"];
  assert.deepEqual(
    [...entries.keys()].filter((name) => !name.startsWith("media/")).toSorted(),
    lists.map((name) => `${name}.json`),
  );
  for (const [name, text] of entries) if (name.endsWith(".json")) assert.ok(Array.isArray(JSON.parse(text)), name);
  for (const [name, word] of [
    ["notes", "a note on them"],
    ["labels", "a label of theirs"],
    ["conversations", assignee],
    ["marketing", '"said":"stop"'],
  ] as const) {
    assert.ok(entries.get(`${name}.json`)?.includes(word), name);
  }
  assert.equal(JSON.parse(entries.get("messages.json") ?? "").length, limits.privacyRowsMax + 22);
  assert.deepEqual(
    [...entries].filter(([name]) => name.startsWith("media/")).map(([, text]) => text),
    [bytes],
  );
  const whole = [...entries.values()].join("\n");
  assert.ok(whole.includes("972501112223") && !whole.includes("972504445556") && !whole.includes(other.conversationId));
  const { rows } = await api.platform.pool.query(`select action from audit_events where tenant_id = $1 order by id`, [tenantId]);
  const actions = rows.map(({ action }: { action: string }) => action).filter((action: string) => /^(contact|export)\./.test(action));
  assert.deepEqual(actions, ["contact.exported", "contact.exported", "export.fetched"]);

  api.clock.nowMs = Date.now() + limits.exportKeptDays * 86_400_000 + 1_000;
  assert.equal((await api.call("GET", `${path}/file`, { key })).status, 409);
  // Left by a process that was killed while it wrote, and one that is being written still.
  const partial = (name: string): string => join(folder, "exports", tenantId, `${name}.zip.partial`);
  for (const [name, agoMs] of [
    ["left", limits.exportUnfinishedMsMax + 1_000],
    ["growing", limits.exportUnfinishedMsMax - 1_000],
  ] as const) {
    await writeFile(partial(name), "names people");
    await utimes(partial(name), 0, (api.clock.nowMs - agoMs) / 1_000);
  }
  await enforceRetention(deps, never);
  api.clock.nowMs = null;
  assert.deepEqual(
    (await readdir(join(folder, "exports", tenantId))).filter((name) => name.endsWith(".partial")),
    ["growing.zip.partial"],
  );
  assert.deepEqual(
    (await readdir(join(folder, "exports", tenantId))).filter((name) => name.startsWith(asked.json.id)),
    [],
  );
});

test("An erasure needs the scope admin and the contact's id once more; a contact of another tenant, or none, is not found; a second one is the first", async () => {
  const { id: tenantId, key } = await api.tenant();
  const stranger = await api.tenant();
  const { contactId } = await seedWorld(api, tenantId);
  const path = `/api/v1/contacts/${contactId}`;
  const weak = await api.call("POST", "/api/v1/api-keys", { key, body: { name: "weak", scopes: ["read", "send", "manage"] } });
  const confirm = { confirm: contactId };
  assert.equal((await api.call("POST", `${path}/erase`, { key: weak.json.apiKey, body: confirm })).status, 403);
  assert.equal((await api.call("POST", `${path}/erase`, { key, body: {} })).status, 400);
  assert.equal((await api.call("POST", `${path}/erase`, { key, body: { confirm: tenantId } })).status, 400);
  for (const act of ["erase", "export"]) {
    assert.equal(
      (await api.call("POST", `${path}/${act}`, { key: stranger.key, body: act === "erase" ? confirm : undefined })).status,
      404,
    );
  }
  const unknown = "01999999-0000-7000-8000-000000000000";
  assert.equal((await api.call("POST", `/api/v1/contacts/${unknown}/erase`, { key, body: { confirm: unknown } })).status, 404);
  const asked = await api.call("POST", `${path}/erase`, { key, body: confirm });
  assert.deepEqual([asked.status, asked.json.state], [202, "queued"]);
  assert.equal((await api.call("POST", `${path}/erase`, { key, body: confirm })).json.id, asked.json.id);
  assert.equal((await api.call("POST", `${path}/export`, { key })).status, 409);
  assert.equal((await api.call("GET", `/api/v1/privacy/jobs/${asked.json.id}`, { key: stranger.key })).status, 404);
  await eraseContact(deps, tenantScope(tenantId), asked.json.id, never);
  assert.equal((await api.call("GET", path, { key })).status, 404);
  const { json } = await api.call("GET", "/api/v1/privacy/jobs", { key });
  assert.deepEqual(
    json.data.map((job: { state: string; progress: number }) => [job.state, job.progress]),
    [["done", 100]],
  );
});

test("An export of an erased person goes with them, also one that is being written at that moment", async () => {
  const { id: tenantId, key } = await api.tenant();
  const scope = tenantScope(tenantId);
  const { contactId } = await seedWorld(api, tenantId);
  const path = `/api/v1/contacts/${contactId}`;
  const first = await api.call("POST", `${path}/export`, { key });
  await exportContact(deps, scope, first.json.id, never);
  const second = await api.call("POST", `${path}/export`, { key });
  const erasure = await api.call("POST", `${path}/erase`, { key, body: { confirm: contactId } });
  const slow: PrivacyDeps = {
    ...deps,
    exports: {
      ...exports,
      async write(...how) {
        await eraseContact(deps, scope, erasure.json.id, never);
        return exports.write(...how);
      },
    },
  };
  await exportContact(slow, scope, second.json.id, never);
  assert.deepEqual(await readdir(join(folder, "exports", tenantId)), []);
  const { json } = await api.call("GET", "/api/v1/privacy/jobs", { key });
  assert.deepEqual(json.data.map((job: { kind: string; state: string }) => `${job.kind} ${job.state}`).toSorted(), [
    "erasure done",
    "export done",
    "export failed",
  ]);
  assert.equal((await api.call("GET", `/api/v1/privacy/jobs/${first.json.id}/file`, { key })).status, 409);
});

test("As many exports and erasures of a tenant wait as may, and no more", async () => {
  const { id: tenantId, key } = await api.tenant();
  const { contactId } = await seedWorld(api, tenantId);
  const session = api.open("kesher_app");
  const client = await session.pool.connect();
  await client.query("begin");
  await client.query("select set_config('app.tenant_id', $1, true)", [tenantId]);
  await client.query(
    `insert into privacy_jobs (tenant_id, id, kind, contact_id, state, created_at) select $1, gen_random_uuid(), 'export', gen_random_uuid(), 'queued', now() from generate_series(1, $2)`,
    [tenantId, limits.privacyJobsWaitingMax - 1],
  );
  await client.query("commit");
  client.release();
  assert.equal((await api.call("POST", `/api/v1/contacts/${contactId}/export`, { key })).status, 202);
  assert.equal((await api.call("POST", `/api/v1/contacts/${contactId}/erase`, { key, body: { confirm: contactId } })).status, 429);
});

test("Days are taken within their bounds, null takes a class back, what is left out stays, and the change is in the audit log", async () => {
  const { id: tenantId, key } = await api.tenant();
  const path = "/api/v1/privacy/retention";
  const patch = (body: unknown) => api.call("PATCH", path, { key, body });
  const nothing = {
    messages: null,
    media: null,
    activity: null,
    statuses: null,
    parked: null,
    accountEvents: null,
    forwarding: null,
    audit: null,
    enforcedAt: null,
  };
  assert.deepEqual((await api.call("GET", path, { key })).json, nothing);
  const { retentionDaysMin, retentionMessagesDaysMin, retentionAuditDaysMin, retentionDaysMax } = limits;
  for (const name of ["messages", "media", "activity", "statuses", "parked", "accountEvents", "forwarding", "audit"]) {
    const least = ["messages", "statuses", "accountEvents"].includes(name)
      ? retentionMessagesDaysMin
      : name === "audit"
        ? retentionAuditDaysMin
        : retentionDaysMin;
    for (const days of [least, retentionDaysMax, null]) assert.equal((await patch({ [name]: days })).json[name], days, name);
    for (const days of [least - 1, retentionDaysMax + 1, 0, "20"]) assert.equal((await patch({ [name]: days })).status, 400, name);
  }
  assert.ok(limits.retentionMessagesDaysMin > limits.journalKeptDays, "no replay may bring a message back");
  await patch({ media: 30 });
  assert.deepEqual((await patch({ messages: 60 })).json, { ...nothing, media: 30, messages: 60 });
  const { rows } = await api.platform.pool.query(
    `select data from audit_events where tenant_id = $1 and action = 'retention.changed' order by id desc limit 1`,
    [tenantId],
  );
  const { enforcedAt: _, ...days } = nothing;
  assert.deepEqual(rows[0].data, { before: { ...days, media: 30 }, after: { ...days, media: 30, messages: 60 } });
});

async function* chunks(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

/** By the list at the end of the file. */
function unzip(zip: Buffer): Map<string, string> {
  const entries = new Map<string, string>();
  const end = zip.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left -= 1) {
    const [method, bytes] = [zip.readUInt16LE(at + 10), zip.readUInt32LE(at + 20)];
    const [name, extra, comment] = [zip.readUInt16LE(at + 28), zip.readUInt16LE(at + 30), zip.readUInt16LE(at + 32)];
    const local = zip.readUInt32LE(at + 42);
    const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const data = zip.subarray(start, start + bytes);
    entries.set(zip.toString("utf8", at + 46, at + 46 + name), (method === 8 ? inflateRawSync(data) : data).toString());
    at += 46 + name + extra + comment;
  }
  return entries;
}
