/** Third step of forwarding: the deliveries of one claimed lane, one after another, until one fails or the time of the run is over. */
import { isDead, verdictOf, type PostAnswer, type Verdict } from "../core/forward-verdict.ts";
import type { Failpoint } from "../failpoint.ts";
import { limits } from "../limits.ts";
import type { ClaimedLane, Waiting } from "./forward-claim.ts";
import type { Connector } from "./forward-connector.ts";
import { signRequest } from "./forward-request.ts";
import type { Destination, Destinations } from "./forward-secrets.ts";
import type { DeliveryResult, LaneResult } from "./forward-settle.ts";

export type SendOptions = {
  connector: Connector;
  destinations: Destinations;
  nowMs: () => number;
  signal: AbortSignal;
  failpoint: Failpoint;
  onAnswer: (outcome: Verdict, ms: number) => void;
};

/** Rejects only when the database is unavailable or a secret does not open: then the claim runs out. */
export async function sendLane(options: SendOptions, lane: ClaimedLane): Promise<LaneResult> {
  const { claimId, tenantId, endpointId } = lane;
  const result: LaneResult = {
    claimId,
    tenantId,
    endpointId,
    lane: lane.lane,
    failures: lane.failures,
    deliveries: [],
    round: { ...quiet },
  };
  if (lane.deliveries.length === 0) return { ...result, failures: 0 };
  const destination = await options.destinations.find(lane);
  // The endpoint is gone, and with it everything that waited.
  if (destination === null) return result;
  const began = performance.now();
  const deliveries: DeliveryResult[] = [];
  for (const waiting of lane.deliveries) {
    if (deliveries.length > 0 && performance.now() - began > limits.forwardRunMs) break;
    const answer = await attempt(options, { lane, destination, waiting });
    const verdict: Verdict = answer === null ? "refused" : verdictOf(answer);
    const outcome = outcomeOf(waiting, answer, verdict);
    deliveries.push(outcome);
    if (answer !== null) note(result.round, answer, verdict);
    if (verdict === "stopped") break;
    result.failures = outcome.state === "pending" ? result.failures + 1 : 0;
    // What follows waits its turn, and after one that is given up, too: each would be one more attempt at an endpoint in trouble.
    if (verdict !== "delivered" && answer !== null) break;
  }
  return { ...result, deliveries };
}

const quiet = { delivered: 0, failed: 0, gone: 0, retryAfterMs: null };

type Sending = { lane: ClaimedLane; destination: Destination; waiting: Waiting };

/** Null where there is nothing left to send. */
async function attempt(options: SendOptions, { lane, destination, waiting }: Sending): Promise<PostAnswer | null> {
  if (waiting.text === null) return null;
  const began = performance.now();
  const nowMs = options.nowMs();
  const { headers, body } = signRequest(lane.form, waiting.id, waiting.text, { secrets: destination.secrets, nowMs });
  await options.failpoint("forward.before_send");
  const answer = await options.connector.post({ url: destination.url, headers, body, signal: options.signal });
  await options.failpoint("forward.sent");
  options.onAnswer(verdictOf(answer), performance.now() - began);
  return answer;
}

function outcomeOf(waiting: Waiting, answer: PostAnswer | null, verdict: Verdict): DeliveryResult {
  const { id } = waiting;
  if (answer === null) return { id, state: "dead", isAttempt: false, status: null, error: "kept no longer" };
  if (answer.kind === "stopped") return { id, state: "pending", isAttempt: false, status: null, error: null };
  const status = answer.kind === "answered" ? answer.status : null;
  if (verdict === "delivered") return { id, state: "delivered", isAttempt: true, status, error: null };
  const isOver = isDead({ verdict, attempts: waiting.attempts + 1, triedMs: waiting.triedMs });
  return { id, state: isOver ? "dead" : "pending", isAttempt: true, status, error: errorOf(answer) };
}

function errorOf(answer: Exclude<PostAnswer, { kind: "stopped" }>): string {
  if (answer.kind === "unreachable") return answer.reason;
  return answer.shown === "" ? `answered ${answer.status}` : `answered ${answer.status}: ${answer.shown}`;
}

function note(round: LaneResult["round"], answer: PostAnswer, verdict: Verdict): void {
  if (verdict === "stopped") return;
  if (verdict === "delivered") round.delivered += 1;
  else if (verdict === "gone") round.gone += 1;
  else round.failed += 1;
  if (answer.kind === "answered" && answer.retryAfterMs !== null && verdict === "trouble") round.retryAfterMs = answer.retryAfterMs;
}
