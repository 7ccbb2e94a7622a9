/** The customers that the sandbox knows, and what is between each of them and a number: window, rate, blocks, order. */
import { windowMs } from "../core/window.ts";
import { limits } from "../limits.ts";

export type Person = {
  /** Null for a user id that is nobody's whom the sandbox knows. */
  phone: string | null;
  userId: string;
  name: string;
  /** Has a username: webhooks leave phone and wa_id out. */
  hidesPhone: boolean;
  /** False: reading is told to nobody. */
  showsReceipts: boolean;
  /** False: no WhatsApp on this phone; whatever is sent fails with 131026. */
  isReachable: boolean;
};

export type Pair = {
  person: Person;
  phoneNumberId: string;
  /** When the customer last wrote; opens the window. */
  lastWordMs: number;
  /** See `rates.ts`. */
  debtMs: number;
  /** Messages that were accepted so far. */
  sequence: number;
  /** Of the business by the customer: what is sent stays `sent`. */
  isBlocked: boolean;
  /** Until when the customer sees that the business types. */
  typingUntilMs: number;
};

export type People = {
  /** By digits of a phone or by user id; made when it is new. */
  find(address: string): Person;
  pair(phoneNumberId: string, person: Person): Pair;
  /** The customer leaves the old number, and with it the old user id. */
  move(from: Person, toPhone: string): Person;
  isWindowOpen(pair: Pair, nowMs: number): boolean;
};

/** The BSUID that the sandbox gives this phone's owner: the same each time, and in every portfolio. */
export function sandboxUserId(phone: string): string {
  return `IL.8${phone.padStart(15, "0")}`;
}

export function createPeople(): People {
  const byAddress = new Map<string, Person>();
  const pairs = new Map<string, Pair>();

  const add = (person: Person): Person => {
    makeRoom(byAddress, 2 * limits.sandboxCustomersMax);
    if (person.phone !== null) byAddress.set(person.phone, person);
    byAddress.set(person.userId, person);
    return person;
  };
  const habits = { hidesPhone: false, showsReceipts: true, isReachable: true };

  return {
    find(address) {
      const known = byAddress.get(address);
      if (known !== undefined) return known;
      const phone = phoneOf(address);
      return add({ ...habits, phone, userId: phone === null ? address : sandboxUserId(phone), name: phone ?? address });
    },
    pair(phoneNumberId, person) {
      const key = `${phoneNumberId} ${person.userId}`;
      const known = pairs.get(key);
      if (known !== undefined) return known;
      makeRoom(pairs, limits.sandboxCustomersMax);
      const fresh = { person, phoneNumberId, lastWordMs: -Infinity, debtMs: 0, sequence: 0, isBlocked: false, typingUntilMs: 0 };
      pairs.set(key, fresh);
      return fresh;
    },
    move: (from, phone) => add({ ...from, phone, userId: sandboxUserId(phone) }),
    isWindowOpen: (pair, nowMs) => nowMs - pair.lastWordMs < windowMs,
  };
}

/** A user id that stands for a phone is the same person as the phone, also when it comes first. */
function phoneOf(address: string): string | null {
  if (/^\d+$/.test(address)) return address;
  const digits = /^IL\.80*(\d+)$/.exec(address)?.[1];
  return digits !== undefined && sandboxUserId(digits) === address ? digits : null;
}

/** A tenth at once, the oldest: to take out the first entry of a Map again and again would walk over all that are gone. */
function makeRoom(map: Map<string, unknown>, entriesMax: number): void {
  if (map.size < entriesMax) return;
  let left = Math.ceil(entriesMax / 10);
  for (const key of map.keys()) {
    if (left-- <= 0) return;
    map.delete(key);
  }
}
