/** The path out where it is crowded, closed or cut: what a review found. */
import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { registeredStatements } from "../src/db/statement.ts";
import { limits } from "../src/limits.ts";
import "../src/services/whatsapp/outbox/actions.ts";
import "../src/services/whatsapp/outbox/outcome-of.ts";
import "../src/services/whatsapp/read-receipts.ts";
import { accepts, outboxOf, rowOf, scriptedGraph } from "./support/outbox.ts";
import { handSender } from "./support/sender.ts";
import { startRig } from "./support/worker.ts";

const cleanups: (() => Promise<void> | void)[] = [];
after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});
const rig = await startRig({ after: (cleanup) => void cleanups.push(cleanup) }, { connectionsMax: 8 });
const tenantId = await rig.tenant();
const box = outboxOf(rig, await rig.connect(tenantId));
const graph = scriptedGraph();

beforeEach(async () => {
  graph.judge = accepts;
  graph.ledger.length = 0;
  await rig.sql(`delete from whatsapp_sends`);
  await box.pace(100_000);
});

/** So many numbers with one queued message each, whose ids come before every other one's. */
async function crowd(count: number, lane: string): Promise<void> {
  await rig.sql(
    `with numbers as (
       insert into whatsapp_connections (tenant_id, id, account_id, phone_number_id, state)
       select n.tenant_id, ('00000000-0000-7000-8000-' || lpad(to_hex(g), 12, '0'))::uuid, n.account_id, 'crowd' || g, 'connected'
       from whatsapp_connections n, generate_series(1, $2::int) g where n.id = $1 on conflict do nothing returning tenant_id, id
     ), lanes as (
       insert into whatsapp_send_lanes (tenant_id, connection_id, paused_until) select tenant_id, id, ${lane} from numbers
     )
     insert into whatsapp_conversations (tenant_id, id, connection_id, group_id, created_at) select tenant_id, id, id, 'crowd', now() from numbers`,
    [box.number.id, count],
  );
  await rig.sql(
    `insert into whatsapp_messages (tenant_id, id, connection_id, conversation_id, direction, origin, type, role, content, status, wa_timestamp, created_at)
     select tenant_id, id, connection_id, id, 'outbound', 'api', 'text', 'message', '{}', 'pending', now(), now() from whatsapp_conversations where group_id = 'crowd'
     on conflict do nothing`,
  );
  await rig.sql(
    `insert into whatsapp_sends (tenant_id, message_id, connection_id, conversation_id, state, due_at, is_freeform, created_at)
     select tenant_id, id, connection_id, id, 'queued', now(), true, now() from whatsapp_conversations where group_id = 'crowd'`,
  );
}

test("a number that comes after sendLanesMax paused ones has its turn all the same", async () => {
  await crowd(limits.sendLanesMax + 5, "'infinity'");
  const dana = await box.customer();
  const sent = await box.send(dana);
  const node = handSender(rig, graph);
  // The first looks at paused numbers only, and says that there is more to see.
  assert.notEqual(await node.sender.claimOnce(), false);
  assert.equal((await node.turn()).taken, 1);
  assert.equal((await rowOf(rig, sent.id)).status, "accepted");
  assert.notEqual(await node.sender.claimOnce(), false);
  assert.equal(await node.sender.claimOnce(), false, "once it has seen all, it waits");
});

/** People with a conversation and a queued message each, past all checks. */
async function fill(count: number): Promise<void> {
  const own = `'${tenantId}', id`;
  await rig.sql(
    `begin; set local session_replication_role = replica;
     create temp table people on commit drop as select gen_random_uuid() as id, g from generate_series(1, ${count}) g;
     insert into whatsapp_contacts (tenant_id, id, profile_at, profile_wa_message_id, created_at) select ${own}, now(), '', now() from people;
     insert into whatsapp_contact_addresses (tenant_id, kind, scope, value, contact_id, from_at)
       select '${tenantId}', 'phone', '', '9725' || (1000000 + g), id, now() from people;
     insert into whatsapp_conversations (tenant_id, id, connection_id, contact_id, created_at) select ${own}, '${box.number.id}', id, now() from people;
     insert into whatsapp_messages (tenant_id, id, connection_id, conversation_id, direction, origin, type, role, content, status, wa_timestamp, created_at)
       select ${own}, '${box.number.id}', id, 'outbound', 'api', 'text', 'message', '{}', 'pending', now(), now() from people;
     insert into whatsapp_sends (tenant_id, message_id, connection_id, conversation_id, state, due_at, is_freeform, created_at)
       select ${own}, '${box.number.id}', id, 'queued', now(), true, now() from people;
     commit; analyze whatsapp_contacts, whatsapp_contact_addresses, whatsapp_conversations, whatsapp_messages`,
  );
}

test("what sends one message reads none of a tenant's other rows, although row-level security stands between", async () => {
  await fill(20_000);
  const names = [
    ["recipients.by_conversation", "conversations.lock_by_ids", "conversations.by_id", "conversations.by_peers", "contacts.known"],
    [
      "outbox.insert",
      "outbox.message",
      "outbox.replied",
      "outbox.outcome",
      "outbox.cancel",
      "read_receipts.select",
      "read_receipts.mark_seen",
    ],
  ].flat();
  const statements = registeredStatements().filter(({ name }) => names.includes(name));
  assert.equal(statements.length, names.length);
  for (const { name, text } of statements) {
    const { rows } = await rig.app.pool.query<{ "QUERY PLAN": string }>(`explain (generic_plan) ${text}`);
    const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
    assert.doesNotMatch(plan, /Seq Scan on whatsapp_(conversations|contact|messages|sends)/, `${name}\n${plan}`);
  }
});
