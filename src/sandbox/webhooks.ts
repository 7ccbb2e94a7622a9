/**
 * Meta's webhooks: signed, posted to our own ingress, and posted again until it answers 200. How they go out can be spoiled on
 * command: withheld, repeated, shuffled, in batches of up to 1,000 updates.
 */
import { sign } from "../core/signature.ts";
import { limits } from "../limits.ts";
import type { Account, Accounts } from "./accounts.ts";
import { metaJson, webhookBody, type Change } from "./envelope.ts";
import { createPoster } from "./post.ts";
import { shuffled } from "./random.ts";
import { createTimers } from "./timers.ts";

export type Conduct = {
  /** What waits for `release`. */
  withheld: "none" | "statuses" | "all";
  /** How often each POST is made. */
  copies: number;
  /** What was gathered goes out in another order than it happened. */
  isShuffled: boolean;
  /** Updates in one POST, at most; Meta sends up to 1,000. */
  batchMax: number;
  /** How long updates are gathered before they are posted; 0: each at once and alone. */
  batchMs: number;
};
const usualConduct: Conduct = { withheld: "none", copies: 1, isShuffled: false, batchMax: 1, batchMs: 0 };

/** Told about webhooks that nobody took. */
export type Trouble = { what: string; status?: number; error?: unknown };

export type Webhooks = {
  /** Sooner or later, as the conduct says. */
  deliver(change: Change): void;
  /** One POST, now; answers the ingress's status, 0 if it is withheld. Throws when there is no answer. Not posted again by itself. */
  post(change: Change): Promise<number>;
  conduct(change: Partial<Conduct>): void;
  /** Posts what was withheld, under the conduct of now; answers how many updates. Their own times stay what they were. */
  release(): number;
  held(): number;
  stop(): void;
};

export function createWebhooks(options: {
  accounts: Accounts;
  nowMs: () => number;
  random: () => number;
  log: (trouble: Trouble) => void;
}): Webhooks {
  const { accounts, nowMs, random, log } = options;
  const poster = createPoster();
  const timers = createTimers();
  let how = usualConduct;
  let held: Change[] = [];
  let gathered: Change[] = [];
  let isGathering = false;

  const send = async ({ url, secret, changes }: Parcel): Promise<number> => {
    const body = metaJson(webhookBody(changes, nowMs()));
    return poster.post(url, { "x-hub-signature-256": sign(body, secret) }, body);
  };

  /** Again at once, then ever more seldom; Meta goes on for 7 days, the sandbox for minutes. */
  const insist = (parcel: Parcel, attempt = 1): void => {
    const failed = (trouble: Omit<Trouble, "what">): void => {
      const waitMs = Math.min(100 * 2 ** (attempt - 1), limits.sandboxPostWaitMsMax);
      const isOver = attempt >= limits.sandboxPostAttemptsMax || !timers.later(waitMs, () => insist(parcel, attempt + 1));
      if (isOver && !isStopped) log({ what: "status webhook", ...trouble });
    };
    send(parcel).then(
      (status) => (status === 200 ? undefined : failed({ status })),
      (error: unknown) => failed({ error }),
    );
  };
  let isStopped = false;

  const dispatch = (changes: readonly Change[]): void => {
    for (const parcel of parcelsOf(accounts, changes)) for (let copy = 0; copy < how.copies; copy += 1) insist(parcel);
  };
  const flush = (): void => {
    isGathering = false;
    const all = how.isShuffled ? shuffled(gathered, random) : gathered;
    gathered = [];
    for (let at = 0; at < all.length; at += how.batchMax) dispatch(all.slice(at, at + how.batchMax));
  };
  const hold = (change: Change): void => {
    if (held.length < limits.sandboxPendingStatusesMax) held.push(change);
    else log({ what: "too many webhooks are withheld" });
  };
  const isWithheld = (change: Change): boolean => how.withheld === "all" || (how.withheld === "statuses" && "statuses" in change.value);

  const deliver = (change: Change): void => {
    if (isStopped) return;
    if (isWithheld(change)) return hold(change);
    if (how.batchMs === 0) return dispatch([change]);
    gathered.push(change);
    if (gathered.length >= how.batchMax && !how.isShuffled) return flush();
    if (isGathering) return;
    isGathering = timers.later(how.batchMs, flush);
    if (!isGathering) flush();
  };

  return {
    deliver,
    async post(change) {
      if (isWithheld(change)) {
        hold(change);
        return 0;
      }
      const [parcel] = parcelsOf(accounts, [change]);
      if (parcel === undefined) return 0;
      const status = await send(parcel);
      for (let copy = 1; copy < how.copies; copy += 1) insist(parcel);
      return status;
    },
    conduct(change) {
      how = { ...how, ...change };
    },
    release() {
      const waiting = held;
      held = [];
      how = { ...how, withheld: "none" };
      if (how.batchMs > 0 || how.batchMax > 1 || how.isShuffled) {
        gathered.push(...waiting);
        flush();
      } else for (const change of waiting) dispatch([change]);
      return waiting.length;
    },
    held: () => held.length,
    stop() {
      isStopped = true;
      timers.stop();
      poster.stop();
    },
  };
}

type Parcel = { url: string; secret: string; changes: readonly Change[] };

/** One POST belongs to one app and one callback: the number's, else the account's, else the app's. Templates and accounts know only the last. */
function parcelsOf(accounts: Accounts, changes: readonly Change[]): Parcel[] {
  const parcels = new Map<string, Parcel & { changes: Change[] }>();
  for (const change of changes) {
    const account = accounts.account(change.wabaId);
    if (account?.isSubscribed !== true) continue;
    const url = callbackOf(accounts, account, change);
    const key = `${account.app.secret} ${url}`;
    const parcel = parcels.get(key) ?? { url, secret: account.app.secret, changes: [] };
    parcel.changes.push(change);
    parcels.set(key, parcel);
  }
  return [...parcels.values()];
}

function callbackOf(accounts: Accounts, account: Account, change: Change): string {
  if (change.number === null) return account.app.url();
  return accounts.number(change.number.phoneNumberId)?.overrideUrl ?? account.overrideUrl ?? account.app.url();
}
