/** The table: every row of DESIGN section 11 with its floor and goal, whether or not this run has measured it. */
import { describeCommit, describeMachine } from "./machine.ts";
import { ms, whole } from "./sustain.ts";

type RowSpec = { what: string; floor: number; goal: number; better: "more" | "less"; show: (value: number) => string };

const perSecond = (value: number): string => `${whole(value)}/s`;
const times = (value: number): string => `${value.toFixed(1)}×`;
const share = (value: number): string => `${Math.round(value * 100)} %`;
const milliseconds = (value: number): string => `${ms(value)} ms`;
const seconds = (value: number): string => `${(value / 1_000).toFixed(1)} s`;

export const rows = {
  one: {
    what: "one update per POST, signed, to committed and visible, sustained (backlog ≤ 1 s)",
    floor: 5_000,
    goal: 10_000,
    better: "more",
    show: perSecond,
  },
  twenty: { what: "20 updates per POST, likewise", floor: 15_000, goal: 30_000, better: "more", show: perSecond },
  statuses: { what: "statuses, 50 per POST, likewise", floor: 20_000, goal: 50_000, better: "more", show: perSecond },
  reference: { what: "the mix against the row-at-a-time reference, same run", floor: 5, goal: 10, better: "more", show: times },
  raw: { what: "the mix against the raw limit, same run", floor: 0.35, goal: 0.6, better: "more", show: share },
  ack: { what: "ack p99 at half of the sustained rate", floor: 50, goal: 15, better: "less", show: milliseconds },
  stream: { what: "webhook answered → event on an open stream, p95 at 500/s", floor: 200, goal: 50, better: "less", show: milliseconds },
  stored: { what: "rate with 5 million stored messages ÷ rate when empty", floor: 0.8, goal: 0.95, better: "more", show: share },
  drain: { what: "drain of a backlog, as a multiple of the sustained rate", floor: 1.5, goal: 3, better: "more", show: times },
  memory: {
    what: "resident memory of the node process at full load",
    floor: 400,
    goal: 200,
    better: "less",
    show: (value) => `${whole(value)} MB`,
  },
  start: { what: "`npm start` on an installed fresh clone to ready", floor: 10_000, goal: 3_000, better: "less", show: seconds },
  sends: { what: "accepted sends against the sandbox, pacing lifted", floor: 1_000, goal: 3_000, better: "more", show: perSecond },
  sendLatency: { what: "API call → Graph request when idle, p50", floor: 15, goal: 15, better: "less", show: milliseconds },
} as const satisfies Record<string, RowSpec>;
export type RowName = keyof typeof rows;

export type Results = {
  values: Map<RowName, { value: number; note: string }>;
  /** From profiles. */
  limits: Map<RowName, string>;
  /** Also reported: a line each. */
  beside: string[];
  profiles: { title: string; lines: readonly string[] }[];
  /** What the drain is compared with. */
  mixPerSecond: number | null;
};

export function emptyResults(): Results {
  return { values: new Map(), limits: new Map(), beside: [], profiles: [], mixPerSecond: null };
}

export function toMarkdown(results: Results, isQuick: boolean): string {
  const table = Object.entries(rows).map(([name, row]) => {
    // Names of `rows` are the keys of both maps.
    const found = results.values.get(name as RowName);
    const limit = results.limits.get(name as RowName) ?? "";
    const { show } = row;
    const cells = [
      row.what,
      show(row.floor),
      show(row.goal),
      found === undefined ? "not measured" : `**${show(found.value)}**`,
      found === undefined ? "" : verdict(row, found.value),
      [found?.note ?? "", limit].filter((part) => part !== "").join("; "),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return [
    "# What was measured",
    "",
    `${describeMachine()}. Commit ${describeCommit()}. ${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC, ${isQuick ? "quick runs of 10 s" : "runs of 60 s"}.`,
    "The machine carries PostgreSQL and the load generator as well, and is shared: ratios are worth more than figures. Load: `bench/load.ts`, a process of its own with",
    "raw sockets and requests that were signed before, 64 connections. Rows were counted by SQL after each run and match what was acknowledged.",
    "",
    "| what | floor | goal | measured | | notes, and what limits |",
    "| --- | --- | --- | --- | --- | --- |",
    ...table,
    "",
    "## Beside",
    "",
    ...results.beside.map((line) => `- ${line}`),
    ...results.profiles.flatMap(({ title, lines }) => ["", `## Profile: ${title}`, "", "```", ...lines, "```"]),
    "",
  ].join("\n");
}

/** For the terminal. */
export function toText(results: Results): string {
  const lines = Object.entries(rows).map(([name, row]) => {
    const found = results.values.get(name as RowName);
    const value = found === undefined ? "not measured" : `${row.show(found.value)} (${verdict(row, found.value)})`;
    return `${row.what.padEnd(85)} ${row.show(row.floor).padStart(9)} ${row.show(row.goal).padStart(9)}  ${value}`;
  });
  return [`${"".padEnd(85)} ${"floor".padStart(9)} ${"goal".padStart(9)}`, ...lines, "", ...results.beside].join("\n");
}

function verdict({ floor, goal, better }: RowSpec, value: number): string {
  const reaches = (mark: number): boolean => (better === "more" ? value >= mark : value <= mark);
  if (reaches(goal)) return "goal";
  return reaches(floor) ? "floor" : "short";
}
