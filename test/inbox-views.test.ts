/** On a table of 60,000 conversations: each view of the inbox reads one index, under row-level security, whichever plan is kept for it. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { lastId, decodeCursor } from "../src/core/cursor.ts";
import { nilId } from "../src/core/ids.ts";
import { tenantScope } from "../src/core/scope.ts";
import type { Value } from "../src/db/statement.ts";
import { limits } from "../src/limits.ts";
import { countViews, listConversations } from "../src/services/whatsapp/conversation-list.ts";
import * as views from "../src/services/whatsapp/conversation-views.ts";
import { explain } from "./support/explain.ts";
import { startRig } from "./support/worker.ts";

const rig = await startRig({ after });
const owner = await rig.session("owner");
const rows = 50_000;
const dana = "0199aaaa-0000-7000-8000-00000000000d";
const yossi = "0199aaaa-0000-7000-8000-00000000000e";
const number = await rig.connect(await rig.tenant());
const small = await rig.connect(await rig.tenant());
for (const [{ id, tenantId }, count] of [
  [number, rows],
  [small, 10_000],
] as const) {
  // Eight of ten are done, and half of the others wait. One of 500 is nobody's, every seventh Dana's.
  await rig.sql(
    `insert into whatsapp_conversations (tenant_id, id, connection_id, group_id, last_message_at, last_message_hour, last_customer_message_at, last_answer_at,
       inbound_count, unread_count, set_aside, set_aside_inbound_count, set_aside_customer_message_at, assignee_id, created_at)
     select $1, gen_random_uuid(), $2, 'g' || n, at, floor(extract(epoch from at) / 3600)::bigint, at, case when n % 10 <> 3 then at + interval '1 second' end,
       1, n % 2, case when n % 10 <> 0 and n % 10 <> 3 then 'done' end, 1, at, case when n % 7 = 0 then $4::uuid when n % 500 > 0 then $5::uuid end, now()
     from (select n, now() - n * interval '30 seconds' as at from generate_series(1, $3::int) n) t`,
    [tenantId, id, count, dana, yossi],
  );
}
await rig.sql("analyze whatsapp_conversations");
const scope = tenantScope(number.tenantId);
const key: Value[] = [number.tenantId, Number.MAX_SAFE_INTEGER, "infinity", lastId, 50];
const half = new Date(Date.now() - 12 * 3_600_000);
const deep: Value[] = [number.tenantId, Math.floor(half.getTime() / 3_600_000), half.toISOString(), lastId, 50];

const wanted: [string, { text: string }, Value[], string][] = [
  ["all", views.selectAll, [null, null, null, "open"], "whatsapp_conversations_list"],
  ["done", views.selectAll, [null, null, null, "done"], "whatsapp_conversations_list"],
  ["every state", views.selectAll, [null, null, null, null], "whatsapp_conversations_list"],
  ["unassigned", views.selectUnassigned, [null, null, null, "open"], "whatsapp_conversations_assignee"],
  ["mine", views.selectAssigned, [null, null, null, "open", dana], "whatsapp_conversations_assignee"],
  ["waiting", views.selectWaiting, [null, null, null, null], "whatsapp_conversations_waiting"],
];

test("no view scans the table: the first page and one from the middle read no more rows than they show, by their index", async () => {
  for (const [name, statement, more, index] of wanted) {
    for (const place of [key, deep]) {
      for (const mode of ["force_generic_plan", "force_custom_plan"] as const) {
        const plan = await explain(owner, { tenantId: number.tenantId, statement, values: [...place, ...more], mode });
        assert.ok(!plan.seqScans.includes("whatsapp_conversations"), `${name}, ${mode}: ${plan.text}`);
        assert.ok(plan.indexes.includes(index), `${name}, ${mode}: ${plan.text}`);
        // A page, the rest of its last hour (120 conversations), and as much of the first one.
        assert.ok(plan.rowsRead <= 1_500, `${name}, ${mode}: ${plan.rowsRead} rows\n${plan.text}`);
      }
    }
  }
});

test("closing_soon reads only who waits and wrote within a day", async () => {
  for (const mode of ["force_generic_plan", "force_custom_plan"] as const) {
    const values = [number.tenantId, "-infinity", nilId, null, 50, null, null, null, 4];
    const plan = await explain(owner, { tenantId: number.tenantId, statement: views.selectClosing, values, mode });
    assert.ok(!plan.seqScans.includes("whatsapp_conversations") && plan.indexes.includes("whatsapp_conversations_waiting"), plan.text);
    assert.ok(plan.rowsRead <= 1_500, `${plan.rowsRead}\n${plan.text}`);
  }
});

test("counting reads no more than viewCountMax of each view", async () => {
  const values = [number.tenantId, dana, 4, limits.viewCountMax];
  for (const mode of ["force_generic_plan", "force_custom_plan"] as const) {
    const plan = await explain(owner, { tenantId: number.tenantId, statement: views.selectCounts, values, mode });
    assert.ok(!plan.seqScans.includes("whatsapp_conversations"), plan.text);
    assert.ok(plan.rowsRead <= 6 * limits.viewCountMax + 1_500, `${plan.rowsRead}\n${plan.text}`);
  }
  const counts = await countViews(rig.app, scope, { personId: dana });
  assert.deepEqual([counts.all, counts.waiting], [limits.viewCountMax, limits.viewCountMax]);
});

test("pages follow each other without gaps or repetitions through a whole view", async () => {
  const ids: string[] = [];
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof listConversations>> = await listConversations(
      rig.app,
      scope,
      { view: "waiting", limit: limits.listLimitMax, ...(after === null ? {} : { after }) },
      null,
    );
    ids.push(...page.data.map(({ id }) => id));
    after = page.next;
    if (after !== null) assert.equal(decodeCursor(after, ["number", "number?", "text"]).length, 3);
  } while (after !== null);
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(ids.length, rows / 10);
});
