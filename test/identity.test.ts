import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { emptyEvidence, knowAddress, knowBond, knowTie, type Evidence, type SeenIdentity } from "../src/core/evidence.ts";
import {
  addressesOf,
  contactMaker,
  contactsToCompare,
  deriveCanonicals,
  findContact,
  findSettled,
  isLocal,
  place,
  record,
} from "../src/core/identity.ts";
import { ownerAt } from "../src/core/phone-owner.ts";
import { compareText, hasSameNames, newerProfile, noProfile, type Profile } from "../src/core/profile.ts";
import { anyHistory } from "./support/identities.ts";

const nobody: SeenIdentity = { scope: "s", atMs: 0, phone: null, userId: null, parentUserId: null, links: [] };
const seen = (atMs: number, who: Partial<SeenIdentity>): SeenIdentity => ({ ...nobody, atMs, ...who });
const changedNumber = (atMs: number, from: string, to: string): SeenIdentity =>
  seen(atMs, { phone: from, links: [{ by: "previous_phone", previousPhone: from, userId: null, phone: to }] });

/** Records batch after batch what is not settled, as the service does; each contact is younger than the one before. */
function learn(batches: readonly (readonly SeenIdentity[])[], evidence: Evidence = emptyEvidence()): Evidence {
  for (const batch of batches) {
    const count = evidence.contacts.size;
    record(
      evidence,
      batch.filter((one) => findSettled(evidence, one) === null),
      contactMaker(evidence, () => `contact ${String(evidence.contacts.size).padStart(4, "0")}`, count),
    );
    settle(evidence);
  }
  return evidence;
}

function settle(evidence: Evidence): void {
  for (const [id, canonicalId] of deriveCanonicals(evidence)) {
    const contact = evidence.contacts.get(id);
    if (contact !== undefined) contact.canonicalId = canonicalId;
  }
}

/** For each sighting the number of the first one that is of the same person. */
function people(evidence: Evidence, sightings: readonly SeenIdentity[]): number[] {
  const whole = learn([], evidence);
  for (const one of sightings) {
    if (one.userId === null && one.phone !== null)
      place(
        whole,
        one.phone,
        one.atMs,
        contactMaker(whole, () => `late ${whole.contacts.size}`, 1e9),
      );
  }
  const canonicals = deriveCanonicals(whole);
  const ids = sightings.map((one) => canonicals.get(findContact(whole, one) ?? "") ?? "nobody");
  return ids.map((id) => ids.indexOf(id));
}

function claims(evidence: Evidence): string[] {
  return [...evidence.addresses.values()]
    .filter((address) => address.kind !== "phone" || address.claimant.includes("."))
    .map((address) => `${address.kind} ${address.scope} ${address.value} ${address.claimant} ${address.fromAtMs}`)
    .toSorted();
}

const inOrder = (sightings: readonly SeenIdentity[]): number[] => people(learn([sightings]), sightings);

test("a phone and a user id in one element are one person, and so is the phone's earlier history", () => {
  assert.deepEqual(inOrder([seen(1, { phone: "1" }), seen(5, { phone: "1", userId: "US.a" }), seen(9, { userId: "US.a" })]), [0, 0, 0]);
});

test("a second user id on the same phone is another person, who owns the phone from then on", () => {
  const sightings = [
    seen(1, { phone: "1", userId: "US.a" }),
    seen(5, { phone: "1", userId: "US.b" }),
    seen(3, { phone: "1" }),
    seen(5, { phone: "1" }),
    seen(9, { phone: "1" }),
  ];
  assert.deepEqual(inOrder(sightings), [0, 1, 0, 1, 1]);
});

test("two user ids on a phone in the same second are ranked by their text", () => {
  const sightings = [
    seen(5, { phone: "1", userId: "US.b" }),
    seen(5, { phone: "1", userId: "US.a" }),
    seen(5, { phone: "1" }),
    seen(1, { phone: "1" }),
  ];
  assert.deepEqual(inOrder(sightings), [0, 1, 0, 1]);
});

test("a previous user id makes two ids one person, also before the previous one was ever seen", () => {
  const rotation = seen(5, { userId: "US.b", links: [{ by: "previous_user_id", previousUserId: "US.a", userId: "US.b", phone: "2" }] });
  assert.deepEqual(inOrder([rotation, seen(1, { userId: "US.a" }), seen(9, { phone: "2" })]), [0, 0, 0]);
});

test("a previous user id without the new one ties it to the sender", () => {
  const links = [{ by: "previous_user_id", previousUserId: "US.a", userId: null, phone: "2" } as const];
  const old = seen(1, { userId: "US.a" });
  assert.deepEqual(inOrder([old, seen(5, { userId: "US.b", links }), seen(6, { phone: "2" })]), [0, 0, 0]);
  assert.deepEqual(inOrder([old, seen(5, { phone: "1", links }), seen(6, { phone: "2" })]), [0, 0, 0]);
});

test("one parent id makes its user ids one person", () => {
  const parentUserId = "US.ENT.p";
  assert.deepEqual(
    inOrder([seen(1, { userId: "US.a", parentUserId }), seen(2, { userId: "US.b", parentUserId }), seen(3, { userId: "US.c" })]),
    [0, 0, 2],
  );
});

test("whoever changes number is the same person, and the old number is somebody else's afterwards", () => {
  const sightings = [
    seen(1, { phone: "1" }),
    changedNumber(5, "1", "2"),
    seen(6, { phone: "2" }),
    seen(5, { phone: "1" }),
    seen(6, { phone: "1" }),
    seen(4, { phone: "2" }),
  ];
  assert.deepEqual(inOrder(sightings), [0, 0, 0, 0, 4, 0]);
});

test("a change of number that names user ids follows them", () => {
  const links = [{ by: "previous_phone", previousPhone: "1", userId: "US.b", phone: "2" } as const];
  const sightings = [
    seen(1, { phone: "1", userId: "US.a" }),
    seen(5, { phone: "1", links }),
    seen(6, { userId: "US.b" }),
    seen(7, { phone: "2" }),
    seen(8, { phone: "1" }),
  ];
  assert.deepEqual(inOrder(sightings), [0, 0, 0, 0, 4]);
});

test("late evidence parts two people whom a change of number seemed to make one", () => {
  const change = changedNumber(10, "1", "2");
  const sightings = [seen(1, { phone: "1", userId: "US.a" }), change, seen(11, { phone: "2" }), seen(5, { phone: "1", userId: "US.b" })];
  const evidence = learn([sightings.slice(0, 3)]);
  assert.deepEqual(people(evidence, sightings.slice(0, 3)), [0, 0, 0]);
  learn([sightings.slice(3)], evidence);
  assert.deepEqual(people(evidence, sightings), [0, 1, 1, 1]);
});

test("a shared contact of one's own ties the phone to the sender, with or without a user id", () => {
  const links = [{ by: "contact_request", phone: "2" } as const];
  assert.deepEqual(inOrder([seen(1, { userId: "US.a", links }), seen(2, { phone: "2" })]), [0, 0]);
  assert.deepEqual(inOrder([seen(1, { phone: "1", links }), seen(2, { phone: "2" }), seen(3, { phone: "1" })]), [0, 0, 0]);
});

test("ties through a phone at which nobody was seen yet count", () => {
  const links = (phone: string) => [{ by: "contact_request", phone } as const];
  assert.deepEqual(inOrder([seen(1, { phone: "1", links: links("3") }), seen(1, { phone: "2", links: links("3") })]), [0, 0]);
});

test("a tie to a user id that is not on record holds nobody together", () => {
  const evidence = learn([[seen(1, { phone: "1" })]]);
  knowTie(evidence, { phone: "1", atMs: 1, other: { kind: "user_id", scope: "s", value: "US.x" }, contactId: "contact 0000" });
  assert.deepEqual([...deriveCanonicals(evidence).values()], ["contact 0000"]);
});

test("the oldest contact stays canonical, and the least id among those of one age", () => {
  const evidence = learn([[seen(1, { userId: "US.a" })], [seen(2, { userId: "US.b" }), seen(2, { userId: "US.c" })]]);
  knowBond(evidence, { contactId: "contact 0001", otherId: "contact 0002", isUndone: false });
  assert.equal(deriveCanonicals(evidence).get("contact 0002"), "contact 0001");
  knowBond(evidence, { contactId: "contact 0000", otherId: "contact 0002", isUndone: false });
  assert.deepEqual([...new Set(deriveCanonicals(evidence).values())], ["contact 0000"]);
});

test("of contacts of one age the least id is canonical, in whatever order they are met", () => {
  for (const ids of [
    ["a", "b", "c"],
    ["c", "b", "a"],
    ["b", "c", "a"],
  ]) {
    const evidence = emptyEvidence();
    for (const id of ids) evidence.contacts.set(id, { id, createdAtMs: 1, canonicalId: id });
    knowBond(evidence, { contactId: "a", otherId: "b", isUndone: false });
    knowBond(evidence, { contactId: "b", otherId: "c", isUndone: false });
    assert.deepEqual([...new Set(deriveCanonicals(evidence).values())], ["a"]);
  }
});

test("a link from nobody ties nobody", () => {
  const evidence = learn([[{ ...nobody, links: [{ by: "contact_request", phone: "1" }] }]]);
  assert.deepEqual([evidence.ties.size, evidence.contacts.size], [0, 0]);
});

test("two contacts that a person parted stay apart when the evidence comes again", () => {
  const first = seen(1, { userId: "US.a" });
  const second = seen(2, { userId: "US.b" });
  const both = seen(3, { userId: "US.b", links: [{ by: "previous_user_id", previousUserId: "US.a", userId: "US.b", phone: null }] });
  const evidence = learn([[first], [second], [both]]);
  assert.deepEqual(people(evidence, [first, second]), [0, 0]);
  for (const bond of evidence.bonds.values()) bond.isUndone = true;
  learn([[both]], evidence);
  assert.deepEqual(people(evidence, [first, second]), [0, 1]);
});

test("a sighting is settled only when every part of it is on record since that time", () => {
  const parentUserId = "US.ENT.p";
  const known = seen(5, { phone: "1", userId: "US.a", parentUserId });
  const evidence = learn([[known, seen(5, { phone: "9" }), seen(5, { userId: "US.z", parentUserId: "US.ENT.z" })]]);
  for (const settled of [known, { ...known, atMs: 8 }, seen(6, { userId: "US.a" }), seen(5, { phone: "9" }), seen(1, { phone: "1" })]) {
    assert.equal(findSettled(evidence, settled), findContact(evidence, settled));
    assert.notEqual(findSettled(evidence, settled), null);
  }
  for (const open of [
    nobody,
    { ...known, atMs: 4 },
    { ...known, phone: "2" },
    { ...known, parentUserId: "US.ENT.q" },
    { ...known, parentUserId: "US.ENT.z" },
    { ...known, links: [{ by: "contact_request", phone: "1" } as const] },
    seen(5, { userId: "US.b" }),
    seen(4, { phone: "9" }),
    seen(5, { phone: "3" }),
  ]) {
    assert.equal(findSettled(evidence, open), null);
  }
  assert.equal(findContact(evidence, nobody), null);
  assert.equal(findContact(evidence, seen(1, { userId: "US.nobody" })), null);
  assert.equal(findContact(evidence, seen(1, { phone: "3" })), null);
});

test("every address that a sighting names is known before it is judged, those of its links too", () => {
  const values = (one: SeenIdentity): string[] => addressesOf(one).map(({ kind, value }) => `${kind} ${value}`);
  assert.deepEqual(values(nobody), []);
  assert.deepEqual(values(seen(1, { phone: "1", userId: "US.a", parentUserId: "US.ENT.p" })), [
    "user_id US.a",
    "phone 1",
    "parent_user_id US.ENT.p",
  ]);
  assert.deepEqual(values(changedNumber(1, "1", "2")), ["phone 1", "phone 2", "phone 1"]);
  assert.deepEqual(
    values(
      seen(1, {
        links: [
          { by: "previous_user_id", previousUserId: "US.a", userId: "US.b", phone: null },
          { by: "contact_request", phone: "3" },
        ],
      }),
    ),
    ["user_id US.b", "user_id US.a", "phone 3"],
  );
});

test("an address that leads to a contact outside what is loaded stands for itself", () => {
  const evidence = emptyEvidence();
  knowAddress(evidence, { kind: "user_id", scope: "s", value: "US.a", claimant: "", contactId: "elsewhere", fromAtMs: 1 });
  assert.equal(findSettled(evidence, seen(1, { userId: "US.a" })), "elsewhere");
});

test("only what touches no older contact is local", () => {
  const evidence = learn([[seen(5, { phone: "1", userId: "US.a" }), seen(5, { phone: "9" }), changedNumber(5, "7", "8")]]);
  assert.equal(isLocal(evidence, seen(1, { phone: "2", userId: "US.b" })), true);
  assert.equal(isLocal(evidence, seen(1, { phone: "1", userId: "US.a" })), true);
  assert.equal(isLocal(evidence, seen(1, { userId: "US.a" })), true);
  assert.equal(isLocal(evidence, seen(1, { phone: "9" })), true);
  assert.equal(isLocal(evidence, seen(1, { phone: "1", userId: "US.b" })), false);
  assert.equal(isLocal(evidence, seen(1, { phone: "2", userId: "US.a" })), false);
  assert.equal(isLocal(evidence, seen(1, { phone: "7" })), false);
});

test("saying the same again adds nothing", () => {
  const sightings = [seen(1, { phone: "1", userId: "US.a" }), changedNumber(5, "1", "2"), seen(6, { phone: "2" })];
  const evidence = learn([sightings]);
  for (const added of Object.values(evidence.added)) added.clear();
  learn([sightings], evidence);
  assert.deepEqual(
    Object.values(evidence.added).map((added) => added.size),
    [0, 0, 0, 0, 0, 0],
  );
});

test("a phone of which nothing is known has no owner", () => {
  assert.deepEqual(ownerAt(undefined, 1), { contactId: null, claimant: "", fromAtMs: Infinity });
});

test("what a sighting says of two contacts is kept even while a tie that may move makes them one", () => {
  const phone = "1";
  const links = [{ by: "previous_user_id", previousUserId: "US.a", userId: null, phone: null }] as const;
  const first = seen(1, { userId: "US.a" });
  const namesake = seen(28, { scope: "other", phone, userId: "US.a" });
  const tie = seen(26, { phone, links });
  const word = seen(30, { phone, userId: "US.a" });
  const late = seen(4, { scope: "other", phone, userId: "US.e" });
  const evidence = learn([[first, namesake, tie]]);
  assert.equal(findSettled(evidence, word), null);
  assert.equal(new Set(contactsToCompare(evidence, word)).size, 2);
  learn([[word], [late]], evidence);
  assert.deepEqual(people(evidence, [first, namesake, tie, word, late]), [0, 0, 0, 0, 0]);
  assert.notEqual(findSettled(evidence, word), null);
});

test("people and addresses are a function of the set of sightings, in any order and any batches", () => {
  fc.assert(
    fc.property(anyHistory(), ({ sightings, shuffled, cuts }) => {
      const reference = learn([sightings]);
      const batches = [0, ...cuts].map((from, index) => shuffled.slice(from, [...cuts, shuffled.length][index]));
      const other = learn(batches);
      assert.deepEqual(claims(other), claims(reference));
      assert.deepEqual(people(other, sightings), people(reference, sightings));
    }),
    { numRuns: 2_000 },
  );
});

const profile = (atMs: number, waMessageId: string, profileName: string | null, username: string | null = null): Profile => ({
  atMs,
  waMessageId,
  profileName,
  username,
});

test("the names come from the greatest time, then wamid, then the names themselves", () => {
  const ranked = [
    noProfile,
    profile(1, "b", "Zoe"),
    profile(5, "a", "Zoe"),
    profile(5, "b", "Ann"),
    profile(5, "b", "Bob"),
    profile(5, "b", "Bob", "bob"),
  ];
  for (const [index, lower] of ranked.entries()) {
    for (const higher of ranked.slice(index)) {
      assert.equal(newerProfile(lower, higher), higher);
      assert.deepEqual(newerProfile(higher, lower), higher);
    }
  }
  assert.equal(hasSameNames(profile(1, "a", "Dana"), profile(5, "b", "Dana")), true);
  assert.equal(hasSameNames(profile(1, "a", "Dana"), profile(1, "a", "Dana", "d")), false);
  assert.equal(hasSameNames(profile(1, "a", "Dana"), profile(1, "a", "Gil", null)), false);
});

test("texts are compared by code point, as the database's collation C does", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (a, b) => {
      assert.equal(Math.sign(compareText(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
  );
  assert.ok(compareText("\uFFFD", "😀") < 0);
  assert.ok(compareText("a", "ab") < 0 && compareText("ab", "a") > 0);
});
