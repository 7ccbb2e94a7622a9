/** Everything that the sandbox is at one moment, handed to each of its parts. */
import type { Accounts, PhoneNumber } from "./accounts.ts";
import type { FaultBook } from "./faults.ts";
import type { Accepted, Ledger } from "./ledger.ts";
import type { MediaStore } from "./media.ts";
import type { People, Person } from "./people.ts";
import type { Fate, Statuses } from "./statuses.ts";
import type { Templates } from "./templates.ts";
import type { Webhooks } from "./webhooks.ts";

export type Group = { id: string; phoneNumberId: string; participants: readonly Person[] };

export type World = {
  nowMs: () => number;
  appId: string;
  appSecret: string;
  /** Whether it answers only to whoever proves to know the app's secret, as an app does with "Require App Secret". */
  requiresProof: boolean;
  accounts: Accounts;
  people: People;
  groups: Map<string, Group>;
  ledger: Ledger;
  media: MediaStore;
  templates: Templates;
  faults: FaultBook;
  webhooks: Webhooks;
  statuses: Statuses;
  /** Codes of Embedded Signup that can still be exchanged. */
  codes: Map<string, { wabaIds: readonly string[]; redirectUri: string; expiresAtMs: number }>;
};

/** Whom a message concerns, for its statuses. */
export function fateOf(world: World, message: Accepted): Fate {
  const number = world.accounts.number(message.phoneNumberId);
  if (number === undefined) throw new Error(`No number ${message.phoneNumberId}`);
  return { message, number, pair: pairOf(world, number, message), participants: world.groups.get(message.to)?.participants ?? [] };
}

function pairOf(world: World, number: PhoneNumber, message: Accepted): Fate["pair"] {
  return world.people.pair(number.phoneNumberId, world.people.find(message.userId ?? message.to));
}
