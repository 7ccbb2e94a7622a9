import assert from "node:assert/strict";
import { after, test } from "node:test";
import { factsOf, type TemplateState } from "../src/core/template-state.ts";
import { tenantTransaction } from "../src/db/transaction.ts";
import { backoffMs } from "../src/core/backoff.ts";
import { limits } from "../src/limits.ts";
import { startSandbox } from "../src/sandbox/sandbox.ts";
import { templateFields } from "../src/services/whatsapp/graph/decode/template.ts";
import { takeLease } from "../src/services/whatsapp/templates/leases.ts";
import { syncTemplates } from "../src/services/whatsapp/templates/sync.ts";
import type { Fields } from "./support/bodies.ts";
import { line, listRig, meta, page } from "./support/templates.ts";
import { startRig, testToken } from "./support/worker.ts";

const rig = await startRig({ after }, { nowMs: Date.UTC(2026, 10, 22, 12) });
const { activityOf, connected, depsOf, rowsOf, sync, told } = listRig(rig);

test("A list is read page by page by its cursor, with the token in the header, and what is gone is marked", async (t) => {
  const world = await connected();
  const seen: string[] = [];
  const names = { all: ["a", "b", "c"] };
  const url = await meta(t, (request, response, incoming) => {
    seen.push(`${request.pathname} ${request.searchParams.get("after")} ${incoming.headers.authorization}`);
    assert.equal(request.searchParams.get("fields"), templateFields);
    assert.equal(request.searchParams.get("limit"), String(limits.templatesPerPageMax));
    const at = Number(request.searchParams.get("after") ?? 0);
    const next = at + 1 < names.all.length ? { next: "http://127.0.0.1:1/elsewhere" } : {};
    response.end(JSON.stringify({ data: [line(names.all[at] ?? "")], paging: { cursors: { after: String(at + 1) }, ...next } }));
  });
  assert.deepEqual(await sync(url, world), { kind: "synced", listed: 3, added: 3, changed: 0, removed: 0, unusable: 0 });
  const path = `/v26.0/${world.number.wabaId}/message_templates`;
  assert.deepEqual(seen, [`${path} null Bearer ${testToken}`, `${path} 1 Bearer ${testToken}`, `${path} 2 Bearer ${testToken}`]);
  assert.deepEqual((await rowsOf(world.accountId))[0], {
    name: "a",
    language: "en_US",
    status: "approved",
    body: "Hi {{1}}, this is a",
    isOffered: true,
  });
  assert.deepEqual(await activityOf(world.number, "template.changed"), []);

  names.all = ["a", "d"];
  assert.deepEqual(await sync(url, world), { kind: "synced", listed: 2, added: 1, changed: 0, removed: 2, unusable: 0 });
  assert.deepEqual(
    (await rowsOf(world.accountId)).map(({ name, status, isOffered }) => [name, status, isOffered]),
    [
      ["a", "approved", true],
      ["b", "deleted", false],
      ["c", "deleted", false],
      ["d", "approved", true],
    ],
  );
  assert.deepEqual(
    (await activityOf(world.number, "template.changed")).map(({ name, status }) => [name, status]),
    [
      ["b", "deleted"],
      ["c", "deleted"],
    ],
  );
  assert.equal((await activityOf(world.number, "templates.synced")).length, 2);
  assert.ok(told.includes(world.number.tenantId));

  names.all = ["b"];
  assert.deepEqual(await sync(url, world), { kind: "synced", listed: 1, added: 0, changed: 1, removed: 2, unusable: 0 });
  assert.equal((await rowsOf(world.accountId))[1]?.status, "approved");
});

test("A list that changes nothing tells nothing, and one that changes a status, a quality or a text tells it", async (t) => {
  const world = await connected();
  let more: Fields = {};
  const url = await meta(t, (_, response) => response.end(page([line("a", more), line("b"), { id: "7" }, null])));
  assert.deepEqual(await sync(url, world), { kind: "synced", listed: 2, added: 2, changed: 0, removed: 0, unusable: 2 });
  assert.equal((await sync(url, world)).kind, "synced");
  assert.deepEqual(await activityOf(world.number, "template.changed"), []);
  for (const change of [
    { status: "PAUSED" },
    { status: "PAUSED", quality_score: { score: "RED" } },
    { components: [{ type: "BODY", text: "New" }] },
  ]) {
    more = change;
    await sync(url, world);
  }
  const events = await activityOf(world.number, "template.changed");
  assert.deepEqual(
    events.map(({ status, quality, isEdited, previous }) => [status, quality, isEdited, (previous as Fields)["status"]]),
    [
      ["paused", null, false, "approved"],
      ["paused", "RED", false, "paused"],
      ["approved", null, true, "paused"],
    ],
  );
});

test("A list that breaks off keeps what it got, marks nothing as gone, and is due again after a while", async (t) => {
  const world = await connected();
  let mode: "whole" | "cut" | "no_list" | "no_cursor" | "status" = "whole";
  const url = await meta(t, (request, response) => {
    const isFirst = request.searchParams.get("after") === null;
    if (mode === "whole") response.end(page([line("a"), line("b")]));
    else if (mode === "no_list") response.end('{"success":true}');
    else if (mode === "no_cursor") response.end(JSON.stringify({ data: [], paging: { next: "http://127.0.0.1:1/" } }));
    else if (mode === "status") response.writeHead(503).end();
    else if (isFirst) response.end(JSON.stringify({ data: [line("c")], paging: { cursors: { after: "1" }, next: "x" } }));
    else {
      response.writeHead(200, { "content-length": "1000" }).write('{"data":[');
      response.socket?.end();
    }
  });
  assert.equal((await sync(url, world)).kind, "synced");
  mode = "cut";
  assert.equal((await sync(url, world)).kind, "unavailable");
  const [due] = await rig.sql<{ ms: number }>(
    "select extract(epoch from due_at)::float8 * 1000 as ms from whatsapp_template_syncs where account_id = $1",
    [world.accountId],
  );
  assert.equal((due?.ms ?? 0) - rig.clock.nowMs, backoffMs({ firstMs: limits.templateRetryMsMin, factor: 2, maxMs: Infinity }, 1, 0.5));
  assert.deepEqual(
    (await rowsOf(world.accountId)).map(({ name, status }) => [name, status]),
    [
      ["a", "approved"],
      ["b", "approved"],
      ["c", "approved"],
    ],
  );
  mode = "no_list";
  assert.deepEqual(await sync(url, world), { kind: "unavailable", reason: "no_list" });
  mode = "no_cursor";
  assert.deepEqual(await sync(url, world), { kind: "unavailable", reason: "no_cursor" });
  mode = "status";
  assert.deepEqual(await sync(url, world), { kind: "unavailable", reason: "status_503" });
  // Four failures in a row are told once.
  assert.equal((await activityOf(world.number, "templates.sync_failed")).length, 1);
  const [lease] = await rig.sql<{ failures: number; error: string; waits: boolean; isFree: boolean }>(
    `select failures, error, due_at > $2::timestamptz + interval '4 minutes' as waits, leased_until is null as "isFree"
     from whatsapp_template_syncs where account_id = $1`,
    [world.accountId, new Date(rig.clock.nowMs).toISOString()],
  );
  assert.deepEqual(lease, { failures: 4, error: "Meta could not be asked (status_503).", waits: true, isFree: true });
  mode = "whole";
  assert.equal((await sync(url, world)).kind, "synced");
  assert.equal((await rowsOf(world.accountId))[2]?.status, "deleted");
});

test("A page of more than templatePageBytesMax is not read, and a list ends at templatePagesMax pages", async (t) => {
  const world = await connected();
  const long = await meta(t, (_, response) => response.end(`${" ".repeat(limits.templatePageBytesMax)}${page([])}`));
  assert.deepEqual(await sync(long, world), { kind: "unavailable", reason: "answer_too_long" });
  let requests = 0;
  const endless = await meta(t, (_, response) => {
    requests += 1;
    response.end(JSON.stringify({ data: [], paging: { cursors: { after: "1" }, next: "x" } }));
  });
  assert.deepEqual(await sync(endless, world), { kind: "unavailable", reason: "too_many_pages" });
  assert.equal(requests, limits.templatePagesMax);
});

test("A token that Meta calls invalid is forgotten and the account's other numbers are tried, templateTokensMax in all", async (t) => {
  const { number, accountId } = await connected();
  for (let index = 0; index < limits.templateTokensMax; index++) await rig.connect(number.tenantId, { wabaId: number.wabaId });
  let requests = 0;
  let good = 2;
  const url = await meta(t, (_, response) => {
    requests += 1;
    if (requests === good) response.end(page([line("a")]));
    else response.writeHead(401).end('{"error":{"code":190,"message":"Session has expired"}}');
  });
  const deps = depsOf(url);
  rig.clock.nowMs += 1;
  assert.equal((await syncTemplates(deps, number.scope, accountId)).kind, "synced");
  assert.equal(deps.forgotten.length, 1);
  [good, requests] = [0, 0];
  rig.clock.nowMs += 1;
  const refused = await syncTemplates(deps, number.scope, accountId);
  assert.deepEqual(refused, { kind: "refused", code: 190, detail: "Session has expired", waitMs: 0 });
  assert.equal(requests, limits.templateTokensMax);
});

test("An account without a token says so, and an unknown one is not found", async (t) => {
  const { number, accountId } = await connected();
  const url = await meta(t, (_, response) => response.end(page([])));
  const deps = { ...depsOf(url), tokens: { read: async () => null, forget: () => undefined } };
  rig.clock.nowMs += 1;
  assert.deepEqual(await syncTemplates(deps, number.scope, accountId), { kind: "no_token" });
  const other = await connected();
  await assert.rejects(syncTemplates(deps, number.scope, other.accountId), { code: "not_found" });
});

test("Meta's refusal for too many calls is waited out, and templateCallsPerHourMax calls an hour are not exceeded", async (t) => {
  const world = await connected();
  const limited = await meta(t, (_, response) => response.writeHead(400).end('{"error":{"code":4,"message":"limit"}}'));
  const outcome = await sync(limited, world);
  assert.deepEqual(outcome, { kind: "refused", code: 4, detail: "limit", waitMs: 300_000 });
  await rig.sql("update whatsapp_template_syncs set calls = $2 where account_id = $1", [
    world.accountId,
    limits.templateCallsPerHourMax - 1,
  ]);
  let requests = 0;
  const url = await meta(t, (_, response) => {
    requests += 1;
    response.end(page([]));
  });
  assert.equal((await sync(url, world)).kind, "synced");
  const spent = await sync(url, world);
  assert.equal(spent.kind, "limited");
  assert.equal(requests, 1);
  rig.clock.nowMs += 60 * 60_000;
  assert.equal((await sync(url, world)).kind, "synced");
  assert.equal(requests, 2);
});

test("One list of an account at a time: another waits for its end, or for templateSyncMsMax when nobody ends it", async (t) => {
  const world = await connected();
  const url = await meta(t, (_, response) => response.end(page([])));
  const { tenantId } = world.number;
  const taken = await tenantTransaction(rig.app, world.number.scope, (tx) =>
    takeLease(tx, { tenantId, accountId: world.accountId }, rig.clock.nowMs),
  );
  assert.ok(taken);
  assert.deepEqual(await sync(url, world), { kind: "busy" });
  rig.clock.nowMs += limits.templateSyncMsMax - 1;
  assert.equal((await sync(url, world)).kind, "synced");
});

test("A list that lasts longer than templateSyncMsMax ends, and does no harm to the next one", async (t) => {
  const world = await connected();
  let requests = 0;
  const url = await meta(t, (_, response) => {
    requests += 1;
    if (requests === 1) rig.clock.nowMs += limits.templateSyncMsMax;
    response.end(JSON.stringify({ data: [line("a")], paging: { cursors: { after: "1" }, ...(requests === 1 ? { next: "x" } : {}) } }));
  });
  assert.deepEqual(await sync(url, world), { kind: "unavailable", reason: "too_slow" });
  assert.equal((await sync(url, world)).kind, "synced");
});

test("The sandbox lists its templates as Meta does: all of them, over several pages, and with what has become of them", async (t) => {
  const world = await connected();
  const sandbox = await startSandbox({
    appSecret: "secret",
    ingressUrl: "http://127.0.0.1:9/webhook",
    nowMs: () => Date.now(),
    log: () => undefined,
    identity: { wabaId: world.number.wabaId, phoneNumberId: world.number.phoneNumberId, accessToken: testToken },
  });
  t.after(() => sandbox.stop());
  const samples = sandbox.templates(world.number.wabaId).length;
  const components = [
    { type: "HEADER", format: "IMAGE" },
    { type: "BODY", text: "Hi {{first}}" },
    { type: "BUTTONS", buttons: [{ type: "URL", text: "Go", url: "https://example.com/{{1}}" }] },
  ];
  for (let index = 0; index < limits.templatesPerPageMax; index++) sandbox.addTemplate({ name: `t_${index}`, language: "en_US" });
  const rich = sandbox.addTemplate({ name: "rich", language: "he", parameterFormat: "NAMED", components });
  sandbox.changeTemplate(rich.id, { status: "REJECTED", reason: "SCAM" });
  const outcome = await sync(sandbox.graphUrl, world);
  assert(outcome.kind === "synced");
  assert.deepEqual([outcome.listed, outcome.unusable], [samples + limits.templatesPerPageMax + 1, 0]);
  const [row] = await rig.sql<{ state: TemplateState }>("select state from whatsapp_templates where account_id = $1 and name = 'rich'", [
    world.accountId,
  ]);
  assert.ok(row);
  const { status: now, reason, shape, waTemplateId } = factsOf(row.state);
  assert.deepEqual([now, reason, waTemplateId, shape?.format, shape?.header], ["rejected", "SCAM", rich.id, "named", { kind: "image" }]);
  assert.deepEqual(shape?.buttons, [{ kind: "url", text: "Go", url: "https://example.com/{{1}}" }]);
});
