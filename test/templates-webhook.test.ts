import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { after, test } from "node:test";
import { tenantTransaction } from "../src/db/transaction.ts";
import { limits } from "../src/limits.ts";
import { sweepTemplates, templateJobs } from "../src/queue/workers/templates.worker.ts";
import { takeLease } from "../src/services/whatsapp/templates/leases.ts";
import { bodyOfChanges, seconds, type Fields } from "./support/bodies.ts";
import { line, listRig, meta, page } from "./support/templates.ts";
import { startRig, type Connected } from "./support/worker.ts";

const startMs = Date.UTC(2026, 10, 22, 12);
const rig = await startRig({ after }, { nowMs: startMs });
const { activityOf, connected, depsOf, rowsOf, sync } = listRig(rig);

type Told = { field: string; value: Fields; atMs: number };
const template = { message_template_id: 594425, message_template_name: "order", message_template_language: "en-US" };
const status = (event: string, atMs: number, more: Fields = {}): Told => ({
  field: "message_template_status_update",
  value: { event, ...template, reason: "NONE", ...more },
  atMs,
});

async function receive(number: Connected, tolds: readonly Told[]): Promise<void> {
  for (const { field, value, atMs } of tolds) {
    const body = bodyOfChanges([{ wabaId: number.wabaId, changes: [{ field, value }] }]);
    const entry = (body["entry"] as Fields[]).map((one) => ({ ...one, time: Number(seconds(atMs)) }));
    await rig.receive({ ...body, entry });
  }
  await rig.drain();
}

test("A webhook that Meta dates with the second in which a list began counts as the later word, and the next list after it", async (t) => {
  const { number, accountId } = await connected();
  rig.clock.nowMs = startMs + 700;
  const url = await meta(t, (_, response) => response.end(page([line("order", { language: "en-US" })])));
  const statusOf = async (): Promise<unknown> => (await rowsOf(accountId))[0]?.status;
  await sync(url, { number, accountId });
  await receive(number, [status("REJECTED", startMs, { reason: "INVALID_FORMAT" })]);
  assert.equal(await statusOf(), "rejected");
  rig.clock.nowMs = startMs + 1_700;
  await sync(url, { number, accountId });
  assert.equal(await statusOf(), "approved");
  rig.clock.nowMs = startMs;
});

test("Webhooks give a template the same state in whatever order they come, and in one body or in many", async () => {
  const at = (second: number): number => startMs - 60_000 + second * 1_000;
  const tolds: Told[] = [
    status("PENDING", at(0)),
    status("APPROVED", at(0)),
    {
      field: "message_template_quality_update",
      value: { ...template, previous_quality_score: "GREEN", new_quality_score: "RED" },
      atMs: at(1),
    },
    {
      field: "message_template_quality_update",
      value: { ...template, previous_quality_score: "UNKNOWN", new_quality_score: "GREEN" },
      atMs: at(0),
    },
    {
      field: "template_category_update",
      value: { ...template, new_category: "UTILITY", correct_category: "MARKETING", category_update_timestamp: 1_795_400_000 },
      atMs: at(1),
    },
    {
      field: "message_template_components_update",
      value: { ...template, message_template_element: "Hi {{1}}", message_template_title: "T" },
      atMs: at(2),
    },
    status("PAUSED", at(3), { other_info: { title: "FIRST_PAUSE", description: "low quality" } }),
    {
      field: "template_correct_category_detection",
      value: { ...template, category: "UTILITY", correct_category: "MARKETING" },
      atMs: at(0),
    },
  ];
  const states: unknown[] = [];
  for (const order of [tolds, tolds.toReversed(), [...tolds.slice(4), ...tolds.slice(0, 4), ...tolds]]) {
    const { number, accountId } = await connected();
    await receive(number, order);
    const rows = await rig.sql<Fields>(
      `select name, language, wa_template_id, status, quality, category, body, is_offered, state from whatsapp_templates where account_id = $1`,
      [accountId],
    );
    assert.equal(rows.length, 1);
    states.push(rows[0]);
  }
  assert.deepEqual(states[1], states[0]);
  assert.deepEqual(states[2], states[0]);
  const { state, ...columns } = states[0] as Fields;
  assert.deepEqual(columns, {
    name: "order",
    language: "en_US",
    wa_template_id: "594425",
    status: "paused",
    quality: "RED",
    category: null,
    body: null,
    is_offered: false,
  });
  assert.deepEqual((state as Fields)["cause"], {
    atMs: at(3),
    value: { status: "paused", reason: "low quality", pausedUntilMs: at(3) + 3 * 60 * 60_000 },
  });
});

test("A webhook that is older than the list changes nothing, and a later one stands against a list that began before it", async (t) => {
  const world = await connected();
  const paused = status("PAUSED", rig.clock.nowMs);
  const answerLate = async (response: ServerResponse): Promise<void> => {
    // It comes while the list is under way.
    rig.clock.nowMs += 5_000;
    await receive(world.number, [status("DISABLED", rig.clock.nowMs)]);
    response.end(page([line("order")]));
  };
  const url = await meta(t, (_, response) => void answerLate(response));
  rig.clock.nowMs += 1_000;
  assert.equal((await sync(url, world)).kind, "synced");
  assert.equal((await rowsOf(world.accountId))[0]?.status, "disabled");
  const quiet = await meta(t, (_, response) => response.end(page([line("order")])));
  rig.clock.nowMs += 1_000;
  assert.equal((await sync(quiet, world)).kind, "synced");
  await receive(world.number, [paused]);
  assert.deepEqual(
    (await rowsOf(world.accountId)).map((row) => [row.status, row.isOffered]),
    [["approved", true]],
  );
});

test("The same words said again later count again, though they are no new event of the account", async () => {
  const { number, accountId } = await connected();
  const atMs = rig.clock.nowMs;
  rig.clock.nowMs += 60_000;
  await receive(number, [status("PAUSED", atMs), status("APPROVED", atMs + 10_000)]);
  assert.equal((await rowsOf(accountId))[0]?.status, "approved");
  await receive(number, [status("PAUSED", atMs + 20_000)]);
  assert.equal((await rowsOf(accountId))[0]?.status, "paused");
  const events = await activityOf(number, "template.changed");
  assert.deepEqual(
    events.map((event) => event["status"]),
    ["approved", "paused"],
  );
});

test("A time in our future counts as the time of arrival, and one without a time too", async () => {
  const { number, accountId } = await connected();
  await receive(number, [status("PAUSED", rig.clock.nowMs + 86_400_000)]);
  rig.clock.nowMs += 2_000;
  await rig.receive(
    bodyOfChanges([{ wabaId: number.wabaId, changes: [{ field: "message_template_status_update", value: status("APPROVED", 0).value }] }]),
  );
  await rig.drain();
  assert.equal((await rowsOf(accountId))[0]?.status, "approved");
});

test("A webhook without name or language finds its template by id; one that names nothing known is kept as an event only", async (t) => {
  const world = await connected();
  const url = await meta(t, (_, response) => response.end(page([line("order", { id: "594425" })])));
  await sync(url, world);
  rig.clock.nowMs += 2_000;
  const change = (value: Fields, field = "message_template_status_update"): Told => ({ field, value, atMs: rig.clock.nowMs });
  await receive(world.number, [
    change({ event: "PAUSED", message_template_id: 594425 }),
    change({ event: "PAUSED", message_template_id: 1 }),
    change({ event: "PAUSED" }),
    change({ new_quality_score: "RED" }, "message_template_quality_update"),
    change({ event: "APPROVED", message_template_id: 2 ** 60, message_template_name: "big", message_template_language: "he" }),
    change({}, "template_category_update"),
  ]);
  const rows = await rig.sql<Fields>(
    "select name, status, wa_template_id as id from whatsapp_templates where account_id = $1 order by name",
    [world.accountId],
  );
  assert.deepEqual(rows, [
    { name: "big", status: "approved", id: null },
    { name: "order", status: "paused", id: "594425" },
  ]);
  assert.equal((await activityOf(world.number, "account.event")).length, 6);
  assert.equal((await rig.sql("select from parked_updates where waba_id = $1", [world.number.wabaId])).length, 0);
});

type Job = { name: string; key: string };
const waitOf = async (accountId: string): Promise<number | undefined> =>
  (
    await rig.sql<{ ms: number }>(
      "select round(extract(epoch from start_after - created_on))::int * 1000 as ms from pgboss.job where singleton_key = $1 and state = 'created'",
      [accountId],
    )
  )[0]?.ms;
const jobsOf = (accountId: string): Promise<Job[]> =>
  rig.sql<Job>("select name, singleton_key as key from pgboss.job where singleton_key = $1 and state = 'created'", [accountId]);

test("A list is asked for when a number is connected, after a webhook that leaves something open, and when it is due", async (t) => {
  const world = await connected();
  assert.equal((await jobsOf(world.accountId)).length, 1);
  assert.equal(await waitOf(world.accountId), 0);
  const clear = (): Promise<unknown> => rig.sql("delete from pgboss.job where name = 'template-sync'");
  const url = await meta(t, (_, response) => response.end(page([line("order")])));
  const outcomes: string[] = [];
  const handlers = templateJobs({ ...depsOf(url), ingest: rig.ingest, onSynced: (_, outcome) => outcomes.push(outcome.kind) });
  rig.clock.nowMs += 1;
  await handlers["template-sync"]({ tenantId: world.number.tenantId, accountId: world.accountId });
  assert.deepEqual(outcomes, ["synced"]);
  await clear();
  // Its parts are known: nothing is open.
  await receive(world.number, [status("PAUSED", rig.clock.nowMs + 1_000)]);
  assert.deepEqual(await jobsOf(world.accountId), []);
  const edit = {
    field: "message_template_components_update",
    value: { ...template, message_template_element: "New" },
    atMs: rig.clock.nowMs,
  };
  for (const one of [edit, status("APPROVED", rig.clock.nowMs, { message_template_name: "other" })]) {
    await clear();
    rig.clock.nowMs += 1_000;
    await receive(world.number, [one]);
    assert.equal((await jobsOf(world.accountId)).length, 1);
    // So that what comes meanwhile is one list.
    assert.equal(await waitOf(world.accountId), limits.templateSyncDelayMs);
  }
  await clear();
  rig.clock.nowMs += limits.templateSyncEveryMs - 10_000;
  await sweepTemplates(rig.ingest, rig.clock.nowMs);
  assert.deepEqual(await jobsOf(world.accountId), []);
  rig.clock.nowMs += 10_000;
  await handlers["template-sweep"]();
  await handlers["template-sweep"]();
  assert.equal((await jobsOf(world.accountId)).length, 1);
  await tenantTransaction(rig.app, world.number.scope, (tx) =>
    takeLease(tx, { tenantId: world.number.tenantId, accountId: world.accountId }, rig.clock.nowMs),
  );
  await assert.rejects(handlers["template-sync"]({ tenantId: world.number.tenantId, accountId: world.accountId }), /being read right now/);
});
