/** The overview: what came in and went out in a time, by the tenant's clock. */
import { Type, type Static } from "typebox";
import { Id, Nullable, OneOf, Time } from "./json.ts";

/** Of at most `limits.overviewDaysMax`. `from` and `to` are rounded down to a quarter of an hour; `to` is not part of it. */
export const OverviewQuery = Type.Object({
  from: Type.String({ maxLength: 40, format: "date-time" }),
  to: Type.String({ maxLength: 40, format: "date-time" }),
  interval: Type.Optional(
    OneOf(["hour", "day", "week", "month"], { description: "Default: day. Begins by the tenant's clock; weeks on Sunday" }),
  ),
  connectionId: Type.Optional(Id),
});
export type OverviewQuery = Static<typeof OverviewQuery>;

/** For people; in the three languages of the inbox. */
const Sentence = Type.Object({ he: Type.String(), en: Type.String(), ar: Type.String() });

const counts = {
  inbound: Type.Integer({ description: "Messages of customers" }),
  outbound: Type.Integer({ description: "Ours, automatic replies and those from the phone included" }),
  automatic: Type.Integer({ description: "Of outbound: automatic replies" }),
  templates: Type.Integer({ description: "Of outbound: templates" }),
  freeform: Type.Integer({ description: "Of outbound: inside the window, without a template" }),
  sent: Type.Integer({ description: "Of outbound: reached Meta, or got further" }),
  delivered: Type.Integer(),
  read: Type.Integer(),
  failed: Type.Integer({ description: "Of outbound: failed, and nothing better was reported since" }),
};
export const OverviewCounts = Type.Object(counts);
export type OverviewCounts = Static<typeof OverviewCounts>;

/** From the customer's first word that nobody had answered to the answer of a person or bot. Upper bounds of a scale with 25 % steps. */
export const ResponseTimes = Type.Object({
  answers: Type.Integer(),
  medianMs: Nullable(Type.Integer()),
  p90Ms: Nullable(Type.Integer()),
});
export type ResponseTimes = Static<typeof ResponseTimes>;

export const Overview = Type.Object({
  from: Time,
  to: Time,
  timeZone: Type.String(),
  interval: OneOf(["hour", "day", "week", "month"]),
  totals: OverviewCounts,
  /** Every interval of the time, also those in which nothing happened. Messages count where they were made, whatever became of them later. */
  series: Type.Array(Type.Object({ at: Time, ...counts })),
  responses: Type.Object({
    all: ResponseTimes,
    first: Type.Object({ ...ResponseTimes.properties }, { description: "Only answers to the word that opened a window" }),
  }),
  /** Most frequent first. */
  failures: Type.Array(
    Type.Object({
      code: Nullable(Type.Integer()),
      count: Type.Integer(),
      blame: Nullable(Type.String()),
      sentence: Nullable(Sentence),
      action: Nullable(Type.String()),
      actionSentence: Nullable(Sentence),
    }),
  ),
  /** Seven days from Sunday × 24 hours of the tenant's clock: messages of customers. */
  busiestHours: Type.Array(Type.Array(Type.Integer())),
  /** Up to here what happened is counted. */
  countedUntil: Nullable(Time),
});
export type Overview = Static<typeof Overview>;
