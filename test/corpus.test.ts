import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import type { LocatedUpdate, Update } from "../src/services/whatsapp/graph/updates.ts";
import { locateBody } from "../src/webhooks/locate-body.ts";
import { countsOf, renamed, snapshot, type Snapshot } from "./support/snapshot.ts";
import { randomDigits, startRig, type Connected, type Rig } from "./support/worker.ts";

const corpus = path.join(import.meta.dirname, "../corpus");
/** After every time in the corpus, so that none is clamped. */
const nowMs = 1_796_500_000_000;

type Expected = Pick<LocatedUpdate, "wabaId" | "phoneNumberId"> & { update: Update };
type File = { name: string; bytes: Buffer; expected: Expected[] };
const files: File[] = readdirSync(corpus)
  .filter((name) => !name.endsWith(".expected.json"))
  .toSorted()
  .map((name) => ({
    name,
    bytes: readFileSync(path.join(corpus, name)),
    expected: JSON.parse(readFileSync(path.join(corpus, name.replace(/\.(?:json|body)$/, ".expected.json")), "utf8")) as Expected[],
  }));

/** The accounts and numbers that the corpus speaks of. */
const numbers = [
  { wabaId: "900100200300401", phoneNumberId: "700800900100201", displayPhoneNumber: "15550102001" },
  { wabaId: "900100200300401", phoneNumberId: "700800900100202", displayPhoneNumber: "15550102002" },
  { wabaId: "900100200300402", phoneNumberId: "700800900100203", displayPhoneNumber: "15550102003" },
] as const;

/** Tenants of this world alone, whose ids of Meta take the place of the corpus's. */
type World = { appKey: string; tenantIds: string[]; connections: Connected[]; names: Map<string, string>; of: (bytes: Buffer) => Buffer };

async function makeWorld(rig: Rig): Promise<World> {
  const tenantId = await rig.tenant({ autoReplyEnabled: false });
  const appKey = await rig.ownApp(tenantId);
  const ids = new Set(numbers.flatMap(({ wabaId, phoneNumberId }) => [wabaId, phoneNumberId]));
  const names = new Map([...ids].map((id) => [randomDigits(), id]));
  const own = new Map([...names].map(([mine, id]) => [id, mine]));
  const connections: Connected[] = [];
  for (const { wabaId, phoneNumberId, displayPhoneNumber } of numbers) {
    const wanted = { wabaId: own.get(wabaId) ?? "", phoneNumberId: own.get(phoneNumberId) ?? "", displayPhoneNumber, appKey };
    connections.push(await rig.connect(tenantId, wanted));
  }
  const of = (bytes: Buffer): Buffer => {
    let text = bytes.toString("latin1");
    for (const [id, mine] of own) text = text.replaceAll(id, mine);
    return Buffer.from(text, "latin1");
  };
  return { appKey, tenantIds: [tenantId], connections, names, of };
}

const rig = await startRig({ after }, { nowMs });

async function send(world: World, bytes: Buffer): Promise<number> {
  const { received, updates } = await rig.receive(world.of(bytes), world.appKey);
  assert.equal(received, "stored");
  return updates;
}
const stateOf = async (world: World): Promise<Snapshot> => renamed(await snapshot(rig, world.tenantIds, [world.appKey]), world.names);

/** Every byte of the rows, our own ids and times with them. */
async function fingerprint(world: World): Promise<unknown> {
  const tables = ["contacts", "contact_addresses", "conversations", "messages", "message_statuses", "account_events"];
  const parts = tables.map(
    (table) => `select '${table}', md5(string_agg(t::text, '|' order by t::text)) from whatsapp_${table} t where tenant_id = any($1)`,
  );
  return rig.sql(parts.join(" union all "), [world.tenantIds]);
}

/** What the decoder made of the file is what the rows say. Where one id stands twice, either content may have won. */
function assertStored(state: Snapshot, expected: readonly Expected[]): void {
  const rows = state.messages as { [column: string]: unknown }[];
  const facts = state.facts as { [column: string]: unknown }[];
  const idOf = ({ update }: Expected): string => ("waMessageId" in update ? `${update.kind} ${update.waMessageId}` : "");
  for (const each of expected) {
    const { update, phoneNumberId } = each;
    if (update.kind === "status") {
      const { waMessageId, status, participant, atMs: at } = update;
      const isThere = facts.some(
        (fact) =>
          fact["wa_message_id"] === waMessageId && fact["status"] === status && fact["participant"] === participant && fact["at"] === at,
      );
      assert.ok(isThere, `no fact ${waMessageId} ${status}`);
    }
    if (update.kind !== "message" && update.kind !== "echo") continue;
    const row = rows.find((one) => one["wa_message_id"] === update.waMessageId && one["phone_number_id"] === phoneNumberId);
    assert.ok(row, `no message ${update.waMessageId}`);
    if (expected.filter((other) => idOf(other) === idOf(each)).length > 1) continue;
    const peer = update.kind === "message" ? update.from : update.to;
    assert.deepEqual(
      {
        direction: row["direction"],
        type: row["type"],
        role: row["role"],
        content: row["content"],
        at: row["wa_timestamp"],
        target: row["target_wa_message_id"],
        phone: row["sender_phone"],
        userId: row["sender_user_id"],
        group: row["group_id"],
      },
      {
        direction: update.kind === "message" ? "inbound" : "outbound",
        type: update.type,
        role: update.role,
        content: update.content,
        at: update.atMs,
        target: update.targetWaMessageId,
        phone: peer.phone,
        userId: peer.userId,
        group: update.groupId,
      },
    );
  }
  const counted = expected.filter(({ update }) => update.kind === "message" && update.role === "message");
  const inbound = (state.conversations as { inbound_count: number }[]).reduce((sum, { inbound_count: count }) => sum + count, 0);
  assert.equal(inbound, new Set(counted.map(idOf)).size);
}

/** DESIGN section 12, Parking, said once more and apart from the code under test. */
function isParked({ wabaId, phoneNumberId, update }: Expected): boolean {
  if (update.kind === "bad" || !numbers.some((number) => number.wabaId === wabaId)) return true;
  if (phoneNumberId !== null) return numbers.some((number) => number.phoneNumberId === phoneNumberId && number.wabaId !== wabaId);
  return update.kind !== "account" && update.kind !== "preference";
}

for (const { name, bytes, expected } of files) {
  test(`${name}: every update is stored or parked, and the second time changes nothing`, async () => {
    const world = await makeWorld(rig);
    assert.equal(await send(world, bytes), expected.length);
    await rig.drain();
    const once = await countsOf(rig, world.appKey);
    const parked = expected.filter(isParked).length;
    assert.deepEqual(
      [once.updates, once.stored + once.duplicates, once.parked, once.suppressed],
      [expected.length, expected.length - parked, parked, 0],
    );
    const [state, print] = [await stateOf(world), await fingerprint(world)];
    assert.equal(state.parked.length > 0, parked > 0);
    assertStored(
      state,
      expected.filter((each) => !isParked(each)),
    );

    await send(world, bytes);
    await rig.drain();
    const twice = await countsOf(rig, world.appKey);
    assert.deepEqual(twice, {
      updates: 2 * expected.length,
      stored: once.stored,
      parked: 2 * parked,
      duplicates: once.duplicates + expected.length - parked,
      suppressed: 0,
    });
    assert.deepEqual(await stateOf(world), state);
    assert.deepEqual(await fingerprint(world), print);
  });
}

/** Whole bodies, or for those that survive it, the changes they are made of. */
type Piece = { entry: unknown } | { bytes: Buffer };

function piecesOf(bytes: Buffer): Piece[] {
  let body: { entry?: { changes?: unknown[] }[] };
  try {
    body = JSON.parse(bytes.toString("utf8")) as typeof body;
    const pieces = (body.entry ?? []).flatMap((entry) =>
      (entry.changes ?? []).map((change) => ({ entry: { ...entry, changes: [change] } })),
    );
    const located = pieces.flatMap((piece) => locateBody(joined([piece])));
    const isSame = JSON.stringify(located.map(plain)) === JSON.stringify(locateBody(bytes).map(plain));
    return isSame && !/\de\+?\d{3}/i.test(bytes.toString("latin1")) ? pieces : [{ bytes }];
  } catch {
    return [{ bytes }];
  }
}

function plain({ index: _index, ...located }: LocatedUpdate): unknown {
  return located;
}

function joined(pieces: readonly { entry: unknown }[]): Buffer {
  return Buffer.from(JSON.stringify({ object: "whatsapp_business_account", entry: pieces.map(({ entry }) => entry) }));
}

/** In another order, cut into other bodies, some of them twice, and the workers run in between. */
async function sendShuffled(world: World, seed: number): Promise<void> {
  const [pieces = []] = fc.sample(fc.shuffledSubarray(allPieces, { minLength: allPieces.length }), { numRuns: 1, seed });
  const [sizes = []] = fc.sample(fc.array(fc.integer({ min: 1, max: 12 }), { minLength: pieces.length, maxLength: pieces.length }), {
    numRuns: 1,
    seed,
  });
  for (let at = 0, turn = 0; at < pieces.length; turn += 1) {
    const group = pieces.slice(at, at + (sizes[turn] ?? 1));
    at += group.length;
    const bodies = group.flatMap((piece) => ("bytes" in piece ? [piece.bytes] : []));
    const entries = group.filter((piece) => "entry" in piece);
    if (entries.length > 0) bodies.push(joined(entries));
    for (const body of bodies) await send(world, body);
    if (turn % 3 === 0) await rig.drain();
    if (turn % 4 === 0) await Promise.all(bodies.map((body) => send(world, body)));
  }
  await rig.drain();
}
const allPieces = files.flatMap(({ bytes }) => piecesOf(bytes));

test("the whole corpus ends in the same state, whatever the order, the batches and the repetitions", async () => {
  const reference = await makeWorld(rig);
  let sent = 0;
  for (const { bytes } of files) sent += await send(reference, bytes);
  await rig.drain();
  const state = await stateOf(reference);
  const counts = await countsOf(rig, reference.appKey);
  assert.equal(counts.updates, sent);
  assert.equal(counts.updates, counts.stored + counts.parked + counts.duplicates);
  assert.ok(state.messages.length > 100 && state.facts.length > 50 && state.contacts.length > 50);
  for (const seed of [1, 2, 3, 4, 5]) {
    const world = await makeWorld(rig);
    await sendShuffled(world, seed);
    assert.deepEqual(await stateOf(world), state, `seed ${seed}`);
  }
});
