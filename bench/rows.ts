/** The table: every row of DESIGN section 11 with its floor and goal, and what was measured last. */
import { keptValue, type Kept, type KeptLines, type Stamp } from "./kept.ts";
import { describeMachine } from "./machine.ts";
import { ms, whole } from "./sustain.ts";

type RowSpec = { what: string; floor: number; goal: number; better: "more" | "less"; show: (value: number) => string };

const perSecond = (value: number): string => `${whole(value)}/s`;
const times = (value: number): string => `${value.toFixed(1)}×`;
const share = (value: number): string => `${Math.round(value * 100)} %`;
const finely = (value: number): string => `${(value * 100).toFixed(1)} %`;
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
  inboxFirst: {
    what: "inbox: reload → the list painted from the local store, p50",
    floor: 1_000,
    goal: 300,
    better: "less",
    show: milliseconds,
  },
  inboxSwitch: {
    what: "inbox: click → another thread painted, from the cache, p95",
    floor: 50,
    goal: 32,
    better: "less",
    show: milliseconds,
  },
  inboxReading: { what: "inbox: frames dropped while reading (3,000 px/s)", floor: 0.01, goal: 0, better: "less", show: finely },
  inboxList: {
    what: "inbox: frames dropped, 10,000 conversations flung through (24,000 px/s)",
    floor: 0.01,
    goal: 0,
    better: "less",
    show: finely,
  },
  inboxThread: {
    what: "inbox: frames dropped, a thread of 50,000 messages flung through (24,000 px/s)",
    floor: 0.01,
    goal: 0,
    better: "less",
    show: finely,
  },
  inboxScript: {
    what: "inbox: JavaScript before anything shows, compressed",
    floor: 250,
    goal: 200,
    better: "less",
    show: (value) => `${whole(value)} kB`,
  },
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

/** What one run fills, as it goes. */
export function emptyResults(mixPerSecond: number | null): Results {
  return { values: new Map(), limits: new Map(), beside: [], profiles: [], mixPerSecond };
}

export function toMarkdown(kept: Kept, now: Stamp): string {
  const table = Object.entries(rows).map(([name, row]) => {
    // Names of `rows` are the keys of both.
    const found = keptValue(kept, name as RowName);
    const limit = kept.limits[name as RowName] ?? "";
    const { show } = row;
    const cells = [
      row.what,
      show(row.floor),
      show(row.goal),
      found === null ? "not measured" : `**${show(found.value)}**`,
      found === null ? "" : verdict(row, found.value),
      [found?.note ?? "", limit].filter((part) => part !== "").join("; "),
      found === null ? "" : stampText(found),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return [
    "# What was measured",
    "",
    `${describeMachine()}. Last run: ${stampText(now)}.`,
    "The machine carries PostgreSQL and the load generator as well, and is shared: ratios are worth more than figures. Load: `bench/load.ts`, a process of its own with",
    "raw sockets and requests that were signed before, 64 connections. Rows were counted by SQL after each run and match what was acknowledged.",
    "Each run replaces its own rows and leaves the others; quick runs measure for 10 s, full ones for 60 s.",
    "",
    "| what | floor | goal | measured | | notes, and what limits | when, of which commit |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...table,
    "",
    "## Beside",
    "",
    ...Object.entries(kept.beside).flatMap(([name, one]) => [`- ${name} (${stampText(one)})`, ...one.lines.map((line) => `  - ${line}`)]),
    ...Object.entries(kept.profiles).flatMap(([title, one]) => profileText(title, one)),
    "",
  ].join("\n");
}

function profileText(title: string, one: KeptLines): string[] {
  return ["", `## Profile: ${title} (${stampText(one)})`, "", "```", ...one.lines, "```"];
}

function stampText({ at, commit, isQuick }: Stamp): string {
  return `${at}, ${commit}${isQuick ? ", quick" : ""}`;
}

/** For the terminal: what is not of this run is in brackets. */
export function toText(kept: Kept, began: Stamp): string {
  const lines = Object.entries(rows).map(([name, row]) => {
    const found = keptValue(kept, name as RowName);
    const value = found === null ? "not measured" : `${row.show(found.value)} (${verdict(row, found.value)})`;
    return `${row.what.padEnd(85)} ${row.show(row.floor).padStart(9)} ${row.show(row.goal).padStart(9)}  ${found !== null && found.at < began.at ? `[${value}]` : value}`;
  });
  const beside = Object.values(kept.beside).flatMap((one) => (one.at < began.at ? [] : one.lines));
  return [`${"".padEnd(85)} ${"floor".padStart(9)} ${"goal".padStart(9)}`, ...lines, "", ...beside].join("\n");
}

function verdict({ floor, goal, better }: RowSpec, value: number): string {
  const reaches = (mark: number): boolean => (better === "more" ? value >= mark : value <= mark);
  if (reaches(goal)) return "goal";
  return reaches(floor) ? "floor" : "short";
}
