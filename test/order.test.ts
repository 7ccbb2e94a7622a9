import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import { bodyOf, type Element } from "./support/bodies.ts";
import { anyHistory, startMs, type Arrangement, type Happening } from "./support/histories.ts";
import { countsOf, renamed, snapshot, type Snapshot } from "./support/snapshot.ts";
import { randomDigits, startRig, type Connected } from "./support/worker.ts";

const rig = await startRig({ after }, { nowMs: startMs + 3_600_000 });

type World = { tenantIds: string[]; numbers: Connected[]; names: Map<string, string> };

/** Two tenants: one with two numbers, one with one. */
async function makeWorld(): Promise<World> {
  const tenantIds = [await rig.tenant({ autoReplyEnabled: false }), await rig.tenant({ autoReplyEnabled: false })];
  const [first = "", second = ""] = tenantIds;
  const wabaId = randomDigits();
  const numbers = [
    await rig.connect(first, { wabaId, displayPhoneNumber: "15551001" }),
    await rig.connect(first, { wabaId, displayPhoneNumber: "15551002" }),
    await rig.connect(second, { displayPhoneNumber: "15551003" }),
  ];
  const names = new Map(
    numbers.flatMap((number, index) => [
      [number.wabaId, `waba ${number.tenantId === first ? 1 : 2}`],
      [number.phoneNumberId, `number ${index}`],
    ]),
  );
  return { tenantIds, numbers, names };
}

const stateOf = async (world: World): Promise<Snapshot> => renamed(await snapshot(rig, world.tenantIds), world.names);

async function post(elements: readonly Element[]): Promise<void> {
  const { received } = await rig.receive(bodyOf(...elements));
  assert.equal(received, "stored");
}

/** As it happened: one by one, and then the workers. */
async function arriveInOrder(happenings: readonly Happening[]): Promise<Snapshot> {
  const world = await makeWorld();
  for (const happening of happenings) await post([happening(world.numbers)]);
  await rig.drain();
  return stateOf(world);
}

async function arrive(happenings: readonly Happening[], { order, cuts, drains }: Arrangement): Promise<Snapshot> {
  const world = await makeWorld();
  let body: Element[] = [];
  for (const [place, index] of order.entries()) {
    const happening = happenings[index];
    if (happening !== undefined) body.push(happening(world.numbers));
    if (cuts[place] === true || place === order.length - 1) {
      await post(body);
      body = [];
    }
    if (drains[place] === true) await rig.drain();
  }
  await rig.drain();
  return stateOf(world);
}

test("the end state is a function of the set of updates: any order, duplication and re-batching (I3)", async () => {
  const before = await countsOf(rig);
  await fc.assert(
    fc.asyncProperty(anyHistory(12), async ({ happenings, arrangement }) => {
      const [reference, other] = [await arriveInOrder(happenings), await arrive(happenings, arrangement)];
      assert.deepEqual(other, reference);
    }),
    { numRuns: Number(process.env["KESHER_ORDER_RUNS"] ?? 120) },
  );
  const { updates, stored, parked, duplicates } = await countsOf(rig);
  assert.equal(updates, stored + parked + duplicates);
  assert.ok(updates > before.updates);
});
