/**
 * Random histories of a few people and numbers, in which everything collides: times are few, ids return with other content, statuses come
 * before their messages or for none. What belongs to one message id in reality does so here: its number, its sender, its direction.
 */
import fc from "fast-check";
import { echo, failed, message, seconds, status, type Element, type Fields } from "./bodies.ts";

export const startMs = 1_795_000_000_000;
type Number = Element["number"];
/** An element still without the ids of a world. */
export type Happening = (numbers: readonly Number[]) => Element;

const numberAt = (numbers: readonly Number[], index: number): Number => {
  const number = numbers[index % numbers.length];
  if (number === undefined) throw new Error("A world has numbers");
  return number;
};
type Person = { phone?: string; userId?: string; name: string };
const ann = { phone: "15550001", userId: "US.1", name: "Ann" };
const people: readonly Person[] = [
  ann,
  { phone: "15550002", userId: "US.2", name: "Ben" },
  { phone: "15550003", name: "Cid" },
  { userId: "US.4", name: "Dov" },
];
const personAt = (index: number): Person => people[index % people.length] ?? ann;

const atMs = fc.integer({ min: 0, max: 8 }).map((second) => startMs + second * 1_000);
const ordinal = fc.integer({ min: 0, max: 7 });
/** A message that exists, or one that never comes. */
const target = fc.oneof(
  ordinal.map((index) => `wamid.in${index}`),
  ordinal.map((index) => `wamid.out${index}`),
  fc.constant("wamid.never"),
);
const emoji = fc.constantFrom("👍", "❤️", "");

const content: fc.Arbitrary<Fields> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("a", "b", "הסר!", "Start").map((body) => ({ type: "text", text: { body } })) },
  { weight: 1, arbitrary: target.map((id) => ({ type: "text", text: { body: "reply" }, context: { id } })) },
  { weight: 1, arbitrary: fc.constant({ type: "image", image: { id: "611", mime_type: "image/jpeg" } }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(131_051, 131_060).map((code) => ({ type: "unsupported", errors: [{ code, title: "unsupported" }] })),
  },
  { weight: 1, arbitrary: fc.record({ message_id: target, emoji }).map((reaction) => ({ type: "reaction", reaction })) },
  {
    weight: 1,
    arbitrary: target.map((id) => ({ type: "edit", edit: { original_message_id: id, message: { type: "text", text: { body: "c" } } } })),
  },
  { weight: 1, arbitrary: target.map((id) => ({ type: "revoke", revoke: { original_message_id: id } })) },
  { weight: 1, arbitrary: fc.constant({ type: "system", system: { type: "customer_identity_changed", body: "new device" } }) },
  { weight: 1, arbitrary: fc.constantFrom("later_type", "interactive").map((type) => ({ type })) },
);

const inbound: fc.Arbitrary<Happening> = fc
  .record({ index: ordinal, atMs, fields: content, standby: fc.boolean(), isNamed: fc.boolean() })
  .map(({ index, atMs: at, fields, standby, isNamed }) => (numbers) => {
    const { name, ...person } = personAt(index);
    const group = index === 7 ? { group_id: "120363@g.us" } : {};
    const element = message(numberAt(numbers, index), isNamed ? { ...person, name } : person, `wamid.in${index}`, at, {
      ...fields,
      ...group,
    });
    return { ...element, standby: standby && index % 2 === 1 };
  });

const outbound: fc.Arbitrary<Happening> = fc.record({ index: ordinal, atMs, fields: content }).map(
  ({ index, atMs: at, fields }) =>
    (numbers) =>
      echo(numberAt(numbers, index), personAt(index).phone ?? ann.phone, `wamid.out${index}`, at, fields),
);

const pricing = fc.constantFrom(
  {},
  { pricing: { billable: true, type: "regular", category: "service" } },
  { pricing: { billable: false, type: "free_entry_point" } },
);
const entryPoint = fc
  .option(atMs, { nil: null })
  .map((at) =>
    at === null ? {} : { conversation: { id: "c", origin: { type: "referral_conversion" }, expiration_timestamp: seconds(at) } },
  );
const words = fc.constantFrom("sent", "delivered", "read", "played", "deleted");
const report: fc.Arbitrary<Happening> = fc
  .record({ index: ordinal, atMs, word: words, fields: fc.tuple(pricing, entryPoint), toInbound: fc.integer({ min: 0, max: 9 }) })
  .map(({ index, atMs: at, word, fields, toInbound }) => (numbers) => {
    const id = toInbound === 0 ? `wamid.in${index}` : `wamid.out${index}`;
    return status(numberAt(numbers, index), id, word, at, { recipient_id: personAt(index).phone ?? ann.phone, ...fields[0], ...fields[1] });
  });
const failure: fc.Arbitrary<Happening> = fc
  .record({ index: ordinal, atMs, code: fc.constantFrom(131_047, 131_026, 131_000), participant: fc.boolean() })
  .map(
    ({ index, atMs: at, code, participant }) =>
      (numbers) =>
        failed(numberAt(numbers, index), `wamid.out${index}`, at, code, participant ? { recipient_participant_id: "15550002" } : {}),
  );

const call: fc.Arbitrary<Happening> = fc
  .record({
    index: ordinal,
    atMs,
    event: fc.constantFrom("connect", "terminate"),
    direction: fc.constantFrom("USER_INITIATED", "BUSINESS_INITIATED"),
  })
  .map(({ index, atMs: at, event, direction }) => (numbers) => {
    const phone = personAt(index).phone ?? ann.phone;
    const ends = direction === "USER_INITIATED" ? { from: phone, to: "15551" } : { from: "15551", to: phone };
    const element = { id: `wacid.${index}${direction[0]}`, event, direction, timestamp: seconds(at), ...ends };
    return { number: numberAt(numbers, index), list: "calls", field: "calls", element };
  });
const callStatus: fc.Arbitrary<Happening> = fc
  .record({ index: ordinal, atMs, word: fc.constantFrom("RINGING", "ACCEPTED", "REJECTED"), isNamed: fc.boolean() })
  .map(({ index, atMs: at, word, isNamed }) => (numbers) => {
    const recipient = isNamed ? { recipient_id: ann.phone } : {};
    const element = { id: `wacid.s${index}${isNamed ? "n" : ""}`, status: word, type: "call", timestamp: seconds(at), ...recipient };
    return { number: numberAt(numbers, index), list: "statuses", field: "calls", element };
  });
const preference: fc.Arbitrary<Happening> = fc
  .record({ index: ordinal, atMs, value: fc.constantFrom("stop", "resume") })
  .map(({ index, atMs: at, value }) => (numbers) => {
    const element = { wa_id: ann.phone, category: "marketing_messages", value, timestamp: Math.floor(at / 1_000) };
    return { number: numberAt(numbers, index), list: "user_preferences", field: "user_preferences", element };
  });
const trouble: fc.Arbitrary<Happening> = fc.record({ index: ordinal, atMs }).map(({ index, atMs: at }) => (numbers) => {
  const number = numberAt(numbers, index);
  return index < 4
    ? { number, list: "errors", element: { code: 131_000 + index, title: "Something" } }
    : { ...message(number, ann, `wamid.bad${index}`, at), element: { from: ann.phone, id: `wamid.bad${index}`, timestamp: "soon" } };
});

/** Numbers by which a counterexample is printed. */
const shown = [1, 2, 3].map((index) => ({ wabaId: "w", phoneNumberId: `n${index}`, displayPhoneNumber: `d${index}` }));
const legible = (happening: Happening): Happening =>
  Object.defineProperty((numbers: readonly Number[]) => happening(numbers), fc.toStringMethod, {
    value: () => {
      const { number, list, element, standby } = happening(shown);
      return `${number.phoneNumberId} ${list}${standby === true ? " (standby)" : ""} ${JSON.stringify(element)}`;
    },
  });

const happening = fc.oneof(
  { weight: 8, arbitrary: inbound },
  { weight: 4, arbitrary: outbound },
  { weight: 6, arbitrary: report },
  { weight: 3, arbitrary: failure },
  { weight: 2, arbitrary: call },
  { weight: 1, arbitrary: callStatus },
  { weight: 1, arbitrary: preference },
  { weight: 1, arbitrary: trouble },
);

export type Arrangement = { order: readonly number[]; cuts: readonly boolean[]; drains: readonly boolean[] };
export type History = { happenings: readonly Happening[]; arrangement: Arrangement };

/** What happened, and another way in which it may arrive: any order, some of it twice, cut into bodies, workers running in between. */
export function anyHistory(lengthMax: number): fc.Arbitrary<History> {
  return fc.array(happening.map(legible), { minLength: 1, maxLength: lengthMax }).chain((happenings) => {
    const all = happenings.map((_, index) => index);
    const order = fc
      .tuple(fc.shuffledSubarray(all, { minLength: all.length }), fc.array(fc.constantFrom(...all), { maxLength: 4 }))
      .chain(([once, again]) => fc.shuffledSubarray([...once, ...again], { minLength: once.length + again.length }));
    const flags = fc.array(fc.boolean(), { minLength: all.length + 4, maxLength: all.length + 4 });
    return fc.record({ happenings: fc.constant(happenings), arrangement: fc.record({ order, cuts: flags, drains: flags }) });
  });
}
