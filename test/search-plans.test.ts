/** On 120,000 indexed messages: what a search reads, told by the server itself from inside the functions. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { newId } from "../src/db/new-id.ts";
import { limits } from "../src/limits.ts";
import { makeFollowerCursors } from "../src/services/inbox/follow.ts";
import { startRig } from "./support/worker.ts";

const rig = await startRig({ after });
const [mine, theirs] = [await rig.tenant(), await rig.tenant()];
await makeFollowerCursors(rig.ingest, "search");
const rows = 60_000;
const conversation = newId(Date.now());
for (const tenantId of [mine, theirs]) {
  // Over two years, newest last, as a follower writes them. Every message has the common word, one has the rare one, and each its own.
  await rig.sql(
    `insert into search_messages (tenant_id, message_id, conversation_id, at, words)
     select $1, gen_random_uuid(), case when n % 1000 = 0 then $3::uuid else gen_random_uuid() end, now() - ($2::int - n) * interval '730 days' / $2::int,
       array_to_tsvector(array[f.ordinal || ':common', f.ordinal || ':own' || n, f.ordinal || ':w' || n % 500]
         || case when n = 30000 then array[f.ordinal || ':rare'] else '{}' end)
     from generate_series(1, $2::int) n, follower_cursors f where f.tenant_id = $1 and f.follower = 'search'`,
    [tenantId, rows, conversation],
  );
}
await rig.sql("vacuum analyze search_messages");

type Node = {
  "Node Type": string;
  "Relation Name"?: string;
  "Index Name"?: string;
  "Actual Rows"?: number;
  "Actual Loops"?: number;
  "Rows Removed by Filter"?: number;
  "Rows Removed by Index Recheck"?: number;
  Plans?: Node[];
};
const session = await rig.session("superuser");
const plans: Node[] = [];
session.on("notice", ({ message = "" }) => {
  const json = message.slice(message.indexOf("{"));
  if (message.includes("plan:") && json.includes("search_messages")) plans.push((JSON.parse(json) as { Plan: Node }).Plan);
});
await session.query(`load 'auto_explain'`);
for (const setting of ["log_min_duration = 0", "log_analyze = on", "log_nested_statements = on", "log_format = json"]) {
  await session.query(`set auto_explain.${setting}`);
}
await session.query("set client_min_messages = log");

/** Runs the function as the app does, and adds up what its statements read. */
async function measure(words: string[], conversations: string[] | null = null) {
  plans.length = 0;
  await session.query("begin; set local role kesher_app");
  await session.query("select set_config('app.tenant_id', $1, true)", [mine]);
  const found = await session.query(
    `select message_id from search_messages_of($1, $2::text[], $3::uuid[], 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', $4)`,
    [mine, words, conversations, limits.searchLimitDefault],
  );
  await session.query("rollback");
  const nodes = plans.flatMap(flatten);
  const reading = nodes.filter((node) => node["Relation Name"] === "search_messages");
  return {
    found: found.rowCount,
    statements: reading.length,
    scans: [...new Set(reading.map((node) => node["Node Type"]))],
    indexes: [...new Set(nodes.flatMap((node) => node["Index Name"] ?? []))],
    rowsRead: reading.reduce(
      (sum, node) =>
        sum +
        ((node["Actual Rows"] ?? 0) + (node["Rows Removed by Filter"] ?? 0) + (node["Rows Removed by Index Recheck"] ?? 0)) *
          (node["Actual Loops"] ?? 1),
      0,
    ),
    text: JSON.stringify(plans, null, 1),
  };
}

function flatten(node: Node): Node[] {
  return [node, ...(node.Plans ?? []).flatMap(flatten)];
}

test("a rare word is found by the index of words, and nothing but its message is read", async () => {
  for (const words of [["rare"], ["common", "rare"], ["own3000*", "rare"]]) {
    const { found, scans, indexes, rowsRead, text } = await measure(words);
    assert.equal(found, 1, words.join());
    assert.deepEqual(scans, ["Bitmap Heap Scan"], text);
    assert.ok(indexes.includes("search_messages_words"), text);
    assert.ok(rowsRead <= 700, `${words.join()}: ${rowsRead}\n${text}`);
  }
});

test("a word that stands in every message costs no more than the messages of a week", async () => {
  const { found, scans, statements, rowsRead, text } = await measure(["common"]);
  assert.deepEqual([found, scans, statements], [limits.searchLimitDefault, ["Bitmap Heap Scan"], 1], text);
  // 60,000 over two years: 576 a week.
  assert.ok(rowsRead <= 700, `${rowsRead}\n${text}`);
});

test("a word that does not stand anywhere, and a beginning of many words, scan no table", async () => {
  for (const words of [["nowhere"], ["nowhere*"], ["own*"], ["own*", "common"], ["rare", "nowhere"]]) {
    const { scans, rowsRead, text } = await measure(words);
    assert.deepEqual(scans, ["Bitmap Heap Scan"], text);
    assert.ok(rowsRead <= 700, `${words.join()}: ${rowsRead}\n${text}`);
  }
});

test("within one conversation no more than that conversation's messages are read", async () => {
  const { found, scans, rowsRead, text } = await measure(["common"], [conversation]);
  assert.deepEqual([found, scans], [limits.searchLimitDefault, ["Bitmap Heap Scan"]], text);
  assert.ok(rowsRead <= 1_500, `${rowsRead}\n${text}`);
});
