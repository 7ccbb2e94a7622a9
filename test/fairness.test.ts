import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { transaction, type Tx } from "../src/db/transaction.ts";
import { claimPending, type ClaimLimits, type PendingRow } from "../src/queue/pending.ts";
import { limits } from "../src/limits.ts";
import type { Lane } from "../src/services/whatsapp/graph/updates.ts";
import { bodyOf, message } from "./support/bodies.ts";
import { randomDigits, startRig } from "./support/worker.ts";

const rig = await startRig({ after });
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
const claimIn = (tx: Tx, limits: Partial<ClaimLimits> = {}, lane: Lane = "whatsapp-messages"): Promise<PendingRow[]> =>
  claimPending(tx, lane, { ...bounds, ...limits }, 0);
const claim = (limits?: Partial<ClaimLimits>, lane?: Lane): Promise<PendingRow[]> =>
  transaction(rig.ingest, (tx) => claimIn(tx, limits, lane));
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

test("the loops of a lane claim disjoint shares of the accounts, and together all of them", async () => {
  const accounts = Array.from({ length: 20 }, (_, index) => `shared ${index}`);
  for (const account of accounts) await queue(account, 2);
  const of = limits.laneLoopsMax;
  const claims: PendingRow[][] = [];
  for (let index = 0; index < of; index += 1) claims.push(await claim({ accountsMax: 30, share: { index, of } }));
  assert.ok(claims.every((rows) => rows.length > 0));
  const seen = claims.map((rows) => new Set(rows.map((row) => row.account)));
  assert.equal(
    seen.reduce((sum, set) => sum + set.size, 0),
    accounts.length,
  );
  assert.deepEqual(seen.flatMap((set) => [...set]).toSorted(), accounts.toSorted());
  assert.equal(claims.flat().length, 2 * accounts.length);
});
