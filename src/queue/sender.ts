/**
 * The send side of a node: claims what is due, keeps a bounded number of requests under way, and writes their outcomes in groups. The next
 * group is written when the last COMMIT has ended, and what is written frees its place: when the database is away, nothing new is claimed.
 */
import { randomUUID } from "node:crypto";
import type { Db } from "../db/pool.ts";
import { limits } from "../limits.ts";
import type { Answers } from "../services/whatsapp/outbox/answers.ts";
import { Claimer, releaseClaims } from "../services/whatsapp/outbox/claim.ts";
import { beatNode, leaveNodes, reapAbandoned } from "../services/whatsapp/outbox/nodes.ts";
import type { Attempt } from "../services/whatsapp/outbox/outcome.ts";
import { recordAttempts } from "../services/whatsapp/outbox/record.ts";
import { forgetIdempotencyKeys, runTimers } from "../services/whatsapp/outbox/timers.ts";
import { isUnavailable } from "./blame.ts";
import { Loop } from "./loop.ts";
import { UnderWay } from "./under-way.ts";
import { sendOne, type SendOptions } from "./workers/send.worker.ts";

export type SenderOptions = SendOptions & {
  /** Role kesher_ingest. */
  ingest: Db;
  answers: Answers;
  random: () => number;
  onActivity: (tenantIds: readonly string[]) => void;
  onAttempt: (attempt: Attempt, endedAtMs: number) => void;
  onLoopError: (kind: string, error: unknown, attempt: number, waitMs: number) => void;
};

export class Sender {
  readonly #options: SenderOptions;
  readonly #nodeId = randomUUID();
  readonly #claimer: Claimer;
  readonly #underWay = new UnderWay();
  /** Claims whose COMMIT was not answered, and until when it may still take effect. No request of theirs has started. */
  readonly #lostClaims = new Map<string, number>();
  readonly #attempts = new Set<Promise<void>>();
  readonly #ended: Attempt[] = [];
  readonly #loops: { claims: Loop; outcomes: Loop; beats: Loop; timers: Loop };
  #beatAt = Number.NEGATIVE_INFINITY;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#claimer = new Claimer(options.ingest);
    const loop = (kind: string, pollMs: number, runOnce: () => Promise<boolean | number>): Loop =>
      new Loop({
        runOnce,
        pollMs,
        random: options.random,
        onError: (error, attempt, waitMs) => options.onLoopError(kind, error, attempt, waitMs),
      });
    this.#loops = {
      claims: loop("send", limits.sendPollMs, () => this.claimOnce()),
      outcomes: loop("send-outcomes", limits.sendPollMs, () => this.recordOnce()),
      beats: loop("send-node", limits.sendNodeBeatMs, () => this.beatOnce()),
      timers: loop("send-timers", limits.sendTimersMs, () => this.runTimersOnce()),
    };
  }

  start(): void {
    for (const loop of Object.values(this.#loops)) loop.start();
  }

  /** Something was queued. */
  wake(): void {
    this.#loops.claims.wake();
  }

  /** Claims nothing more; what is under way goes on. */
  async stopClaims(): Promise<void> {
    await this.#loops.claims.stop();
  }

  /** Claims nothing more, and ends when the outcomes of what is under way are written. */
  async stop(): Promise<void> {
    await this.stopClaims();
    await this.#loops.timers.stop();
    while (this.#underWay.total > 0) await this.#underWay.changed();
    await Promise.all([this.#loops.outcomes.stop(), this.#loops.beats.stop()]);
    await this.#releaseLostClaims().catch(() => undefined);
    await leaveNodes(this.#options.ingest, this.#nodeId).catch(() => undefined);
  }

  /** One claim; answers whether another should follow at once, or in how many milliseconds a number's pace allows one. */
  async claimOnce(): Promise<boolean | number> {
    await this.#releaseLostClaims();
    const slots = limits.sendsUnderWayMax - this.#underWay.total;
    if (slots <= 0) return false;
    // A node that others may take for dead claims nothing.
    if (performance.now() - this.#beatAt > limits.sendNodeAliveMs / 2) await this.beatOnce();
    const claimedAt = { monotonicMs: performance.now(), wallMs: this.#options.nowMs() };
    const claimId = randomUUID();
    const claim = await this.#claimer
      .claim({
        nodeId: this.#nodeId,
        claimId,
        slots,
        underWay: (connectionId) => this.#underWay.of(connectionId),
        underWayMax: (connectionId) => this.#underWay.maxOf(connectionId),
      })
      .catch((error: unknown) => {
        this.#lostClaims.set(claimId, performance.now() + limits.sendLostClaimMs);
        throw error;
      });
    for (const send of claim.sends) {
      this.#underWay.add(send.connectionId);
      const attempt = sendOne(this.#options, send, claimedAt).then((ended) => this.#end(ended));
      this.#attempts.add(attempt);
      void attempt.finally(() => this.#attempts.delete(attempt));
    }
    if (claim.sends.length > 0) return true;
    if (claim.waitMs === null) return false;
    return Math.min(limits.sendPaceMsMax, Math.max(limits.sendPaceMsMin, claim.waitMs));
  }

  /** Again and again for a while: the server may carry out a COMMIT later than the link to it broke. */
  async #releaseLostClaims(): Promise<void> {
    if (this.#lostClaims.size === 0) return;
    const nowMs = performance.now();
    await releaseClaims(this.#options.ingest, this.#nodeId, [...this.#lostClaims.keys()]);
    for (const [claimId, untilMs] of this.#lostClaims) if (untilMs <= nowMs) this.#lostClaims.delete(claimId);
  }

  /** When every request that is under way now has its outcome; `recordOnce` writes it. */
  async attemptsEnded(): Promise<void> {
    await Promise.all(this.#attempts);
  }

  #end(attempt: Attempt): void {
    this.#options.onAttempt(attempt, this.#options.nowMs());
    this.#underWay.learn(attempt);
    this.#ended.push(attempt);
    this.#loops.outcomes.wake();
  }

  /** Writes a group of outcomes; answers whether more wait. */
  async recordOnce(): Promise<boolean> {
    const group = this.#ended.slice(0, limits.sendOutcomesMax);
    if (group.length === 0) return false;
    await this.#options.failpoint("send.before_record");
    const tenantIds = await this.#record(group);
    this.#ended.splice(0, group.length);
    for (const { send } of group) this.#underWay.remove(send.connectionId);
    await this.#options.failpoint("send.recorded");
    this.#options.answers.told(group);
    this.#options.onActivity(tenantIds);
    this.wake();
    return this.#ended.length > 0;
  }

  /** Throws only when the database is unavailable. */
  async #record(group: readonly Attempt[]): Promise<string[]> {
    const { ingest, nowMs, random, onError } = this.#options;
    const write = (attempts: readonly Attempt[]): Promise<string[]> => recordAttempts(ingest, attempts, { nowMs: nowMs(), random });
    try {
      return await write(group);
    } catch (error) {
      if (isUnavailable(error)) throw error;
    }
    // Something in the data: each for itself, and the guilty one as what it is at least, an outcome that nobody can tell.
    const tenantIds: string[] = [];
    for (const attempt of group) {
      try {
        tenantIds.push(...(await write([attempt])));
      } catch (error) {
        if (isUnavailable(error)) throw error;
        onError(attempt.send.messageId, error);
        tenantIds.push(...(await this.#recordAsUnknown(attempt, write)));
      }
    }
    return tenantIds;
  }

  /** What cannot even be written so stays `dispatching` until this node is gone; it must not hold up the others. */
  async #recordAsUnknown(attempt: Attempt, write: (attempts: readonly Attempt[]) => Promise<string[]>): Promise<string[]> {
    try {
      return await write([{ ...attempt, outcome: { kind: "unknown", reason: "not_recorded" } }]);
    } catch (error) {
      if (isUnavailable(error)) throw error;
      this.#options.onError(attempt.send.messageId, error);
      return [];
    }
  }

  /** Says that this node lives, and takes from the dead. */
  async beatOnce(): Promise<boolean> {
    const { ingest, nowMs, onActivity } = this.#options;
    const at = performance.now();
    await beatNode(ingest, this.#nodeId);
    this.#beatAt = at;
    const tenantIds = await reapAbandoned(ingest, nowMs());
    onActivity(tenantIds);
    if (tenantIds.length > 0) this.wake();
    return false;
  }

  async runTimersOnce(): Promise<boolean> {
    const { ingest, nowMs, onActivity } = this.#options;
    const { joined, tenantIds } = await runTimers(ingest, nowMs());
    onActivity(tenantIds);
    if (joined > 0) this.wake();
    await forgetIdempotencyKeys(ingest);
    return joined >= limits.sendTimersMax;
  }
}
