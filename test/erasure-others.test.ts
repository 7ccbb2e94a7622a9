/** Erasures and exports among others: they end while others go on, take the person out of what is of all, and leave others theirs. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { tenantScope } from "../src/core/scope.ts";
import { eraseContact } from "../src/services/privacy/erase.ts";
import { exportContact } from "../src/services/privacy/export.ts";
import { bodyOf, bodyOfChanges, message, status } from "./support/bodies.ts";
import { register } from "./support/endpoint.ts";
import { makeErasureWorld, makePerson } from "./support/erasure-world.ts";
import { privacyOf } from "./support/privacy.ts";
import { startRig } from "./support/worker.ts";

const cleanups: (() => Promise<void> | void)[] = [];
after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});
const scope = { after: (cleanup: () => Promise<void>) => void cleanups.push(cleanup) };
const rig = await startRig(scope, { connectionsMax: 6 });
const privacy = await privacyOf(scope, rig);
const { suppression } = privacy;
const never = new AbortController().signal;
const seconds = (agoMs: number): number => rig.clock.nowMs - agoMs;

test("An erasure comes to its end while others go on writing, however fast", async () => {
  const tenantId = await rig.tenant();
  const number = await rig.connect(tenantId);
  await register(rig, tenantId, { url: "http://127.0.0.1:9/hook", form: "meta" });
  const [person, other] = [makePerson("e"), makePerson("w")];
  rig.clock.nowMs = Date.now();
  await rig.receive(bodyOf(message(number, { phone: person.phone }, "wamid.ends", seconds(9_000))));
  await rig.drain({ suppression });
  const [contact] = await rig.sql<{ id: string }>(`select contact_id as id from whatsapp_contact_addresses where tenant_id = $1`, [
    tenantId,
  ]);
  const portions = new Map<string, number>();
  const afterPortion = async (step: string): Promise<void> => {
    const nth = (portions.get(step) ?? 0) + 1;
    portions.set(step, nth);
    assert.ok(nth < 6, `${step} goes after what comes in`);
    const parked = { from: other.phone, id: `wamid.${step}.${nth}.bad`, timestamp: "never", text: { body: "x" } };
    await rig.receive(
      bodyOf(
        message(number, { phone: other.phone }, `wamid.${step}.${nth}`, rig.clock.nowMs),
        { number, list: "messages", element: parked },
        status(number, `wamid.${step}.${nth}.nobody`, "read", rig.clock.nowMs, { recipient_id: other.phone }),
      ),
    );
    await rig.receive(
      bodyOfChanges([{ wabaId: number.wabaId, changes: [{ field: "account_update", value: { event: `${step} ${nth}` } }] }]),
    );
    await rig.drain({ suppression });
  };
  await eraseContact({ ...privacy.deps, afterPortion }, tenantScope(tenantId), await privacy.ask(tenantId, contact?.id ?? ""), never);
  assert.equal(portions.get("contact"), 1);
});

test("That the person read a message of a group which is not here goes, too; that others did stays", async () => {
  const tenantId = await rig.tenant();
  const number = await rig.connect(tenantId);
  const [person, other] = [makePerson("s"), makePerson("t")];
  rig.clock.nowMs = Date.now();
  const read = (phone: string) =>
    status(number, "wamid.ofgroup", "read", seconds(8_000), {
      recipient_id: "group-1@g.us",
      recipient_type: "group",
      recipient_participant_id: phone,
    });
  await rig.receive(bodyOf(message(number, { phone: person.phone }, "wamid.reader", seconds(9_000))));
  await rig.receive(bodyOf(read(person.phone), read(other.phone)));
  await rig.drain({ suppression });
  const readers = () =>
    rig.sql<{ participant: string }>(`select participant from whatsapp_message_statuses where tenant_id = $1 order by 1`, [tenantId]);
  assert.equal((await readers()).length, 2);
  const [contact] = await rig.sql<{ id: string }>(`select contact_id as id from whatsapp_contact_addresses where tenant_id = $1`, [
    tenantId,
  ]);
  await privacy.erase(tenantId, contact?.id ?? "");
  assert.deepEqual(await readers(), [{ participant: other.phone }]);
});

test("Events of others' messages that are not kept any more are not the erased person's, and stay as they are", async () => {
  const { tenantId, mine, theirs, dana } = await makeErasureWorld({ rig, privacy });
  // As retention does, where events are kept for longer than messages.
  await rig.sql(`delete from whatsapp_messages where tenant_id = $1 and (conversation_id = $2 or sender_phone = $3)`, [
    tenantId,
    theirs.conversationId,
    dana.phone,
  ]);
  const events = () =>
    rig.sql<{ data: object }>(
      `select e.seq, e.type, e.data from activity_events e where tenant_id = $1 and (e.conversation_id = $2 or e.data ->> 'waMessageId' = $3) order by e.seq`,
      [tenantId, theirs.conversationId, `wamid.group.${dana.userId.slice(3)}`],
    );
  const before = await events();
  assert.ok(before.length > 5 && before.some(({ data }) => "waMessageId" in data));
  await privacy.erase(tenantId, mine.contactId);
  assert.deepEqual(await events(), before);
});

test("An export lists the files that the person sent in groups, too, and not those of others there", async () => {
  const { tenantId, number, mine, noa, dana } = await makeErasureWorld({ rig, privacy });
  await rig.sql(
    `insert into whatsapp_media (tenant_id, id, connection_id, message_id, direction, kind, wa_media_id, state, received_at)
     select $1, gen_random_uuid(), $2, id, 'inbound', 'image', wa_message_id, 'pending', now() from whatsapp_messages where tenant_id = $1 and wa_message_id = any($3)`,
    [tenantId, number.id, [noa, dana].map(({ userId }) => `wamid.group.${userId.slice(3)}`)],
  );
  const jobId = await privacy.ask(tenantId, mine.contactId, "export");
  await exportContact(privacy.deps, tenantScope(tenantId), jobId, never);
  const [job] = await rig.sql<{ state: string; files: string }>(
    `select state, counts ->> 'media' as files from privacy_jobs where id = $1`,
    [jobId],
  );
  assert.deepEqual(job, { state: "done", files: "2" });
});
