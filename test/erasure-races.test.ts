/** An erasure while the path in is at work: what was under way, and what comes in the meantime. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { tenantScope } from "../src/core/scope.ts";
import { eraseContact } from "../src/services/privacy/erase.ts";
import { bodyOf, echo, message, status, type Fields } from "./support/bodies.ts";
import { makeErasureWorld, makePerson } from "./support/erasure-world.ts";
import { countStatements, turnUntil } from "./support/held-time.ts";
import { grepAll, privacyOf } from "./support/privacy.ts";
import { readStats } from "./support/privacy-stats.ts";
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

test("While the path in stores the person's messages, an erasure leaves nothing of what is dated before it, and no message without its conversation", async () => {
  const tenantId = await rig.tenant();
  const number = await rig.connect(tenantId);
  const person = makePerson("r");
  const me = { phone: person.phone, userId: person.userId, name: person.name };
  rig.clock.nowMs = Date.now();
  await rig.receive(bodyOf(message(number, me, "wamid.race.first", seconds(5_000))));
  await rig.drain({ suppression });
  const [contact] = await rig.sql<{ id: string }>(
    `select contact_id as id from whatsapp_contact_addresses where tenant_id = $1 and kind = 'phone'`,
    [tenantId],
  );
  let isDone = false;
  const feeding = (async () => {
    for (let nth = 0; !isDone; nth += 1) {
      const id = `wamid.race.${nth}.${person.userId.slice(3)}`;
      await rig.receive(
        bodyOf(
          message(number, me, id, seconds(4_000)),
          status(number, id, "read", seconds(3_000), { recipient_id: person.phone, recipient_user_id: person.userId }),
        ),
      );
      await rig.drain({ suppression });
    }
  })();
  await privacy.erase(tenantId, contact?.id ?? "");
  isDone = true;
  await feeding;
  await rig.drain({ suppression });
  await privacy.rewriteAsked();
  assert.deepEqual(await grepAll(rig, privacy.folder, person.words), []);
  assert.deepEqual(await rig.sql(`select id from whatsapp_messages where tenant_id = $1`, [tenantId]), []);
  assert.deepEqual(await rig.sql(`select id from whatsapp_contacts where tenant_id = $1`, [tenantId]), []);
  const stats = await readStats(rig, tenantId);
  assert.equal(stats.updates, stats.stored + stats.parked + stats.duplicates + stats.suppressed);
});

test("A batch that was under way when the erasure began is waited for: what it stores goes, too, and it brings nobody back", async (t) => {
  const asked = countStatements(t);
  const looks = (): number => asked("privacy_wait.under_way");
  const tenantId = await rig.tenant();
  const number = await rig.connect(tenantId);
  const person = makePerson("b");
  const me = { phone: person.phone, userId: person.userId, name: person.name };
  rig.clock.nowMs = Date.now();
  const first = `wamid.under.${person.userId.slice(3)}`;
  await rig.receive(bodyOf(message(number, me, first, seconds(9_000)), echo(number, person.phone, `${first}.echo`, seconds(8_000))));
  await rig.drain({ suppression });
  const [contact] = await rig.sql<{ id: string }>(
    `select contact_id as id from whatsapp_contact_addresses where tenant_id = $1 and kind = 'phone'`,
    [tenantId],
  );
  // Routed, and not yet applied. By the phone alone: whom that belongs to is looked up.
  const before = await pausedTurn("whatsapp-messages", bodyOf(message(number, { phone: person.phone }, `${first}.2`, seconds(7_000))));
  let between: Paused | null = null;
  let facts: Paused | null = null;
  const steps: string[] = [];
  let isLate = false;
  const all = [before];
  const { hasher } = privacy.deps;
  const erasing = eraseContact(
    {
      ...privacy.deps,
      hasher: {
        async of(...how) {
          // In the transaction that makes the person a stranger, when all others have been waited for.
          if (steps.at(-1) === "announce" && between === null) {
            between = await pausedTurn("whatsapp-messages", bodyOf(message(number, { phone: person.phone }, `${first}.3`, seconds(6_500))));
            all.push(between);
          }
          return hasher.of(...how);
        },
      },
      async afterPortion(step) {
        steps.push(step);
        // Knows nothing of the marks that come next.
        if (step === "sends" && facts === null) {
          facts = await pausedTurn("whatsapp-statuses", bodyOf(status(number, `${first}.echo`, "read", seconds(6_000), {})));
          all.push(facts);
        }
        // As late as can be; or as soon as the erasure has looked a second time, and so waits.
        if (step === "exports") {
          isLate = true;
          for (const paused of all) await paused.finish();
        } else if (step === "announce" || step === "marks") {
          const before = looks();
          void turnUntil(() => isLate || looks() >= before + 2, `the erasure waits after ${step}`).then(() => {
            for (const { go } of all) go();
            return undefined;
          });
        }
      },
    },
    tenantScope(tenantId),
    await privacy.ask(tenantId, contact?.id ?? ""),
    never,
  );
  await erasing;
  for (const paused of all) await paused.finish();
  assert.ok(steps.includes("contact"));
  await rig.drain({ suppression });
  await privacy.rewriteAsked();
  assert.deepEqual(await grepAll(rig, privacy.folder, [...person.words, first]), []);
  assert.deepEqual(await rig.sql(`select id from whatsapp_contacts where tenant_id = $1`, [tenantId]), []);
  assert.deepEqual(await rig.sql(`select status from whatsapp_message_statuses where tenant_id = $1`, [tenantId]), []);
});

test("What of a group is deleted is locked behind its conversation, as the path in locks them", async () => {
  const { tenantId, mine, noa } = await makeErasureWorld({ rig, privacy });
  const session = await rig.session("superuser");
  const jobId = await privacy.ask(tenantId, mine.contactId);
  const held = Promise.withResolvers<void>();
  const erasing = eraseContact(
    {
      ...privacy.deps,
      async afterPortion(step) {
        if (step !== "messages" || (await groupIsHeld())) return;
        // As a batch that has the group's conversation.
        await session.query("begin");
        await session.query("select id from whatsapp_conversations where tenant_id = $1 and group_id is not null for no key update", [
          tenantId,
        ]);
        held.resolve();
      },
    },
    tenantScope(tenantId),
    jobId,
    never,
  );
  let isHeld = false;
  async function groupIsHeld(): Promise<boolean> {
    const before = isHeld;
    isHeld = true;
    return before;
  }
  await held.promise;
  for (;;) {
    const { rows } = await session.query(
      "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    if (rows.length > 0) break;
  }
  await session.query("select id from whatsapp_messages where tenant_id = $1 and wa_message_id like 'wamid.group.%' for update nowait", [
    tenantId,
  ]);
  await session.query("commit");
  await erasing;
  assert.deepEqual(await grepAll(rig, privacy.folder, noa.words), []);
});

type Paused = { go: () => void; finish: () => Promise<unknown> };

/** A batch that stands between its routing and its effects until it is let go. */
async function pausedTurn(lane: "whatsapp-messages" | "whatsapp-statuses", body: Fields): Promise<Paused> {
  await rig.receive(body);
  const [reached, going] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const ended = rig.turn(lane, {
    suppression,
    failpoint(name) {
      if (name !== "worker.mid_batch") return undefined;
      reached.resolve();
      return going.promise;
    },
  });
  // One in which everything is left out has nothing to apply.
  await Promise.race([reached.promise, ended]);
  const go = (): void => going.resolve();
  return {
    go,
    finish() {
      go();
      return ended;
    },
  };
}
