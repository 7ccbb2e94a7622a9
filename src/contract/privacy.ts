/** Retention, exports and erasures. */
import { Type, type Static } from "typebox";
import { limits } from "../limits.ts";
import { Id, Nullable, OneOf, Time } from "./json.ts";

export const PrivacyJob = Type.Object({
  id: Id,
  kind: OneOf(["export", "erasure"]),
  contactId: Id,
  state: OneOf(["queued", "running", "done", "failed"]),
  step: Nullable(Type.String({ description: "What is being done" })),
  progress: Type.Integer({ minimum: 0, maximum: 100, description: "Of the steps, in hundredths" }),
  counts: Type.Record(Type.String(), Type.Integer(), { description: "What was found or removed so far" }),
  erasedAt: Nullable(Type.String({ format: "date-time", description: "Updates dated up to then are left out when they come again" })),
  error: Nullable(Type.String({ description: "Why the last attempt ended; it is tried again" })),
  bytes: Nullable(Type.Integer({ description: "Of the export" })),
  expiresAt: Nullable(Type.String({ format: "date-time", description: "Until when the export can be fetched" })),
  createdAt: Time,
  startedAt: Nullable(Time),
  finishedAt: Nullable(Time),
});
export type PrivacyJob = Static<typeof PrivacyJob>;

export const EraseContact = Type.Object(
  { confirm: Type.String({ format: "uuid", description: "The contact's id once more: there is no way back" }) },
  { additionalProperties: false },
);
export type EraseContact = Static<typeof EraseContact>;

function days(minimum: number, description: string) {
  return Nullable(
    Type.Integer({ minimum, maximum: limits.retentionDaysMax, description: `${description}. null: as long as the platform does` }),
  );
}

const min = limits.retentionDaysMin;
/** What a webhook wrote outlives the journal: else a replay of it would bring back what is gone, and count it anew. */
const webhooksMin = limits.retentionMessagesDaysMin;
const classes = {
  messages: days(webhooksMin, "Messages with their statuses and files"),
  media: days(min, "Files, those that were uploaded to be sent, too"),
  activity: days(min, `Events; the platform keeps them for ${limits.activityKeptDays} days`),
  statuses: days(webhooksMin, `Statuses one by one; the platform keeps them for ${limits.statusFactsKeptDays} days`),
  parked: days(min, "Updates that could not be applied"),
  accountEvents: days(webhooksMin, "What Meta tells of accounts and numbers"),
  forwarding: days(min, `What was sent on to endpoints; the platform keeps it for up to ${limits.forwardDeadKeptDays} days`),
  audit: days(limits.retentionAuditDaysMin, "The audit log, whole seals of it; the platform keeps it for ever"),
};
export const Retention = Type.Object({ ...classes, enforcedAt: Nullable(Time) });
export type Retention = Static<typeof Retention>;
export const ChangeRetention = Type.Partial(Type.Object(classes), { additionalProperties: false });
export type ChangeRetention = Static<typeof ChangeRetention>;
