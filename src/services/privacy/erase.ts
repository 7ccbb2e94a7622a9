/**
 * Erases a person: everything that any table or file holds of them, while webhooks, sends and other people's traffic go on.
 *
 * 1. `announce` commits marks of the person's addresses: whatever batch of the path in begins after that leaves their updates out. Then
 *    it is waited until no transaction is left that began before.
 * 2. `people` makes them a stranger in one transaction: addresses and ties go, and the marks get their end. What is dated after
 *    that moment makes a new contact; what is dated before is left out for as long as anybody may send it again.
 * 3. The other steps delete, page by page, what nobody can find or add to any more; last the conversations and the contact.
 *
 * A portion is one transaction that begins with the job's row and ends with its place: killed anywhere, the job goes on where it was. Files are
 * removed before the COMMIT that forgets their names, so that none is left behind.
 */
import type { TenantScope } from "../../core/scope.ts";
import type { Db } from "../../db/pool.ts";
import { tenantTransaction, type Tx } from "../../db/transaction.ts";
import type { MediaStore } from "../media-store.ts";
import { again, deleteContact } from "./erase-contact.ts";
import { eraseFacts } from "./erase-facts.ts";
import { forgetForwards } from "./erase-forwards.ts";
import { eraseGroupMessages } from "./erase-groups.ts";
import { eraseMessages, markMessages } from "./erase-messages.ts";
import { announce, estrange } from "./erase-people.ts";
import { blankActivity, eraseAccountEvents, eraseParked } from "./erase-records.ts";
import { stopSends } from "./erase-sends.ts";
import { dropExports, eraseUploads } from "./erase-uploads.ts";
import type { ExportStore } from "./export-store.ts";
import { advanceJob, lockJob, type Job } from "./jobs.ts";
import type { ErasureSecrets, Hasher, HashName } from "./marks.ts";
import { rewriteJournal } from "./rewrite.ts";
import { erasureSteps, type ErasureStep } from "./steps.ts";
import { othersEnded } from "./wait.ts";

export type PrivacyDeps = {
  /** Role kesher_privacy. */
  privacy: Db;
  store: MediaStore;
  exports: ExportStore;
  hasher: Hasher;
  seal: ErasureSecrets["seal"];
  nowMs: () => number;
  /** What this process remembers of people. */
  forgetPeople: () => void;
  onActivity?: (tenantIds: readonly string[]) => void;
  /** For tests: after each COMMIT. */
  afterPortion?: (step: string) => Promise<void> | void;
};

/** One portion of a step. */
export type Portion = { tx: Tx; scope: TenantScope; job: Job; hash: HashName; deps: PrivacyDeps; nowMs: number };
/** Where to go on: null is the next step's beginning. `cursor` is the step's own. */
export type Progress = { cursor: string | null; counts?: { readonly [what: string]: number } };

const steps: Readonly<Record<ErasureStep, (portion: Portion) => Promise<Progress>>> = {
  announce,
  people: estrange,
  sends: stopSends,
  marks: markMessages,
  messages: eraseMessages,
  groups: eraseGroupMessages,
  activity: blankActivity,
  account_events: eraseAccountEvents,
  parked: eraseParked,
  forwarding: forgetForwards,
  journal: rewriteJournal,
  facts: eraseFacts,
  uploads: eraseUploads,
  exports: dropExports,
  contact: deleteContact,
};

/** Before these, whoever does not know what the step before has said must be gone. */
const waits: ReadonlySet<ErasureStep> = new Set(["people", "messages"]);

/** Until it is done, or `signal` says stop. Rejects when the database fails: then the job is tried again, and goes on. */
export async function eraseContact(deps: PrivacyDeps, scope: TenantScope, jobId: string, signal: AbortSignal): Promise<void> {
  let waitedFor: string | null = null;
  for (;;) {
    signal.throwIfAborted();
    const at = await peek(deps, scope, jobId);
    if (at === null) {
      deps.forgetPeople();
      deps.onActivity?.([scope.tenantId]);
      return;
    }
    if (waits.has(at.step) && at.cursor === "" && waitedFor !== at.step) await othersEnded(deps.privacy, signal);
    // A step that is gone through once more is waited for once more.
    waitedFor = at.step;
    await runPortion(deps, scope, jobId, at.step);
    await deps.afterPortion?.(at.step);
  }
}

async function peek(deps: PrivacyDeps, scope: TenantScope, jobId: string): Promise<{ step: ErasureStep; cursor: string } | null> {
  return tenantTransaction(deps.privacy, scope, async (tx) => {
    const job = await lockJob(tx, scope, jobId);
    return job === null ? null : { step: stepOf(job), cursor: job.cursor };
  });
}

/** Does nothing when another node has gone on meanwhile. */
async function runPortion(deps: PrivacyDeps, scope: TenantScope, jobId: string, expected: ErasureStep): Promise<void> {
  const nowMs = deps.nowMs();
  await tenantTransaction(deps.privacy, scope, async (tx) => {
    const job = await lockJob(tx, scope, jobId);
    if (job === null || stepOf(job) !== expected) return;
    const hash = await hashOf(deps, tx, scope);
    const { cursor, counts } = await steps[expected]({ tx, scope, job, hash, deps, nowMs });
    if (cursor === again) return;
    const step = cursor === null ? nextOf(expected) : expected;
    if (step !== null)
      await advanceJob(tx, scope, jobId, { step, cursor: cursor ?? "", nowMs, ...(counts === undefined ? {} : { counts }) });
  });
}

/** Made by the first step; the hasher remembers only what is committed. */
async function hashOf(deps: PrivacyDeps, tx: Tx, scope: TenantScope): Promise<HashName> {
  const hash = await deps.hasher.of(tx, scope.tenantId, deps.seal);
  if (hash === null) throw new Error("A tenant that erases has no key for it");
  return hash;
}

function stepOf({ step }: Job): ErasureStep {
  return erasureSteps.find((one) => one === step) ?? "announce";
}

function nextOf(step: ErasureStep): ErasureStep | null {
  return erasureSteps[erasureSteps.indexOf(step) + 1] ?? null;
}
