/**
 * What an event of the activity adds to the overview. Each event is counted once and in order (the follower's place and the counts commit
 * together), so nothing needs to be looked up but since when a customer waits. A message belongs to the quarter of an hour in which its id was made.
 */
import { stepOf } from "./response-scale.ts";

const quarterMs = 900_000;
/** Of a failure without a code; 0 is one of Meta's. */
export const noCode = -1;

export type CountField = "inbound" | "outbound" | "automatic" | "templates" | "sent" | "delivered" | "read" | "failed";
export type CountedEvent = {
  type: string;
  conversationId: string | null;
  messageId: string | null;
  data: unknown;
  createdAtMs: number;
};
/** Of one tenant. `connections` and `waits` by conversation; waits are changed. */
export type CountState = {
  connections: ReadonlyMap<string, string>;
  waits: Map<string, { sinceMs: number; isFirst: boolean }>;
};
export type Counts = {
  counts: { connectionId: string; atMs: number; field: CountField; change: number }[];
  responses: { connectionId: string; atMs: number; isFirst: boolean; step: number }[];
  failures: { connectionId: string; atMs: number; code: number }[];
};

/** Where in its life a message is: how far it got on the way to the customer, or that it failed. */
const reached: ReadonlyMap<string, readonly CountField[]> = new Map([
  ["sent", ["sent"]],
  ["failed", ["failed"]],
  ["delivered", ["sent", "delivered"]],
  ["read", ["sent", "delivered", "read"]],
  ["played", ["sent", "delivered", "read"]],
]);

export function countEvents(events: readonly CountedEvent[], state: CountState): Counts {
  const result: Counts = { counts: [], responses: [], failures: [] };
  const opened = new Set<string>();
  for (const event of events) {
    if (event.conversationId === null) continue;
    if (event.type === "window.opened") opened.add(event.conversationId);
    else countOne(event, event.conversationId, { state, opened, result });
  }
  return result;
}

type Counting = { state: CountState; opened: Set<string>; result: Counts };

function countOne(event: CountedEvent, conversationId: string, { state, opened, result }: Counting): void {
  const connectionId = state.connections.get(conversationId);
  const madeMs = event.messageId === null ? null : timeOfId(event.messageId);
  if (connectionId === undefined || madeMs === null) return;
  const fields = isRecord(event.data) ? event.data : {};
  const atMs = quarterOf(madeMs);
  const add = (field: CountField, change = 1): void => void result.counts.push({ connectionId, atMs, field, change });
  switch (event.type) {
    case "message.received":
      // A message that came again with more in it was counted; what the system says is no word of the customer's.
      if (fields["replaced"] === true || fields["type"] === "system") return;
      add("inbound");
      if (!state.waits.has(conversationId)) {
        const sinceMs = timeOf(fields["waTimestamp"]) ?? madeMs;
        state.waits.set(conversationId, { sinceMs: Math.min(sinceMs, event.createdAtMs), isFirst: opened.has(conversationId) });
      }
      return;
    case "message.echoed":
    case "message.queued": {
      if (fields["type"] === "reaction") return;
      const isEcho = event.type === "message.echoed";
      if (isEcho && fields["replaced"] === true) return;
      add("outbound");
      if (isEcho) add("sent");
      if (fields["type"] === "template") add("templates");
      if (fields["origin"] === "automatic") return add("automatic");
      const wait = state.waits.get(conversationId);
      if (wait === undefined) return;
      state.waits.delete(conversationId);
      const answeredMs = (isEcho ? timeOf(fields["waTimestamp"]) : null) ?? event.createdAtMs;
      const step = stepOf(Math.max(0, answeredMs - wait.sinceMs));
      result.responses.push({ connectionId, atMs: quarterOf(answeredMs), isFirst: wait.isFirst, step });
      return;
    }
    case "message.status_changed": {
      const [before, after] = [fieldsOf(fields["previousStatus"]), fieldsOf(fields["status"])];
      for (const field of after) if (!before.includes(field)) add(field);
      for (const field of before) if (!after.includes(field)) add(field, -1);
      if (after.includes("failed") && !before.includes("failed")) {
        const code = fields["errorCode"];
        result.failures.push({ connectionId, atMs, code: typeof code === "number" && Number.isInteger(code) ? code : noCode });
      }
      return;
    }
    default:
  }
}

function fieldsOf(status: unknown): readonly CountField[] {
  return (typeof status === "string" ? reached.get(status) : undefined) ?? [];
}

export function quarterOf(atMs: number): number {
  return Math.floor(atMs / quarterMs) * quarterMs;
}

/** Of a uuid v7: its first 48 bits. */
function timeOfId(id: string): number | null {
  const ms = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
  return Number.isSafeInteger(ms) ? ms : null;
}

function timeOf(value: unknown): number | null {
  const ms = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
