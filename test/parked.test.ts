import assert from "node:assert/strict";
import { after, test } from "node:test";
import { limits } from "../src/limits.ts";
import { getParked, listParked } from "../src/webhooks/parked.ts";
import { replayParked } from "../src/webhooks/replay.ts";
import { readStats } from "../src/webhooks/stats.ts";
import { bodyOf, message, type Element } from "./support/bodies.ts";
import { byTest, randomDigits, startRig, type Connected } from "./support/worker.ts";

const rig = await startRig({ after });
const operator = { app: rig.app, platform: rig.platform, scope: null };
const nextId = (): string => `wamid.${randomDigits()}`;

async function number(): Promise<Connected> {
  return rig.connect(await rig.tenant({ autoReplyEnabled: false }));
}
async function take(body: unknown): Promise<void> {
  rig.clock.nowMs += 1;
  await rig.receive(body);
  await rig.drain();
}
const strangers = () => ({ wabaId: randomDigits(), phoneNumberId: randomDigits(), displayPhoneNumber: randomDigits(), portfolioId: null });
/** Meta's journal is kept for days, what is parked until somebody looks after it. */
const forgetJournal = (): Promise<unknown> => rig.sql(`delete from webhook_deliveries`);
const newest = async () => {
  const [row] = (await listParked(operator, { limit: 1 })).data;
  assert.ok(row);
  return row;
};
const messagesOf = (mine: Connected) =>
  rig.sql(
    `select m.wa_message_id as id, m.is_standby as standby, k.profile_name as name
     from whatsapp_messages m join whatsapp_conversations c on c.id = m.conversation_id join whatsapp_contacts k on k.id = c.contact_id
     where m.connection_id = $1`,
    [mine.id],
  );

test("a tenant sees what was parked of its own with reason and update, and is told at once", async () => {
  const mine = await number();
  const element = { id: nextId(), from: "15550001", timestamp: "yesterday", type: "text", text: { body: "\u0000 a \ud800 b" } };
  await take(bodyOf({ number: mine, list: "messages", element }));
  const own = { ...operator, scope: mine.scope };
  const [parked, ...others] = (await listParked(own, {})).data;
  assert.ok(parked !== undefined && others.length === 0);
  assert.deepEqual(
    [parked.reason, parked.detail, parked.tenantId, parked.wabaId, parked.phoneNumberId, parked.receivedAt],
    [
      "bad_update",
      "the message has no usable time",
      mine.tenantId,
      mine.wabaId,
      mine.phoneNumberId,
      new Date(rig.clock.nowMs).toISOString(),
    ],
  );
  assert.deepEqual(parked.update, element);
  assert.deepEqual(await getParked(own, parked.id), parked);
  const events = await rig.sql<{ data: unknown }>(`select data from activity_events where tenant_id = $1 and type = 'update.parked'`, [
    mine.tenantId,
  ]);
  assert.deepEqual(events, [{ data: { parkedId: parked.id, reason: "bad_update", kind: "whatsapp-messages" } }]);
  const theirs = { ...operator, scope: (await number()).scope };
  assert.deepEqual((await listParked(theirs, {})).data, []);
  await assert.rejects(getParked(theirs, parked.id), { code: "not_found" });
  await assert.rejects(replayParked(theirs, parked.id, byTest()), { code: "not_found" });
});

test("what belongs to nobody is the operator's alone, and becomes its tenant's when the account is known but the update is bad", async () => {
  const wanted = strangers();
  const bad: Element = { number: wanted, list: "messages", element: { id: nextId(), from: "15550001", timestamp: "never" } };
  await take(bodyOf(bad));
  const parked = await newest();
  assert.deepEqual([parked.reason, parked.tenantId], ["bad_update", null]);
  const total = (await readStats(operator)).parked;
  const mine = await rig.connect(await rig.tenant(), wanted);
  assert.equal((await replayParked(operator, parked.id, byTest())).replayed, 1);
  await rig.drain();
  const own = { ...operator, scope: mine.scope };
  assert.deepEqual([(await getParked(own, parked.id)).reason, (await readStats(own)).parked], ["bad_update", 1]);
  assert.equal((await readStats(operator)).parked, total);
});

test("a body that cannot be read is shown by its first 2 kB, and a replay of it loses nothing", async () => {
  const body = Buffer.from(`not JSON: ${"ש".repeat(5_000)}`);
  await take(body);
  const parked = await newest();
  assert.deepEqual([parked.reason, parked.tenantId], ["unreadable", null]);
  assert.ok(typeof parked.update === "string" && body.toString().startsWith(parked.update));
  assert.ok(Buffer.byteLength(parked.update) > limits.parkedPreviewBytesMax - 4);
  const before = await readStats(operator);
  await replayParked(operator, parked.id, byTest());
  await rig.drain();
  await forgetJournal();
  await replayParked(operator, parked.id, byTest());
  await rig.drain();
  assert.deepEqual(await getParked(operator, parked.id), { ...parked, parkedAt: (await getParked(operator, parked.id)).parkedAt });
  assert.deepEqual({ ...(await readStats(operator)), oldestPendingMs: 0 }, { ...before, oldestPendingMs: 0 });
});

test("an update that outlived the journal is applied with all that stood around it", async () => {
  const wanted = strangers();
  const [plain, waiting] = [nextId(), nextId()];
  const deep = `${"[".repeat(500)}${"]".repeat(500)}`;
  const odd = { type: "later", later: { "\u0000key": "\u0000\ud800", deep: JSON.parse(deep) as unknown, __proto__: null } };
  await take(
    bodyOf(message(wanted, { phone: "15550001", name: "Dana" }, plain, rig.clock.nowMs, odd), {
      ...message(wanted, { phone: "15550002", name: "Noa" }, waiting, rig.clock.nowMs),
      standby: true,
    }),
  );
  await forgetJournal();
  const mine = await rig.connect(await rig.tenant({ autoReplyEnabled: false }), wanted);
  await rig.drain();
  const rows = await messagesOf(mine);
  assert.deepEqual(
    rows.toSorted((a, b) => (String(a["name"]) < String(b["name"]) ? -1 : 1)),
    [
      { id: plain, standby: false, name: "Dana" },
      { id: waiting, standby: true, name: "Noa" },
    ],
  );
  const counts = await readStats({ ...operator, scope: mine.scope });
  assert.deepEqual([counts.updates, counts.stored, counts.parked], [2, 2, 0]);
});

test("a parked message that has come again meanwhile is a duplicate when it is replayed", async () => {
  const wanted = strangers();
  const element = message(wanted, { phone: "15550001", name: "Dana" }, nextId(), rig.clock.nowMs);
  await take(bodyOf(element));
  const parked = await newest();
  const mine = await rig.connect(await rig.tenant({ autoReplyEnabled: false }), { ...wanted });
  // Before the worker comes to what was released, Meta delivers it once more.
  await take(bodyOf(element));
  await assert.rejects(getParked(operator, parked.id), { code: "not_found" });
  const counts = await readStats({ ...operator, scope: mine.scope });
  assert.deepEqual([counts.updates, counts.stored, counts.duplicates, counts.parked], [2, 1, 1, 0]);
  assert.equal((await messagesOf(mine)).length, 1);
});
