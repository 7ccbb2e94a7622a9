/** Work that may have ended a process is tried with care: counted, in small groups, then update by update (I8). */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { alone, amongGroups } from "../src/queue/care.ts";
import { limits } from "../src/limits.ts";
import { isUnavailable } from "../src/queue/blame.ts";
import type { BatchResult } from "../src/queue/index.ts";
import { replayParked } from "../src/webhooks/replay.ts";
import { readStats } from "../src/webhooks/stats.ts";
import { bodyOf, message, type Element } from "./support/bodies.ts";
import { byTest, randomDigits, startRig, type Connected } from "./support/worker.ts";

const rig = await startRig({ after }, { connectionsMax: 6 });
const platform = { app: rig.app, platform: rig.platform, scope: null };

let ordinal = 0;
const nextId = (): string => `wamid.${String((ordinal += 1)).padStart(6, "0")}`;
const text = (number: Connected, { id }: { id: string }): Element =>
  message(number, { phone: randomDigits() }, id, rig.clock.nowMs, { type: "text", text: { body: "hello" } });

async function number(): Promise<Connected> {
  return rig.connect(await rig.tenant({ autoReplyEnabled: false }));
}
async function messagesOf({ id }: Connected): Promise<string[]> {
  const rows = await rig.sql<{ id: string }>(`select wa_message_id as id from whatsapp_messages where connection_id = $1 order by 1`, [id]);
  return rows.map((row) => row.id);
}
const parkedOf = (tenantIds: readonly string[]): Promise<{ id: string; reason: string }[]> =>
  rig.sql(`select id, reason from parked_updates where tenant_id = any($1) and resolved_at is null order by id`, [tenantIds]);
const pending = async (): Promise<number> => (await rig.sql<{ n: number }>(`select count(*)::int as n from webhook_pending`))[0]?.n ?? -1;

/** Which updates were worked on together, by the bodies of their messages, and at which attempt. */
function watch() {
  const groups: string[][] = [];
  return {
    groups,
    failpoint(name: string, texts?: () => Iterable<string>): void {
      if (name === "worker.mid_batch") groups.push([...(texts?.() ?? [])].map((raw) => /wamid\.\d+/.exec(raw)?.[0] ?? ""));
    },
  };
}

/** As if a process had ended that had counted its attempt at everything that is pending. */
const countAll = (attemptsAlone: number): Promise<unknown> =>
  rig.sql(
    `insert into webhook_attempts select id, $1 from webhook_pending on conflict (pending_id) do update set attempts_alone = excluded.attempts_alone`,
    [attemptsAlone],
  );
const attempts = (): Promise<unknown[]> =>
  rig.sql(
    `select p.update_index as index, a.attempts_alone as alone from webhook_pending p left join webhook_attempts a on a.pending_id = p.id order by p.id`,
  );

test("work from before the start is counted before it is touched: first as it is, then update by update", async () => {
  const mine = await number();
  const ids = [nextId(), nextId(), nextId()];
  await rig.receive(bodyOf(...ids.map((id) => text(mine, { id }))));
  const seen: unknown[] = [];
  const whole = watch();
  await rig.turn("whatsapp-messages", {
    startedAtMs: rig.clock.nowMs + 1,
    failpoint: async (name, texts) => {
      whole.failpoint(name, texts);
      // What would remain if the process ended right here.
      if (name === "worker.claimed") seen.push(...(await attempts()));
    },
  });
  assert.deepEqual(seen, [{ index: null, alone: 0 }]);
  assert.deepEqual(whole.groups, [ids]);

  const others = [nextId(), nextId(), nextId()];
  await rig.receive(bodyOf(...others.map((id) => text(mine, { id }))));
  await countAll(0);
  const alone = watch();
  const counted: unknown[] = [];
  await rig.drain({
    failpoint: async (name, texts) => {
      alone.failpoint(name, texts);
      if (name === "worker.claimed") counted.push(await attempts());
    },
  });
  assert.deepEqual(
    alone.groups,
    others.map((id) => [id]),
  );
  // Never more than the one that is under way, and none before it.
  assert.deepEqual(counted, [
    [
      { index: 0, alone: 1 },
      { index: 1, alone: 0 },
      { index: 2, alone: 0 },
    ],
    [
      { index: 1, alone: 1 },
      { index: 2, alone: 0 },
    ],
    [{ index: 2, alone: 1 }],
  ]);
  assert.deepEqual(await messagesOf(mine), [...ids, ...others]);
  assert.deepEqual(await rig.sql(`select from webhook_attempts`), []);
});

test("suspicious work is tried in small groups at first, so that few are alone if one of them ends the process", async () => {
  const mine = await number();
  const ids = Array.from({ length: 5 * limits.carefulUpdatesMin }, nextId);
  for (const id of ids) await rig.receive(bodyOf(text(mine, { id })));
  const seen = watch();
  const fresh = rig.open("kesher_ingest", { connectionsMax: 2 });
  await rig.drain({ db: fresh, startedAtMs: rig.clock.nowMs + 1, failpoint: seen.failpoint });
  assert.deepEqual(
    seen.groups.map((group) => group.length),
    [limits.carefulUpdatesMin, 2 * limits.carefulUpdatesMin, 2 * limits.carefulUpdatesMin],
  );
  assert.deepEqual(await messagesOf(mine), ids);
});

test("an update at which the process ended three times is parked without being decoded, its neighbours are applied", async () => {
  const mine = await number();
  const ids = [nextId(), nextId(), nextId()];
  await rig.receive(bodyOf(...ids.map((id) => text(mine, { id }))));
  await countAll(0);
  await rig.turn("whatsapp-messages");
  assert.equal(await pending(), ids.length);
  const [last, enough] = [limits.attemptsAloneMax - 1, limits.attemptsAloneMax];
  await rig.sql(
    `update webhook_attempts set attempts_alone = case p.update_index when 0 then $1::int when 1 then $2::int else 0 end from webhook_pending p where p.id = pending_id`,
    [last, enough],
  );
  const seen = watch();
  await rig.drain({ failpoint: seen.failpoint });
  assert.deepEqual(seen.groups, [[ids[2]], [ids[0]]]);
  const parked = await parkedOf([mine.tenantId]);
  assert.deepEqual(
    parked.map(({ reason }) => reason),
    ["crashed_worker"],
  );
  const counts = await readStats({ ...platform, scope: mine.scope });
  assert.deepEqual([counts.updates, counts.stored, counts.parked], [3, 2, 1]);
  await replayParked(platform, parked[0]?.id ?? "", byTest());
  await rig.drain();
  assert.deepEqual(await messagesOf(mine), ids);
});

test("while one node works on suspicious work, another neither takes nor counts it", async () => {
  const mine = await number();
  const ids = [nextId(), nextId(), nextId()];
  await rig.receive(bodyOf(...ids.map((id) => text(mine, { id }))));
  const other = rig.open("kesher_ingest", { connectionsMax: 2 });
  const startedAtMs = rig.clock.nowMs + 1;
  const [taken, counted]: [BatchResult[], unknown[]] = [[], []];
  const look = async (name: string): Promise<void> => {
    if (name !== "worker.claimed") return;
    taken.push(await rig.turn("whatsapp-messages", { db: other, startedAtMs }));
    counted.push(await attempts());
  };
  await rig.turn("whatsapp-messages", { startedAtMs, failpoint: look });
  assert.deepEqual([taken.map(({ rows }) => rows), counted], [[0], [[{ index: null, alone: 0 }]]]);
  assert.deepEqual(await messagesOf(mine), ids);

  // Alone: the other node may take the neighbours only.
  const id = nextId();
  await rig.receive(bodyOf(text(mine, { id })));
  await countAll(1);
  counted.length = 0;
  await rig.turn("whatsapp-messages", { startedAtMs, failpoint: look });
  assert.deepEqual([taken.map(({ rows }) => rows), counted], [[0, 0], [[{ index: null, alone: 2 }]]]);
  assert.deepEqual(await messagesOf(mine), [...ids, id]);
});

test("an attempt that the process outlives is taken back, also when it works on something else meanwhile", async () => {
  const mine = await number();
  const ids = [nextId(), nextId(), nextId()];
  for (const id of ids) await rig.receive(bodyOf(text(mine, { id })));
  await countAll(1);
  const before = await attempts();
  const cutOff = async (name: string): Promise<void> => {
    if (name !== "worker.before_commit") return;
    await rig.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like '%kesher_ingest%' and state = 'idle in transaction'`,
    );
  };
  await assert.rejects(rig.turn("whatsapp-messages", { failpoint: cutOff }), (error) => isUnavailable(error));
  await rig.turn("whatsapp-statuses");
  assert.deepEqual(await attempts(), before);

  await rig.sql(`delete from webhook_attempts`);
  const startedAtMs = rig.clock.nowMs + 1;
  await assert.rejects(rig.turn("whatsapp-messages", { startedAtMs, failpoint: cutOff }), (error) => isUnavailable(error));
  await rig.turn("whatsapp-statuses");
  assert.deepEqual(await rig.sql(`select from webhook_attempts`), []);
  await rig.drain();
  assert.deepEqual(await messagesOf(mine), ids);
});

test("groups under suspicion run side by side, an attempt alone beside none of them, and none beside it", async () => {
  const db = { ...rig.ingest };
  const running = new Set<string>();
  const seen: string[] = [];
  const ends = new Map<string, () => void>();
  const act = (name: string) => async (): Promise<void> => {
    running.add(name);
    seen.push([...running].join(" "));
    const { promise, resolve } = Promise.withResolvers<void>();
    ends.set(name, resolve);
    await promise;
    running.delete(name);
  };
  const started = async (name: string): Promise<() => void> => {
    for (let turns = 0; turns < 100 && !ends.has(name); turns += 1) await new Promise(setImmediate);
    const end = ends.get(name);
    assert.ok(end !== undefined, `${name} was not started`);
    return end;
  };
  const turns = [amongGroups(db, act("one")), amongGroups(db, act("two")), alone(db, act("alone")), amongGroups(db, act("three"))];
  const [one, two] = [await started("one"), await started("two")];
  assert.deepEqual([...running], ["one", "two"]);
  one();
  two();
  const single = await started("alone");
  assert.deepEqual([...running], ["alone"]);
  single();
  (await started("three"))();
  await Promise.all(turns);
  assert.deepEqual(seen, ["one", "one two", "alone", "three"]);
});

test("an attempt that fails lets the next one begin all the same", async () => {
  const db = { ...rig.ingest };
  await assert.rejects(
    alone(db, () => Promise.reject(new Error("it failed"))),
    /it failed/,
  );
  await assert.rejects(
    amongGroups(db, () => Promise.reject(new Error("this one, too"))),
    /this one, too/,
  );
  assert.equal(await alone(db, () => Promise.resolve("done")), "done");
});
