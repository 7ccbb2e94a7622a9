import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { transaction, type Tx } from "../src/db/transaction.ts";
import { claimPending, type ClaimedRow, type ClaimLimits, type PendingRow, type Preference } from "../src/queue/pending.ts";
import { LaneShares, RightOfWay, type Turn } from "../src/queue/shares.ts";
import { limits } from "../src/limits.ts";
import type { Lane } from "../src/services/whatsapp/graph/updates.ts";
import { bodyOf, message } from "./support/bodies.ts";
import { outboxOf, rowOf, scriptedGraph, type Outbox } from "./support/outbox.ts";
import { handSender } from "./support/sender.ts";
import { randomDigits, startRig } from "./support/worker.ts";

const rig = await startRig({ after }, { connectionsMax: 8 });
beforeEach(() => rig.sql(`delete from webhook_pending`));

/** Queue rows of one account, oldest first, as so many POSTs would leave them. */
async function queue(
  account: string,
  rows: number,
  { lane = "whatsapp-messages", updates = 1 }: { lane?: Lane; updates?: number } = {},
): Promise<void> {
  await rig.sql(
    `insert into webhook_pending (kind, account, delivery_ids, updates, counted_deliveries, created_at)
     select $1, $2, array[gen_random_uuid()], $3, 1, now() from generate_series(1, $4)`,
    [lane, account, updates, rows],
  );
}
const bounds: ClaimLimits = { accountsMax: 10, rowsMax: 100, updatesMax: 100 };
const claimIn = (tx: Tx, wanted: Partial<ClaimLimits> = {}, lane: Lane = "whatsapp-messages"): Promise<ClaimedRow[]> =>
  claimPending(tx, lane, { ...bounds, ...wanted }, 0);
const claim = (limits?: Partial<ClaimLimits>, lane?: Lane): Promise<PendingRow[]> =>
  transaction(rig.ingest, (tx) => claimIn(tx, limits, lane));
const sharesOf = (clock: { nowMs: number }, onRested = (): void => undefined): LaneShares =>
  new LaneShares({ clock: () => clock.nowMs, onRested });
/** What a loop of the lane would get; it is over at once, so that its rows are gone but its accounts are still its own. */
const claimTurn = (shares: LaneShares, turn: Turn, prefers: Preference): Promise<ClaimedRow[]> =>
  transaction(rig.ingest, (tx) =>
    shares.claim(turn, (helping) =>
      claimIn(tx, { accountsMax: limits.claimAccountsMax, rowsMax: limits.claimRowsMax, ...helping, prefers }),
    ),
  );
/** A moment ago one account alone had a large backlog, and another a small one. */
const flooded = async (shares: LaneShares): Promise<void> => {
  for (const [account, updates] of [
    ["flood before", limits.smallBacklogUpdatesMax + 1],
    ["quiet before", 1],
  ] as const) {
    await queue(account, 1, { updates });
    const turn = shares.begin();
    await claimTurn(shares, turn, "small");
    shares.end(turn);
  }
};
const accountsOf = (rows: readonly PendingRow[]): string[] => [...new Set(rows.map((row) => row.account))];
const rowsOf = (rows: readonly PendingRow[], account: string): number => rows.filter((row) => row.account === account).length;
const left = async (account: string): Promise<number> =>
  (await rig.sql<{ n: number }>(`select count(*)::int as n from webhook_pending where account = $1`, [account]))[0]?.n ?? -1;

test("an account that waits behind a flood of another is served with the next claim", async () => {
  await queue("flood", 5_000);
  await queue("quiet", 3);
  const rows = await claim();
  assert.deepEqual([rowsOf(rows, "quiet"), await left("quiet")], [3, 0]);
  assert.ok(rowsOf(rows, "flood") >= 40 && rowsOf(rows, "flood") <= 97, `${rowsOf(rows, "flood")} rows of the flood`);
});

test("all who wait get the same share, whatever their backlogs", async () => {
  for (const [account, rows] of [
    ["a", 500],
    ["b", 2_000],
    ["c", 60],
    ["d", 10],
  ] as const)
    await queue(account, rows);
  const rows = await claim();
  assert.deepEqual(
    ["a", "b", "c", "d"].map((account) => rowsOf(rows, account)),
    [25, 25, 25, 10],
  );
});

test("the cap binds only while others wait: alone, an account gets the whole claim", async () => {
  await queue("alone", 500);
  assert.equal((await claim()).length, bounds.rowsMax);
  await queue("other", 1, { lane: "whatsapp-statuses" });
  assert.equal((await claim()).length, bounds.rowsMax);
});

test("one large row of an account does not push out the rows of others", async () => {
  await queue("large", 3, { updates: 90 });
  await queue("small", 5);
  const rows = await claim();
  assert.deepEqual([rowsOf(rows, "large"), rowsOf(rows, "small")], [2, 5]);
  await queue("small", 1);
  assert.equal(rowsOf(await claim(), "small"), 1);
});

test("a row that is larger than a whole claim is claimed alone rather than never", async () => {
  await queue("huge", 2, { updates: 10 * bounds.updatesMax });
  assert.equal((await claim()).length, 1);
  assert.equal((await claim()).length, 1);
  assert.equal((await claim()).length, 0);
});

test("a claim takes the oldest of each account first", async () => {
  await queue("a", 300);
  await queue("b", 300);
  const seen = new Map<string, number>();
  for (let claims = 0; claims < 6; claims += 1) {
    for (const { account, id } of await claim()) {
      assert.ok(id > (seen.get(account) ?? 0), "an older row was claimed later");
      seen.set(account, id);
    }
  }
  assert.deepEqual([await left("a"), await left("b")], [0, 0]);
});

test("lanes are claimed apart from each other", async () => {
  await queue("a", 2);
  await queue("a", 3, { lane: "whatsapp-statuses" });
  assert.equal((await claim({}, "whatsapp-statuses")).length, 3);
  assert.equal((await claim({}, "whatsapp-account")).length, 0);
  assert.equal((await claim()).length, 2);
});

test("two claimers at once take different rows and wait for nobody; what a failed one held is there again", async () => {
  await queue("a", 120);
  await queue("b", 120);
  let second: PendingRow[] = [];
  const first = await transaction(rig.ingest, async (tx) => {
    const held = await claimIn(tx);
    second = await claim();
    return held;
  });
  const ids = [...first, ...second].map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual([first.length, second.length], [100, 100]);
  const failed = transaction(rig.ingest, async (tx) => {
    assert.equal((await claimIn(tx)).length, 40);
    throw new Error("the worker fails");
  });
  await assert.rejects(failed, /the worker fails/);
  assert.equal((await claim()).length, 40);
});

test("with more accounts than one claim looks at, each is served in its turn", async () => {
  for (let account = 0; account < 15; account += 1) await queue(`account ${String(account).padStart(2, "0")}`, 1);
  for (let claims = 0; claims < 5; claims += 1) {
    await claim({ accountsMax: 10 });
    for (let account = 0; account < 10; account += 1) await queue(`account ${String(account).padStart(2, "0")}`, 1);
  }
  assert.equal(await left("account 14"), 0);
});

test("through the whole path a quiet tenant's message is applied in the first turn, with a thousand of another before it", async () => {
  const [noisy, quiet] = [
    await rig.connect(await rig.tenant({ autoReplyEnabled: false })),
    await rig.connect(await rig.tenant({ autoReplyEnabled: false })),
  ];
  const text = (to: typeof noisy, index: number) => message(to, { phone: randomDigits() }, `wamid.${index}`, rig.clock.nowMs);
  // One body each, taken in together: a row of the queue holds at most `pendingRowUpdatesMax` updates.
  await Promise.all(Array.from({ length: 1_500 }, (_, index) => rig.receive(bodyOf(text(noisy, index)))));
  await rig.receive(bodyOf(text(quiet, 1)));
  await rig.turn("whatsapp-messages");
  const [row] = await rig.sql<{ n: number }>(`select count(*)::int as n from whatsapp_messages where connection_id = $1`, [quiet.id]);
  assert.equal(row?.n, 1);
  await rig.drain();
});

test("beside a flood the loops of a lane never work on one account together, and none takes small and large backlogs at once", async () => {
  const { promise: rested, resolve } = Promise.withResolvers<void>();
  const shares = sharesOf({ nowMs: 0 }, resolve);
  await flooded(shares);
  const small = Array.from({ length: 10 }, (_, index) => `small ${index}`);
  for (const account of small) await queue(account, 2);
  await queue("large", 3, { updates: limits.smallBacklogUpdatesMax });
  await queue("edge", 1, { updates: limits.smallBacklogUpdatesMax });
  const turns = Array.from({ length: limits.laneLoopsMax }, () => shares.begin());
  const claims: ClaimedRow[][] = [];
  for (const [index, turn] of turns.entries()) claims.push(await claimTurn(shares, turn, index === 0 ? "small" : "large"));
  assert.deepEqual(
    claims.map((rows) => [...new Set(rows.map((row) => row.account))].toSorted()),
    [["edge", ...small].toSorted(), ["large"]],
  );
  // What comes now waits for the loop that works on its account, whichever asks.
  await queue("small 1", 1);
  await queue("new", 1);
  assert.deepEqual([shares.isWanted(new Set(["small 1", "large"])), shares.isWanted(new Set(["small 1", "new"]))], [false, true]);
  assert.deepEqual(accountsOf(await claimTurn(shares, shares.begin(), "large")), ["new"]);
  for (const turn of turns) shares.end(turn);
  assert.deepEqual([shares.isWanted(new Set(["small 1"])), shares.isWanted(new Set(["large"]))], [true, false]);
  await rested;
  // What is left of the large one is small by now.
  assert.deepEqual(accountsOf(await claimTurn(shares, shares.begin(), "large")), ["large", "small 1"]);
});

test("a turn that failed has its own accounts again, and so have others when it has ended", async () => {
  const shares = sharesOf({ nowMs: 0 });
  await flooded(shares);
  await queue("a", 1);
  const turn = shares.begin();
  const failed = transaction(rig.ingest, async (tx) => {
    await shares.claim(turn, (helping) => claimIn(tx, { ...helping, prefers: "small" }));
    throw new Error("the worker fails");
  });
  await assert.rejects(failed, /the worker fails/);
  assert.equal((await claimTurn(shares, shares.begin(), "small")).length, 0);
  await queue("a", 1);
  assert.equal((await claimTurn(shares, turn, "small")).length, 2);
  shares.end(turn);
  await queue("a", 1);
  assert.equal((await claimTurn(shares, shares.begin(), "small")).length, 1);
});

test("while small backlogs are served a large one gets small helpings and rests after each; alone it gets all at once", async () => {
  const clock = { nowMs: 0 };
  const { promise: rested, resolve } = Promise.withResolvers<void>();
  const shares = sharesOf(clock, resolve);
  await queue("flood", 60, { updates: 50 });
  const helping = async (): Promise<number> => {
    const turn = shares.begin();
    const rows = await claimTurn(shares, turn, "large");
    shares.end(turn);
    return rows.reduce((sum, row) => sum + row.updates, 0);
  };
  assert.equal(await helping(), limits.claimUpdatesMax);
  await queue("quiet", 1);
  const quiet = shares.begin();
  assert.deepEqual(accountsOf(await claimTurn(shares, quiet, "small")), ["quiet"]);
  shares.end(quiet);
  clock.nowMs += limits.sharedLaneMs - 1;
  const turn = shares.begin();
  const rows = await claimTurn(shares, turn, "large");
  assert.equal(rows.length * 50, limits.claimUpdatesSharedMax);
  // So slow that its rest is the longest there is; small backlogs are still being served when it ends.
  await queue("quiet", 1);
  const next = shares.begin();
  clock.nowMs += 10 * limits.sharedRestMsMax;
  await claimTurn(shares, next, "small");
  const endedAt = performance.now();
  shares.end(turn);
  assert.equal(shares.isWanted(new Set(["flood"])), false);
  await rested;
  const restedMs = performance.now() - endedAt;
  assert(restedMs >= limits.sharedRestMsMax - 5, `rested for ${restedMs} ms`);
  assert.equal(shares.isWanted(new Set(["flood"])), true);
  clock.nowMs += limits.sharedLaneMs;
  assert.equal(await helping(), limits.claimUpdatesMax);
  assert.equal(shares.isWanted(new Set(["flood"])), true);
});

test("several large backlogs are no flood: all share in whole claims, side by side in the loops, and rest after none", async () => {
  const shares = sharesOf({ nowMs: 0 });
  const serve = async (prefers: Preference): Promise<[Turn, number]> => {
    const turn = shares.begin();
    const rows = await claimTurn(shares, turn, prefers);
    return [turn, rows.reduce((sum, row) => sum + row.updates, 0)];
  };
  await queue("quiet", 1);
  const [small] = await serve("small");
  await queue("first", 60, { updates: 50 });
  await queue("second", 60, { updates: 50 });
  const [both, updates] = await serve("large");
  assert.deepEqual([both.accounts, updates], [new Set(["first", "second"]), limits.claimUpdatesMax]);
  await queue("third", 60, { updates: 50 });
  const [third, more] = await serve("small");
  assert.deepEqual([third.accounts, more], [new Set(["first", "second", "third"]), limits.claimUpdatesMax]);
  for (const turn of [small, both, third]) shares.end(turn);
  assert.equal(shares.isWanted(new Set(["first", "second", "third"])), true);
});

test("a turn with much to do stands aside for turns with little to do, in all not for longer than it must", async () => {
  const way = new RightOfWay();
  const giveWay = way.giver();
  await giveWay();
  const [leaveFirst, leaveSecond] = [way.enter(), way.enter()];
  let gone = false;
  const aside = giveWay().then(() => (gone = true));
  leaveFirst();
  await Promise.resolve();
  assert.equal(gone, false);
  leaveSecond();
  await aside;
  way.enter();
  const [began, other] = [performance.now(), way.giver()];
  for (let statements = 0; statements < 20; statements += 1) await other();
  const waitedMs = performance.now() - began;
  assert(waitedMs >= limits.giveWayMsMax - 2, `waited for ${waitedMs} ms`);
});

test("on the way out a message goes with the next claim, with ten thousand older ones of another tenant before it", async () => {
  const tenantId = await rig.tenant({ autoReplyEnabled: false });
  // As many numbers as could take all places there are.
  const noisy: Outbox[] = [];
  for (let numbers = 0; numbers < 3; numbers += 1) noisy.push(outboxOf(rig, await rig.connect(tenantId)));
  const quiet = outboxOf(rig, await rig.connect(await rig.tenant({ autoReplyEnabled: false })));
  for (const box of [...noisy, quiet]) await box.pace(100_000);
  const queued = 10_000;
  const dana = await quiet.customer();
  const numbers = noisy.map(({ number }) => `'${number.id}'::uuid`).join(", ");
  // Past all checks: only what the claim looks at has to be right.
  await rig.sql(
    `begin; set local session_replication_role = replica;
     create temp table wanted on commit drop as select '${tenantId}'::uuid as tenant_id, (array[${numbers}])[1 + g % 3] as connection_id, gen_random_uuid() as id, g
       from generate_series(1, ${queued}) g;
     insert into whatsapp_conversations (tenant_id, id, connection_id, group_id, created_at) select tenant_id, id, connection_id, 'group ' || g, now() from wanted;
     insert into whatsapp_messages (tenant_id, id, connection_id, conversation_id, direction, origin, type, role, content, status, wa_timestamp, created_at)
       select tenant_id, id, connection_id, id, 'outbound', 'api', 'text', 'message', '{"type": "text", "body": "one of many"}', 'pending', now(), now() from wanted;
     insert into whatsapp_sends (tenant_id, message_id, connection_id, conversation_id, state, due_at, is_freeform, created_at)
       select tenant_id, id, connection_id, id, 'queued', now() - interval '1 minute', false, now() from wanted;
     commit; analyze whatsapp_conversations, whatsapp_messages, whatsapp_sends`,
  );
  const sent = await quiet.send(dana);
  const graph = scriptedGraph();
  const { taken, errors } = await handSender(rig, graph).turn();
  assert.deepEqual(errors, []);
  assert(taken >= limits.sendsUnderWayPerLaneMax, `${taken} were taken`);
  assert.equal((await rowOf(rig, sent.id)).status, "accepted");
});
