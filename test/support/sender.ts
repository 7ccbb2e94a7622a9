/** The sender of a node, driven by hand: no loops, one claim and its outcomes at a time. */
import { Sender, type SenderOptions } from "../../src/queue/sender.ts";
import type { GraphClient } from "../../src/services/whatsapp/graph/client.ts";
import { AccessTokens } from "../../src/services/whatsapp/outbox/access-tokens.ts";
import { Answers } from "../../src/services/whatsapp/outbox/answers.ts";
import type { AttemptOutcome } from "../../src/services/whatsapp/outbox/outcome.ts";
import { createPrepareBody } from "../../src/services/whatsapp/outbox/prepare.ts";
import type { Rig } from "./worker.ts";

export type Turn = { outcomes: AttemptOutcome["kind"][]; errors: unknown[]; taken: number };
export type HandSender = {
  sender: Sender;
  answers: Answers;
  /** Claims once, waits for the requests, writes the outcomes. */
  turn(): Promise<Turn>;
  /** Turns until nothing is due. */
  drain(turnsMax?: number): Promise<Turn>;
};

export function handSender(rig: Rig, graph: GraphClient, more: Partial<SenderOptions> = {}): HandSender {
  let seen: Turn = { outcomes: [], errors: [], taken: 0 };
  const answers = new Answers();
  const sender = new Sender({
    ingest: rig.ingest,
    graph,
    tokens: new AccessTokens(rig.app, (_context, sealed) => Buffer.from(sealed).toString()),
    prepare: createPrepareBody(() => Promise.resolve({ kind: "not_ready", afterMs: 0 })),
    answers,
    nowMs: () => Date.now(),
    // A machine that pauses between a claim and its requests must not change what a test sees.
    startMsMax: Number.POSITIVE_INFINITY,
    random: () => 0,
    failpoint: () => undefined,
    onActivity: () => undefined,
    onAttempt: ({ outcome }) => {
      seen.outcomes.push(outcome.kind);
      seen.taken += 1;
    },
    onError: (_messageId, error) => seen.errors.push(error),
    onLoopError: (_kind, error) => seen.errors.push(error),
    ...more,
  });
  const turn = async (): Promise<Turn> => {
    seen = { outcomes: [], errors: [], taken: 0 };
    await sender.claimOnce();
    await sender.attemptsEnded();
    while (await sender.recordOnce());
    return seen;
  };
  return {
    sender,
    answers,
    turn,
    async drain(turnsMax = 100) {
      const all: Turn = { outcomes: [], errors: [], taken: 0 };
      for (let turns = 0; turns < turnsMax; turns += 1) {
        const { outcomes, errors, taken } = await turn();
        all.outcomes.push(...outcomes);
        all.errors.push(...errors);
        all.taken += taken;
        if (taken === 0) return all;
      }
      throw new Error("The outbox does not come to an end");
    },
  };
}
