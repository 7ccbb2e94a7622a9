/** The parts of a sandbox, made for its options. */
import { limits } from "../limits.ts";
import { createAccounts, type App } from "./accounts.ts";
import type { Envelope } from "./envelope.ts";
import { createFaultBook } from "./faults.ts";
import { createLedger } from "./ledger.ts";
import { createMediaStore } from "./media.ts";
import { createPeople } from "./people.ts";
import { createRandom } from "./random.ts";
import { createStatuses, type StatusDelays } from "./statuses.ts";
import { createTemplates } from "./templates.ts";
import { createWebhooks, type Trouble } from "./webhooks.ts";
import type { World } from "./world.ts";

export type SandboxOptions = {
  appSecret: string;
  /** Where webhooks go. A function where the port is known only later. */
  ingressUrl: string | (() => string);
  nowMs: () => number;
  log: (trouble: Trouble) => void;
  /** Milliseconds from acceptance to each status; null: statuses are sent only by `postStatus` and by the customer's acts. */
  statusDelaysMs?: StatusDelays | null;
  /** By which part of itself each delay may differ. */
  statusJitter?: number;
  /** The same chance each time. */
  seed?: number;
  /** From a template's submission to its approval; null: never by itself. */
  templateReviewMs?: number | null;
  /** Ids and token, where they must stay the same over restarts. */
  identity?: Partial<Envelope & { accessToken: string }>;
  appId?: string;
  /** Graph calls without `appsecret_proof` are refused. */
  requiresProof?: boolean;
  /** Of the ledger, in each direction. */
  ledgerMax?: number;
};

const demoDelaysMs: StatusDelays = { sent: 150, delivered: 700, read: 2_500, played: 4_000 };
export function createWorld(options: SandboxOptions, origin: () => string): World {
  const { appSecret, ingressUrl, nowMs, log, statusDelaysMs = demoDelaysMs, statusJitter = 0, seed = null } = options;
  const app: App = { secret: appSecret, url: typeof ingressUrl === "string" ? () => ingressUrl : ingressUrl };
  const random = createRandom(seed);
  const accounts = createAccounts({ app, nowMs });
  const webhooks = createWebhooks({ accounts, nowMs, random, log });
  return {
    nowMs,
    appId: options.appId ?? "300000000000003",
    appSecret,
    requiresProof: options.requiresProof ?? false,
    accounts,
    people: createPeople(),
    groups: new Map(),
    ledger: createLedger(options.ledgerMax ?? limits.sandboxLedgerMax),
    media: createMediaStore({ nowMs, origin }),
    templates: createTemplates({ webhooks, reviewMs: options.templateReviewMs === undefined ? 1_000 : options.templateReviewMs }),
    faults: createFaultBook(),
    webhooks,
    statuses: createStatuses({ webhooks, nowMs, random, delaysMs: statusDelaysMs, jitter: statusJitter, log }),
    codes: new Map(),
  };
}
