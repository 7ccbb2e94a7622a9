/** The overview, from counts by quarters of an hour: what it costs depends on the time that is asked for, not on how many messages there were in it. */
import type { Overview, OverviewCounts, OverviewQuery, ResponseTimes } from "../../contract/overview.ts";
import { invalidRequest } from "../../core/rejection.ts";
import { noCode, quarterOf } from "../../core/overview-count.ts";
import { percentileMs } from "../../core/response-scale.ts";
import type { TenantScope } from "../../core/scope.ts";
import type { Db } from "../../db/pool.ts";
import { statement, time, type RowOf } from "../../db/statement.ts";
import { tenantTransaction } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import { errorFact } from "../whatsapp/graph/errors.ts";

/** $1 tenant, $2 from, $3 to, $4 connection or null. */
const inTime = (row: string): string => `
  ${row}.tenant_id = $1 and ${row}.at >= $2::timestamptz and ${row}.at < $3::timestamptz and ($4::uuid is null or ${row}.connection_id = $4)`;
const fields = ["inbound", "outbound", "automatic", "templates", "sent", "delivered", "read", "failed"] as const;

/** Where the interval of a time begins by the tenant's clock ($6); weeks begin on Sunday. */
const begin = (at: string): string => `case when $5 = 'week'
    then (date_trunc('week', (${at} at time zone $6::text) + interval '1 day') - interval '1 day') at time zone $6
    else date_trunc($5::text, ${at}, $6) end`;
const countsRow = {
  atMs: "time",
  inbound: "bigint",
  outbound: "bigint",
  automatic: "bigint",
  templates: "bigint",
  sent: "bigint",
  delivered: "bigint",
  read: "bigint",
  failed: "bigint",
} as const;
const selectSeries = statement(
  "overview.series",
  `select s.at as "atMs", ${fields.map((field) => `coalesce(c.${field}, 0)::bigint as ${field}`).join(", ")}
   from generate_series(${begin("$2::timestamptz")}, $3::timestamptz - interval '1 microsecond', ('1 ' || $5)::interval, $6) s (at)
   left join (
     select ${begin("c.at")} as at, ${fields.map((field) => `sum(c.${field}) as ${field}`).join(", ")} from overview_counts c
     where ${inTime("c")} group by 1
   ) c on c.at = s.at
   order by s.at`,
  countsRow,
);
const selectResponses = statement(
  "overview.responses",
  `select r.is_first as "isFirst", r.step::int as step, sum(r.answers)::bigint as answers from overview_responses r where ${inTime("r")} group by 1, 2`,
  { isFirst: "bool", step: "int", answers: "bigint" },
);
const selectFailures = statement(
  "overview.failures",
  `select f.code, sum(f.failures)::bigint as count from overview_failures f where ${inTime("f")} group by 1 order by 2 desc, 1 limit $5`,
  { code: "int", count: "bigint" },
);
const selectBusiest = statement(
  "overview.busiest",
  `select extract(dow from c.at at time zone $5::text)::int as day, extract(hour from c.at at time zone $5)::int as hour, sum(c.inbound)::bigint as inbound
   from overview_counts c where ${inTime("c")} and c.inbound <> 0 group by 1, 2`,
  { day: "int", hour: "int", inbound: "bigint" },
);
/** Up to now where nothing is left to be counted, else up to the last event that was. */
const selectPlace = statement(
  "overview.place",
  `select t.time_zone as "timeZone",
     case when f.seq >= coalesce(c.seq, 0) then clock_timestamp()
       else (select a.created_at from activity_events a where a.tenant_id = t.id and a.seq = f.seq) end as "countedUntilMs"
   from tenants t
   left join activity_counters c on c.tenant_id = t.id
   left join follower_cursors f on f.tenant_id = t.id and f.follower = 'overview'
   where t.id = $1`,
  { timeZone: "text", countedUntilMs: "time?" },
);

/** Throws `invalid_request` for a time that is none or too long. */
export async function readOverview(app: Db, scope: TenantScope, query: OverviewQuery): Promise<Overview> {
  const { fromMs, toMs } = rangeOf(query);
  const interval = query.interval ?? "day";
  const range = [scope.tenantId, time(fromMs), time(toMs), query.connectionId ?? null] as const;
  return tenantTransaction(app, scope, async (tx) => {
    const [place] = await tx.query(selectPlace, [scope.tenantId]);
    if (place === undefined) throw new Error("A tenant without a row");
    const series = await tx.query(selectSeries, [...range, interval, place.timeZone]);
    const responses = await tx.query(selectResponses, range);
    const failures = await tx.query(selectFailures, [...range, limits.overviewFailuresMax]);
    const busiest = await tx.query(selectBusiest, [...range, place.timeZone]);
    return {
      from: time(fromMs),
      to: time(toMs),
      timeZone: place.timeZone,
      interval,
      totals: countsOf(series),
      series: series.map((row) => ({ at: time(row.atMs), ...countsOf([row]) })),
      responses: { all: timesOf(responses), first: timesOf(responses.filter(({ isFirst }) => isFirst)) },
      failures: failures.map(({ code, count }) => failureOf(code, count)),
      busiestHours: weekOf(busiest),
      countedUntil: time(place.countedUntilMs),
    };
  });
}

function rangeOf({ from, to }: OverviewQuery): { fromMs: number; toMs: number } {
  const [fromMs, toMs] = [quarterOf(Date.parse(from)), quarterOf(Date.parse(to))];
  if (!(fromMs < toMs)) throw invalidRequest("from and to: at least a quarter of an hour must lie between them");
  if (toMs - fromMs > limits.overviewDaysMax * 86_400_000) throw invalidRequest(`from and to: at most ${limits.overviewDaysMax} days`);
  return { fromMs, toMs };
}

function countsOf(rows: readonly RowOf<typeof countsRow>[]): OverviewCounts {
  const sum = (field: (typeof fields)[number]): number => rows.reduce((total, row) => total + row[field], 0);
  const [outbound, templates, automatic] = [sum("outbound"), sum("templates"), sum("automatic")];
  const [sent, delivered, read, failed] = [sum("sent"), sum("delivered"), sum("read"), sum("failed")];
  return { inbound: sum("inbound"), outbound, automatic, templates, freeform: outbound - templates, sent, delivered, read, failed };
}

function timesOf(rows: readonly { step: number; answers: number }[]): ResponseTimes {
  const steps = new Map<number, number>();
  for (const { step, answers } of rows) steps.set(step, (steps.get(step) ?? 0) + answers);
  const answers = [...steps.values()].reduce((total, count) => total + count, 0);
  return { answers, medianMs: percentileMs(steps, 0.5), p90Ms: percentileMs(steps, 0.9) };
}

function failureOf(code: number, count: number): Overview["failures"][number] {
  if (code === noCode) return { code: null, count, blame: null, sentence: null, action: null, actionSentence: null };
  const { blame, sentence, action, actionSentence } = errorFact(code);
  return { code, count, blame, sentence, action, actionSentence };
}

function weekOf(rows: readonly { day: number; hour: number; inbound: number }[]): number[][] {
  const week = Array.from({ length: 7 }, () => Array.from({ length: 24 }, () => 0));
  for (const { day, hour, inbound } of rows) {
    const hours = week[day];
    if (hours !== undefined) hours[hour] = inbound;
  }
  return week;
}
