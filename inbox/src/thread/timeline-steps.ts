/**
 * The steps of a message, oldest first. What came by a webhook: said at Meta → the POST came in → stored → drawn here; each of ours with the time
 * since the one before. Then what Meta reported, with how long after it we learnt of it.
 */
import type { TimelineEntry } from "../../../src/contract/messages.ts";
import type { TextKey } from "../texts/keys.ts";
import { fieldsOf, textOf } from "./fields.ts";

export type TimelineStep = {
  name: TextKey;
  at: string;
  /** Since the step before, between our own clocks only. */
  afterMs: number | null;
  /** How long after it happened at Meta we heard of it. */
  learntMs: number | null;
  /** What an edit replaced. */
  before: string | null;
  entry: TimelineEntry | null;
};

const names: Record<Exclude<TimelineEntry["type"], "message.status">, TextKey> = {
  "webhook.received": "timeline_webhook",
  "message.created": "timeline_created",
  "message.edited": "edited",
  "message.revoked": "revoked",
  "reaction.changed": "timeline_reaction",
};
const statuses = ["received", "pending", "unknown", "accepted", "sent", "failed", "delivered", "read", "played", "cancelled"] as const;

/** `drawnMs`: when this tab drew it, null where it did not. */
export function timelineSteps(entries: readonly TimelineEntry[], drawnMs: number | null): TimelineStep[] {
  const made = entries.find(({ type }) => type === "message.created");
  const origin = fieldsOf(made?.data)["origin"];
  const isFromMeta = origin === "customer" || origin === "phone";
  const receivedAt = entries.find(({ type }) => type === "webhook.received")?.at ?? null;
  // What was written before the next edit.
  let written = wordsOf(fieldsOf(made?.data)["content"]);
  const steps = entries.map((entry): TimelineStep => {
    const { type, at } = entry;
    const before = type === "message.edited" ? written : null;
    if (type === "message.edited" && written !== null) written = wordsOf(fieldsOf(entry.data)["message"]);
    const isOwnClock = type === "webhook.received" || (type === "message.created" && !isFromMeta);
    return {
      name: type === "message.status" ? statusName(entry) : type === "message.created" && isFromMeta ? "timeline_said" : names[type],
      at,
      afterMs: null,
      learntMs: isOwnClock || type === "message.created" ? null : Date.parse(entry.createdAt) - Date.parse(at),
      before,
      entry,
    };
  });
  if (made === undefined || !isFromMeta) return drawnMs === null ? steps : inOrder([...steps, ownStep("timeline_drawn", drawnMs, null)]);
  const storedMs = Date.parse(made.createdAt);
  const own = [
    ownStep("timeline_stored", storedMs, receivedAt === null ? null : Date.parse(receivedAt)),
    ...(drawnMs === null ? [] : [ownStep("timeline_drawn", drawnMs, drawnMs - storedMs < dayMs ? storedMs : null)]),
  ];
  // Behind the words themselves and their POST, whatever Meta's clock says; then by time.
  const head = steps.filter(({ entry }) => entry?.type === "message.created" || entry?.type === "webhook.received");
  const tail = steps.filter((step) => !head.includes(step));
  const [stored, ...rest] = own;
  return [...head, ...(stored === undefined ? [] : [stored]), ...inOrder([...rest, ...tail])];
}

const dayMs = 24 * 3_600_000;

function ownStep(name: TextKey, atMs: number, sinceMs: number | null): TimelineStep {
  const afterMs = sinceMs === null ? null : Math.max(0, atMs - sinceMs);
  return { name, at: new Date(atMs).toISOString(), afterMs, learntMs: null, before: null, entry: null };
}

function wordsOf(content: unknown): string | null {
  return textOf(fieldsOf(content)["body"]) ?? textOf(fieldsOf(content)["caption"]);
}

function statusName({ status }: TimelineEntry): TextKey {
  const known = statuses.find((one) => one === status);
  return known === undefined ? "timeline_status" : `status_${known}`;
}

function inOrder(steps: readonly TimelineStep[]): TimelineStep[] {
  return steps.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));
}
