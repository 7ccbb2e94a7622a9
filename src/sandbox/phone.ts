/** A customer's phone in the hand of a test or of the demo page. */
import type { PhoneNumber } from "./accounts.ts";
import {
  changeNumber,
  chatOf,
  playAsCustomer,
  readAsCustomer,
  writeAsCustomer,
  type ChatMessage,
  type Writing,
  type Written,
} from "./customer-phone.ts";
import type { Pair, Person } from "./people.ts";
import type { World } from "./world.ts";

/** A customer's phone, facing one number. */
export type CustomerPhone = {
  write(message: Omit<Writing, "from" | "name" | "phoneNumberId" | "hidesPhone"> & { name?: string }): Promise<Written>;
  reply(toWaMessageId: string, text: string): Promise<Written>;
  /** Null takes the reaction back. */
  react(waMessageId: string, emoji: string | null): Promise<Written>;
  /** Everything, or up to this message; answers how many. */
  read(upToWaMessageId?: string): number;
  play(waMessageId: string): void;
  block(): void;
  unblock(): void;
  /** Known by its user id only from now on, or by its phone again. */
  hide(): void;
  show(): void;
  person(): Pick<Person, "name" | "hidesPhone" | "showsReceipts" | "isReachable"> & Pick<Pair, "isBlocked">;
  set(habits: Partial<Pick<Person, "name" | "showsReceipts" | "isReachable">>): void;
  changeNumber(to: string): Promise<Written>;
  chat(): ChatMessage[];
  isWindowOpen(): boolean;
  /** Whether the customer sees the business type. */
  seesTyping(): boolean;
};

export function openPhone(world: World, number: PhoneNumber, digits: string): CustomerPhone {
  const person = (): Person => world.people.find(digits);
  const pair = (): Pair => world.people.pair(number.phoneNumberId, person());
  const write: CustomerPhone["write"] = (message) => writeAsCustomer(world, number, { from: digits, name: person().name, ...message });
  return {
    write,
    reply: (targetWaMessageId, text) => write({ type: "text", text, targetWaMessageId }),
    react: (targetWaMessageId, emoji) =>
      write(emoji === null ? { type: "reaction_removed", targetWaMessageId } : { type: "reaction", targetWaMessageId, emoji }),
    read: (upTo) => readAsCustomer(world, number, person(), upTo),
    play: (waMessageId) => playAsCustomer(world, waMessageId),
    block() {
      pair().isBlocked = true;
    },
    unblock() {
      pair().isBlocked = false;
    },
    hide() {
      person().hidesPhone = true;
    },
    show() {
      person().hidesPhone = false;
    },
    person() {
      const { name, hidesPhone, showsReceipts, isReachable } = person();
      return { name, hidesPhone, showsReceipts, isReachable, isBlocked: pair().isBlocked };
    },
    set: (habits) => void Object.assign(person(), habits),
    changeNumber: (to) => changeNumber(world, number, person(), to),
    chat: () => chatOf(world, number, person()),
    isWindowOpen: () => world.people.isWindowOpen(pair(), world.nowMs()),
    seesTyping: () => pair().typingUntilMs > world.nowMs(),
  };
}
