/** Random histories of a few people: phones and ids come, go, are tied, handed on and reused, in no sensible order. */
import fc from "fast-check";
import type { SeenIdentity } from "../../src/core/evidence.ts";

const phones = fc.constantFrom("972501", "972502", "972503", "972504");
const userIds = fc.constantFrom("IL.a", "IL.b", "IL.c", "IL.d", "IL.e");
const orNull = <T>(some: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(some, { freq: 2 });

const link: fc.Arbitrary<SeenIdentity["links"][number]> = fc.oneof(
  fc.record({ by: fc.constant("previous_user_id" as const), previousUserId: userIds, userId: orNull(userIds), phone: orNull(phones) }),
  fc.record({ by: fc.constant("previous_phone" as const), previousPhone: phones, userId: orNull(userIds), phone: orNull(phones) }),
  fc.record({ by: fc.constant("contact_request" as const), phone: phones }),
);

const sighting: fc.Arbitrary<SeenIdentity> = fc
  .record({
    scope: fc.constantFrom("account:1", "account:1", "portfolio"),
    atMs: fc.integer({ min: 1, max: 30 }).map((second) => second * 1_000),
    phone: orNull(phones),
    userId: orNull(userIds),
    parentUserId: fc.option(fc.constantFrom("IL.ENT.p", "IL.ENT.q"), { freq: 8 }).map((value) => (value === null ? null : value)),
    links: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(link, { minLength: 1, maxLength: 2 }) }),
  })
  .filter((made) => made.phone !== null || made.userId !== null);

/** The same sightings twice: as they are, and in another order that is cut into batches. */
export function anyHistory(lengthMax = 14): fc.Arbitrary<{ sightings: SeenIdentity[]; shuffled: SeenIdentity[]; cuts: number[] }> {
  return fc.array(sighting, { minLength: 1, maxLength: lengthMax }).chain((sightings) =>
    fc.record({
      sightings: fc.constant(sightings),
      shuffled: fc.shuffledSubarray(sightings, { minLength: sightings.length }),
      cuts: fc.uniqueArray(fc.nat({ max: sightings.length }), { maxLength: 5 }).map((cuts) => cuts.toSorted((a, b) => a - b)),
    }),
  );
}
