/**
 * Calls that come together are stored together: while one transaction of a tenant is under way, what comes meanwhile waits and shares the
 * next one, as webhooks do. The activity's counter is held until COMMIT, so each call in a transaction of its own would wait for the disk
 * behind every other one. What one call is refused for concerns only that call.
 */
import type { QueuedMessage } from "../../../contract/sends.ts";
import { Rejection } from "../../../core/rejection.ts";
import type { TenantScope } from "../../../core/scope.ts";
import { LinkError, type Db } from "../../../db/pool.ts";
import { sqlStateOf } from "../../../db/sql-state.ts";
import { CommitError, tenantTransaction, type Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import { appendActivity } from "../../activity/append.ts";
import { takeSends } from "../../tenants/quotas.ts";
import type { Hasher } from "../../privacy/marks.ts";
import { lockConversations } from "../conversations.ts";
import { queueMessages, type Draft } from "./enqueue.ts";
import { claimKey, keepAnswer, keptAnswer, releaseKey, type Keyed } from "./idempotency.ts";
import { draftOf, prepareWish, queueWish, queuedMessage, type PreparedWish } from "./queue-wish.ts";
import { findRecipients, type Recipient } from "./recipients.ts";
import { assertRoom } from "./room.ts";
import type { Wish } from "./wish.ts";

export type SendTools = {
  app: Db;
  nowMs: () => number;
  /** After COMMIT: the sender of this node has work. */
  wakeSends: () => void;
  /** Knows who opted out and was erased; null where nobody can be. */
  hasher: Hasher | null;
};

export type SendCall = {
  /** Throws what is wrong with it; read when its turn has come, since an answer that is kept comes before all checks. */
  readAt: (nowMs: number) => Wish;
  keyed: Keyed | null;
};

type Job = SendCall & { resolve: (message: QueuedMessage) => void; reject: (error: unknown) => void };
type Jobs = readonly Job[];
type Line = { waiting: Job[]; isRunning: boolean };
const lines = new WeakMap<Db, Map<string, Line>>();

/** Resolves after COMMIT. Throws `too_many` when the tenant has too much waiting already. */
export async function sendWish(tools: SendTools, scope: TenantScope, call: SendCall): Promise<QueuedMessage> {
  await assertRoom(tools.app, scope);
  return new Promise((resolve, reject) => {
    const ofDb = lines.get(tools.app) ?? new Map<string, Line>();
    lines.set(tools.app, ofDb);
    const line = ofDb.get(scope.tenantId) ?? { waiting: [], isRunning: false };
    ofDb.set(scope.tenantId, line);
    line.waiting.push({ ...call, resolve, reject });
    if (!line.isRunning) void run(tools, scope, { line, forget: () => ofDb.delete(scope.tenantId) });
  });
}

async function run(tools: SendTools, scope: TenantScope, { line, forget }: { line: Line; forget: () => void }): Promise<void> {
  line.isRunning = true;
  while (line.waiting.length > 0) await store(tools, scope, nextGroup(line));
  line.isRunning = false;
  forget();
}

/** One key at most once in a group: whoever repeats a call waits for the first one's COMMIT. */
function nextGroup(line: Line): Job[] {
  const keys = new Set<string>();
  const group: Job[] = [];
  const later: Job[] = [];
  for (const job of line.waiting) {
    const key = job.keyed?.key;
    if (group.length >= limits.sendGroupMax || (key !== undefined && keys.has(key))) {
      later.push(job);
    } else {
      if (key !== undefined) keys.add(key);
      group.push(job);
    }
  }
  line.waiting = later;
  return group;
}

/** Never throws: every job is answered. */
async function store(tools: SendTools, scope: TenantScope, group: readonly Job[]): Promise<void> {
  const [only, ...others] = group;
  if (only !== undefined && others.length === 0) return storeAlone(tools, scope, only);
  try {
    const { answers, alone } = await storeTogether(tools, scope, group);
    for (const answer of answers.values()) answer();
    for (const job of alone) await storeAlone(tools, scope, job);
  } catch (error) {
    // Something in one of them: each for itself says whose it is. But what may be committed is never stored once more.
    const isSafe = isUndone(error);
    for (const job of group) {
      if (isSafe) await storeAlone(tools, scope, job);
      else job.reject(error);
    }
  }
}

/** Whether nothing of the transaction can have been committed: the server said so, or the error is our own and came before COMMIT. */
function isUndone(error: unknown): boolean {
  if (error instanceof LinkError || error instanceof CommitError) return false;
  const sqlState = sqlStateOf(error);
  return sqlState === null || !/^(?:08|57|58)/.test(sqlState);
}

async function storeAlone(tools: SendTools, scope: TenantScope, job: Job): Promise<void> {
  try {
    job.resolve(
      await tenantTransaction(tools.app, scope, async (tx) => {
        const { keyed, readAt } = job;
        if (keyed !== null && !(await claimKey(tx, scope, keyed))) return keptAnswer(tx, scope, keyed);
        const queued = await queueWish(tx, tools, scope, readAt(tools.nowMs()));
        if (keyed !== null) await keepAnswer(tx, scope, keyed.key, queued);
        return queued;
      }),
    );
  } catch (error) {
    job.reject(error);
  }
}

type Together = { answers: Map<Job, () => void>; alone: readonly Job[] };
type Ready = { job: Job; prepared: PreparedWish };
type Read = { job: Job; wish: Wish };

/** What each call is answered, for after COMMIT. */
function storeTogether(tools: SendTools, scope: TenantScope, group: readonly Job[]): Promise<Together> {
  return tenantTransaction(tools.app, scope, async (tx) => {
    const nowMs = tools.nowMs();
    const answers: Together["answers"] = new Map();
    const progress = { nowMs, answers, hasher: tools.hasher };
    const wishes = await readAll(tx, scope, group, progress);
    const { ready, alone } = await prepareAll(tx, scope, wishes, progress);
    const drafts = await withinQuota(tx, scope, await draftAll(tx, scope, ready, progress), progress);
    const { events } = await queueMessages(tx, [...drafts.values()], nowMs);
    for (const [job, draft] of drafts) {
      const queued = queuedMessage(draft, nowMs);
      if (job.keyed !== null) await keepAnswer(tx, scope, job.keyed.key, queued);
      answers.set(job, () => job.resolve(queued));
    }
    await appendActivity(tx, events, nowMs);
    if (drafts.size > 0) tx.afterCommit(tools.wakeSends);
    return { answers, alone };
  });
}

type Progress = { hasher: Hasher | null; nowMs: number; answers: Together["answers"] };

/** A key first: an answer that is kept comes before all checks. */
async function readAll(tx: Tx, scope: TenantScope, group: readonly Job[], progress: Progress): Promise<Read[]> {
  const wishes: Read[] = [];
  for (const job of group) {
    await orRefuse(tx, scope, job, progress, async () => {
      const { keyed } = job;
      if (keyed === null || (await claimKey(tx, scope, keyed))) {
        wishes.push({ job, wish: job.readAt(progress.nowMs) });
        return;
      }
      const kept = await keptAnswer(tx, scope, keyed);
      progress.answers.set(job, () => job.resolve(kept));
    });
  }
  return wishes;
}

/** Thrown to undo what a savepoint holds. */
class FirstContacts extends Error {
  readonly jobs: Jobs;

  constructor(jobs: Jobs) {
    super();
    this.jobs = jobs;
  }
}

/** Whoever writes to somebody for the first time goes alone: should that be refused, the new conversation must not stay. */
async function prepareAll(
  tx: Tx,
  scope: TenantScope,
  wishes: readonly Read[],
  progress: Progress,
): Promise<{ ready: Ready[]; alone: readonly Job[] }> {
  const alone = new Set<Job>();
  for (;;) {
    const asked = wishes.filter(({ job }) => !alone.has(job));
    const found = await tx
      .savepoint(() => findKnown(tx, scope, asked, progress.nowMs))
      .catch((error: unknown) => {
        if (error instanceof FirstContacts) return error;
        throw error;
      });
    if (!(found instanceof FirstContacts)) return { ready: await readyOf(tx, scope, found, progress), alone: [...alone] };
    for (const job of found.jobs) {
      alone.add(job);
      // Claimed once more when its turn comes.
      if (job.keyed !== null) await releaseKey(tx, scope, job.keyed.key);
    }
  }
}

type Found = { job: Job; wish: Wish; recipient: Recipient | Rejection };

async function findKnown(tx: Tx, scope: TenantScope, asked: readonly Read[], nowMs: number): Promise<Found[]> {
  const recipients = await findRecipients(
    tx,
    scope,
    asked.map(({ wish }) => wish),
    nowMs,
  );
  const found = asked.map((read, index) => {
    const recipient = recipients[index];
    if (recipient === undefined) throw new Error("A wish was left out");
    return { ...read, recipient };
  });
  const first = found.filter(({ recipient }) => !(recipient instanceof Rejection) && recipient.isNew);
  if (first.length > 0) throw new FirstContacts(first.map(({ job }) => job));
  return found;
}

async function readyOf(tx: Tx, scope: TenantScope, found: readonly Found[], progress: Progress): Promise<Ready[]> {
  const ready: Ready[] = [];
  for (const { job, wish, recipient } of found) {
    await orRefuse(tx, scope, job, progress, async () => {
      if (recipient instanceof Rejection) throw recipient;
      ready.push({ job, prepared: await prepareWish(tx, progress, scope, { wish, recipient }) });
    });
  }
  return ready;
}

async function orRefuse(tx: Tx, scope: TenantScope, job: Job, { answers }: Progress, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    // A conflict about a key leaves the key to whom it belongs.
    if (job.keyed !== null && error.code !== "idempotency_conflict") await releaseKey(tx, scope, job.keyed.key);
    answers.set(job, () => job.reject(error));
  }
}

/** Who came first has the rest of the day's quota. */
async function withinQuota(tx: Tx, scope: TenantScope, drafts: ReadonlyMap<Job, Draft>, progress: Progress): Promise<Map<Job, Draft>> {
  const { granted, refusal } = await takeSends(tx, scope, drafts.size, progress.nowMs);
  const all = [...drafts];
  for (const [job] of all.slice(granted)) {
    await orRefuse(tx, scope, job, progress, async () => {
      throw refusal();
    });
  }
  return new Map(all.slice(0, granted));
}

async function draftAll(tx: Tx, scope: TenantScope, ready: readonly Ready[], progress: Progress): Promise<Map<Job, Draft>> {
  const drafts = new Map<Job, Draft>();
  if (ready.length === 0) return drafts;
  const conversations = await lockConversations(
    scope,
    tx,
    ready.map(({ prepared }) => prepared.recipient.conversationId),
  );
  for (const { job, prepared } of ready) {
    const conversation = conversations.get(prepared.recipient.conversationId);
    await orRefuse(tx, scope, job, progress, async () => {
      drafts.set(job, await draftOf(tx, scope, prepared, { conversation, nowMs: progress.nowMs }));
    });
  }
  return drafts;
}
