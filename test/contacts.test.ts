import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import pg from "pg";
import type { SeenIdentity } from "../src/core/evidence.ts";
import { tenantScope } from "../src/core/scope.ts";
import type { Db } from "../src/db/pool.ts";
import { tenantTransaction, transaction, type Tx } from "../src/db/transaction.ts";
import { makeLinkCache } from "../src/services/whatsapp/contacts/link-cache.ts";
import { unmergeContact } from "../src/services/whatsapp/contacts/merge.ts";
import { resolveContacts, type Resolved, type Sighting } from "../src/services/whatsapp/contacts/contacts.ts";
import { withDatabase } from "./support/database.ts";
import { anyHistory } from "./support/identities.ts";
import { checkRows, claims, expected, grouped, makeWorld, placed, receive, sighting, type World } from "./support/people.ts";

let ingest: Db;
let app: Db;
let admin: pg.Client;
const closers: (() => Promise<void>)[] = [];

before(async () => {
  const database = await withDatabase({ after: (fn) => void closers.push(fn) });
  ingest = database.open("kesher_ingest", { connectionsMax: 10 });
  app = database.open("kesher_app");
  admin = new pg.Client(database.superuser);
  await admin.connect();
});
after(async () => {
  await admin.end();
  for (const close of closers) await close();
});

/** Names only with user ids: of a name that came with a phone alone only the contact of its arrival is on record. */
function named(world: World, seen: SeenIdentity, index: number): Sighting {
  const profileName = seen.userId === null || index % 3 === 0 ? null : `Name ${index % 4}`;
  return sighting(world, seen.atMs, { ...seen, profileName, waMessageId: `wamid.${String(index).padStart(3, "0")}` });
}

test("people, addresses, names and the places of messages are a function of the set, in any order and any batches", async () => {
  await fc.assert(
    fc.asyncProperty(anyHistory(), async ({ sightings, shuffled, cuts }) => {
      const world = await makeWorld(admin, ingest);
      const all = new Map(sightings.map((seen, index) => [seen, named(world, seen, index)]));
      const ordered = sightings.flatMap((seen) => all.get(seen) ?? []);
      for (const [index, from] of [0, ...cuts].entries()) {
        await receive(
          world,
          shuffled.slice(from, [...cuts, shuffled.length][index]).flatMap((seen) => all.get(seen) ?? []),
        );
      }
      const at = await placed(world);
      const { people, names, claims: addresses } = expected(ordered);
      assert.deepEqual(grouped(ordered.map((one) => at.get(one.waMessageId)?.contactId ?? "")), people);
      assert.deepEqual(
        ordered.map((one) => at.get(one.waMessageId)?.profileName ?? null),
        names,
      );
      await checkRows(world);
      assert.deepEqual(await claims(world), addresses);
      // Once more, as after a retry.
      await transaction(ingest, (tx) => resolveContacts(tx, ordered, world.nowMs));
      assert.deepEqual(await claims(world), addresses);
      await checkRows(world);
    }),
    { numRuns: 40 },
  );
});

test("fifty first messages of one customer in parallel transactions end in one contact", async () => {
  const world = await makeWorld(admin, ingest);
  const album = Array.from({ length: 50 }, (_, index) =>
    sighting(world, 1_000 * (50 - index), { phone: "972501", userId: "IL.a", profileName: "Dana" }),
  );
  const people = await Promise.all(album.map((one) => receive(world, [one])));
  assert.equal(new Set(people.flat().map((one) => one.contactId)).size, 1);
  const made = await admin.query(`select profile_name from whatsapp_contacts where tenant_id = $1`, [world.tenantId]);
  assert.deepEqual(made.rows, [{ profile_name: "Dana" }]);
  assert.deepEqual((await claims(world)).length, 2);
  await checkRows(world);
});

test("histories that several transactions learn at the same time end with the same people", async () => {
  await fc.assert(
    fc.asyncProperty(anyHistory(10), async ({ sightings }) => {
      const world = await makeWorld(admin, ingest);
      const ordered = sightings.map((seen, index) => named(world, seen, index));
      await Promise.all(ordered.map((one) => untilCommitted(() => transaction(ingest, (tx) => resolveContacts(tx, [one], world.nowMs)))));
      const { people, names, claims: addresses } = expected(ordered);
      assert.deepEqual(await claims(world), addresses);
      const resolved = await transaction(ingest, (tx) => resolveContacts(tx, ordered, world.nowMs));
      assert.deepEqual(grouped(resolved.map((one) => one.contactId)), people);
      const shown = await admin.query<{ id: string; name: string | null }>(
        `select id, profile_name as name from whatsapp_contacts where tenant_id = $1`,
        [world.tenantId],
      );
      const nameOf = new Map(shown.rows.map(({ id, name }) => [id, name]));
      assert.deepEqual(
        resolved.map((one) => nameOf.get(one.contactId) ?? null),
        names,
      );
      await checkRows(world);
    }),
    { numRuns: 20 },
  );
});

test("people whom a tie that moved later held together stay one when a sighting in between said so", async () => {
  const world = await makeWorld(admin, ingest);
  const links = [{ by: "previous_user_id", previousUserId: "IL.a", userId: null, phone: null }] as const;
  const phone = "972503";
  const batches = [
    [
      sighting(world, 1_000, { userId: "IL.a" }),
      sighting(world, 28_000, { scope: "portfolio", phone, userId: "IL.a" }),
      sighting(world, 26_000, { phone, links }),
    ],
    [sighting(world, 30_000, { phone, userId: "IL.a" })],
    [sighting(world, 4_000, { scope: "portfolio", phone, userId: "IL.e" })],
  ];
  for (const batch of batches) await receive(world, batch);
  assert.equal(new Set([...(await placed(world)).values()].map((one) => one.contactId)).size, 1);
  // It says nothing new a second time: two reads, and neither a lock nor a new version of the tenant's people.
  assert.deepEqual(await statementsOf(batches[1] ?? []), ["contacts.known", "contacts.bonds_of"]);
});

test("a phone that is left in the same batch is another person's afterwards, even for messages whose sender was on record", async () => {
  const world = await makeWorld(admin, ingest);
  const phone = "972501";
  const before = sighting(world, 1_000, { phone });
  const leaves = sighting(world, 1_000, { phone, links: [{ by: "previous_phone", previousPhone: phone, userId: null, phone: null }] });
  const after = sighting(world, 2_000, { phone });
  await receive(world, [before]);
  await receive(world, [leaves, after]);
  const at = await placed(world);
  assert.equal(at.get(leaves.waMessageId)?.contactId, at.get(before.waMessageId)?.contactId);
  assert.notEqual(at.get(after.waMessageId)?.contactId, at.get(before.waMessageId)?.contactId);
  await checkRows(world);
});

/** As the worker does with SQLSTATE 40. */
async function untilCommitted<T>(work: () => Promise<T>, attemptsMax = 20): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) || error.code?.startsWith("40") !== true || attempt === attemptsMax) throw error;
    }
  }
}

test("a batch in which everybody is known is one read, and one write when a newer name or time is in it", async () => {
  const world = await makeWorld(admin, ingest);
  const first = Array.from({ length: 300 }, (_, index) =>
    sighting(world, 1_000, { phone: `9725${index}`, userId: `IL.u${index}`, profileName: `Name ${index}` }),
  );
  await transaction(ingest, (tx) => resolveContacts(tx, first, world.nowMs));
  assert.deepEqual(await statementsOf(first), ["contacts.known"]);
  assert.deepEqual(await statementsOf(first.map((one) => ({ ...one, atMs: 2_000 }))), ["contacts.known", "contacts.note_profiles"]);
  assert.deepEqual(await statementsOf(first.map((one) => ({ ...one, atMs: 3_000, userId: null, profileName: null }))), ["contacts.known"]);
});

async function statementsOf(sightings: readonly Sighting[]): Promise<string[]> {
  const asked: string[] = [];
  await transaction(ingest, (tx) => {
    const watched: Tx = {
      ...tx,
      query(statement, values) {
        asked.push(statement.name);
        return tx.query(statement, values);
      },
    };
    return resolveContacts(watched, sightings, 1_800_000_000_000);
  });
  return asked;
}

test("new contacts of many tenants are made by a handful of statements, and each tenant has its own", async () => {
  const worlds = [await makeWorld(admin, ingest), await makeWorld(admin, ingest)];
  const sightings = Array.from({ length: 400 }, (_, index) => {
    const world = worlds[index % 2];
    assert.ok(world !== undefined);
    return sighting(world, 1_000, { phone: `9725${index >> 1}`, userId: `IL.u${index >> 1}` });
  });
  const asked = await statementsOf(sightings);
  assert.ok(asked.length <= 10, asked.join(", "));
  const people = await transaction(ingest, (tx) => resolveContacts(tx, sightings, 1));
  assert.equal(new Set(people.map((one) => one.contactId)).size, 400);
  assert.ok(people.every((one) => !one.isNew && !one.hasChanged));
});

test("the name is that of the greatest time, whatever comes last", async () => {
  const world = await makeWorld(admin, ingest);
  const who = { phone: "972501", userId: "IL.a" };
  const resolve = async (atMs: number, profileName: string | null): Promise<Resolved | undefined> => {
    const [one] = await transaction(ingest, (tx) => resolveContacts(tx, [sighting(world, atMs, { ...who, profileName })], world.nowMs));
    return one;
  };
  const news: unknown[] = [];
  for (const [atMs, name] of [
    [1_000, "Dana"],
    [5_000, "Dana"],
    [3_000, "Danny"],
    [6_000, null],
    [7_000, "Danny"],
  ] as const) {
    const one = await resolve(atMs, name);
    news.push([one?.isNew, one?.hasChanged]);
    const { rows } = await admin.query(`select profile_name as name from whatsapp_contacts where tenant_id = $1`, [world.tenantId]);
    assert.deepEqual(rows, [{ name: atMs === 7_000 ? "Danny" : "Dana" }]);
  }
  assert.deepEqual(news, [
    [true, true],
    [false, false],
    [false, false],
    [false, false],
    [false, true],
  ]);
});

test("a merge folds what no message tells into the canonical conversation, and says that the contact changed", async () => {
  const world = await makeWorld(admin, ingest);
  const [old] = await receive(world, [sighting(world, 1_000, { phone: "972501" })]);
  const [young] = await receive(world, [sighting(world, 2_000, { userId: "IL.a", profileName: "Dana" })]);
  assert.notEqual(old?.contactId, young?.contactId);
  await admin.query(
    `update whatsapp_conversations set refused_at = to_timestamp(9), auto_replied_at = to_timestamp(8), free_entry_point_expires_at = to_timestamp(7)
     where tenant_id = $1 and contact_id = $2`,
    [world.tenantId, young?.contactId],
  );
  const [both] = await receive(world, [sighting(world, 3_000, { phone: "972501", userId: "IL.a" })]);
  assert.deepEqual(both, { ownContactId: young?.ownContactId, contactId: old?.contactId, isNew: false, hasChanged: true });
  const { rows } = await admin.query(
    `select c.profile_name, v.unread_count, v.inbound_count, v.reply_user_id, extract(epoch from v.refused_at)::int as refused, extract(epoch from v.auto_replied_at)::int as replied,
       extract(epoch from v.free_entry_point_expires_at)::int as free
     from whatsapp_conversations v join whatsapp_contacts c on c.tenant_id = v.tenant_id and c.id = v.contact_id
     where v.tenant_id = $1 and v.merged_into_id is null`,
    [world.tenantId],
  );
  assert.deepEqual(rows, [
    { profile_name: "Dana", unread_count: "3", inbound_count: "3", reply_user_id: "IL.a", refused: 9, replied: 8, free: 7 },
  ]);
  await checkRows(world);
});

test("an undone merge gives back names and conversations, and the same evidence does not merge them again", async () => {
  const world = await makeWorld(admin, ingest);
  const link = [{ by: "previous_user_id", previousUserId: "IL.a", userId: "IL.b", phone: null }] as const;
  const words = [
    sighting(world, 1_000, { userId: "IL.a", profileName: "Dana" }),
    sighting(world, 2_000, { userId: "IL.b", profileName: "Gil" }),
  ];
  for (const one of words) await receive(world, [one]);
  const tie = sighting(world, 3_000, { userId: "IL.b", links: link });
  const [merged] = await receive(world, [tie]);
  const late = sighting(world, 4_000, { userId: "IL.b", profileName: "Gil B" });
  await receive(world, [late]);
  const at = await placed(world);
  assert.equal(new Set([...at.values()].map((one) => one.contactId)).size, 1);
  assert.equal(at.get(tie.waMessageId)?.profileName, "Gil B");

  const scope = tenantScope(world.tenantId);
  const canonicalId = merged?.contactId ?? "";
  assert.equal(await tenantTransaction(app, scope, (tx) => unmergeContact(tx, scope, canonicalId, world.nowMs)), true);
  const names = async (): Promise<(string | null | undefined)[]> => {
    const now = await placed(world);
    return [...words, tie, late].map((one) => now.get(one.waMessageId)?.profileName);
  };
  assert.deepEqual(await names(), ["Dana", "Gil B", "Gil B", "Gil B"]);
  await checkRows(world);
  await receive(world, [sighting(world, 5_000, { userId: "IL.b", links: link })]);
  assert.deepEqual(await names(), ["Dana", "Gil B", "Gil B", "Gil B"]);
  assert.equal(await tenantTransaction(app, scope, (tx) => unmergeContact(tx, scope, canonicalId, world.nowMs)), false);
  const stranger = await makeWorld(admin, ingest);
  const strangers = tenantScope(stranger.tenantId);
  assert.equal(await tenantTransaction(app, strangers, (tx) => unmergeContact(tx, strangers, canonicalId, world.nowMs)), false);
});

test("the tenant's own role can find and make contacts, of this tenant only", async () => {
  const world = await makeWorld(admin, ingest);
  const scope = tenantScope(world.tenantId);
  const [made] = await tenantTransaction(app, scope, (tx) =>
    resolveContacts(tx, [sighting(world, 1_000, { phone: "972501" })], world.nowMs),
  );
  assert.equal(made?.isNew, true);
  const other = await makeWorld(admin, ingest);
  await assert.rejects(
    tenantTransaction(app, scope, (tx) => resolveContacts(tx, [sighting(other, 1_000, { phone: "972501" })], world.nowMs)),
    { code: "42501" },
  );
});

test("a sighting without any address is refused", async () => {
  const world = await makeWorld(admin, ingest);
  await assert.rejects(transaction(ingest, (tx) => resolveContacts(tx, [sighting(world, 1_000, {})], world.nowMs)));
  assert.deepEqual(await transaction(ingest, (tx) => resolveContacts(tx, [], world.nowMs)), []);
});

test("the cache of links knows a pair from the time it was seen on, forgets the least used, and never vouches for names or links", async () => {
  const world = await makeWorld(admin, ingest);
  const cache = makeLinkCache(2);
  const pair = (userId: string, atMs = 5_000): Sighting => sighting(world, atMs, { phone: "972501", userId });
  assert.equal(cache.isKnown(pair("IL.a")), false);
  cache.remember(pair("IL.a"));
  assert.equal(cache.isKnown(pair("IL.a")), true);
  assert.equal(cache.isKnown(pair("IL.a", 4_000)), false);
  cache.remember(pair("IL.a", 3_000));
  assert.equal(cache.isKnown(pair("IL.a", 4_000)), true);
  assert.equal(cache.isKnown({ ...pair("IL.a"), profileName: "Dana" }), false);
  assert.equal(cache.isKnown({ ...pair("IL.a"), links: [{ by: "contact_request", phone: "1" }] }), false);
  assert.equal(cache.isKnown({ ...pair("IL.a"), parentUserId: "IL.ENT.p" }), false);
  cache.remember(pair("IL.b"));
  assert.equal(cache.isKnown(pair("IL.a")), true);
  cache.remember(pair("IL.c"));
  assert.deepEqual(
    ["IL.a", "IL.b", "IL.c"].map((userId) => cache.isKnown(pair(userId))),
    [true, false, true],
  );
});
