/**
 * What Meta accepted and what customers wrote, in order: the truth that tests compare with. Exact for the last
 * `limits.sandboxLedgerMax` of each direction; what is older is counted as forgotten, never dropped in silence.
 */
import type { Wire } from "../services/whatsapp/graph/wire.ts";
import type { StatusName } from "./statuses.ts";

export type Accepted = {
  waMessageId: string;
  phoneNumberId: string;
  /** Digits of a phone, a user id, or a group's id; as it was addressed. */
  to: string;
  /** The same for whichever address it was sent to; null for a group. */
  userId: string | null;
  callback: string | null;
  /** Of the price: `service`, or the template's. */
  category: string;
  body: Wire;
  atMs: number;
  /** Over all that was accepted or written, from 1. */
  order: number;
  /** In this conversation (number and customer or group), from 1. */
  sequence: number;
  /** What was said of it so far. */
  reported: StatusName[];
};

export type Written = {
  waMessageId: string;
  phoneNumberId: string;
  userId: string;
  groupId: string | null;
  type: string;
  /** The element of the webhook. */
  element: Wire;
  atMs: number;
  order: number;
  isRead: boolean;
};

export type Ledger = {
  accept(message: Omit<Accepted, "order" | "reported">): Accepted;
  write(message: Omit<Written, "order" | "isRead">): Written;
  accepted(): readonly Accepted[];
  written(): readonly Written[];
  findAccepted(waMessageId: string): Accepted | undefined;
  findWritten(waMessageId: string): Written | undefined;
  /** How many there ever were, and how many of them are forgotten. */
  counts(): { accepted: number; acceptedForgotten: number; written: number; writtenForgotten: number };
};

export function createLedger(entriesMax: number): Ledger {
  const accepted = createBook<Accepted>(entriesMax);
  const written = createBook<Written>(entriesMax);
  let order = 0;
  return {
    accept: (message) => accepted.add({ ...message, order: ++order, reported: [] }),
    write: (message) => written.add({ ...message, order: ++order, isRead: false }),
    accepted: () => accepted.list(),
    written: () => written.list(),
    findAccepted: (waMessageId) => accepted.find(waMessageId),
    findWritten: (waMessageId) => written.find(waMessageId),
    counts: () => ({
      accepted: accepted.total(),
      acceptedForgotten: accepted.total() - accepted.list().length,
      written: written.total(),
      writtenForgotten: written.total() - written.list().length,
    }),
  };
}

type Book<Entry> = { add(entry: Entry): Entry; list(): readonly Entry[]; find(id: string): Entry | undefined; total(): number };

function createBook<Entry extends { waMessageId: string }>(entriesMax: number): Book<Entry> {
  let entries: Entry[] = [];
  /** The first of an id: a duplicate id is a scripted fault. */
  const byId = new Map<string, Entry>();
  let total = 0;
  // Room is made for many at once, so that one more costs the same however many there were.
  const trim = (): void => {
    for (const { waMessageId } of entries.slice(0, -entriesMax)) byId.delete(waMessageId);
    entries = entries.slice(-entriesMax);
  };
  return {
    add(entry) {
      entries.push(entry);
      total += 1;
      if (!byId.has(entry.waMessageId)) byId.set(entry.waMessageId, entry);
      if (entries.length >= 2 * entriesMax) trim();
      return entry;
    },
    list() {
      if (entries.length > entriesMax) trim();
      return entries;
    },
    find: (id) => byId.get(id),
    total: () => total,
  };
}
