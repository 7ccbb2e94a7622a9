/**
 * The load generator, a process of its own: raw sockets, requests that were built and signed before, one request at a time on each
 * connection. Closed loop: each connection sends as soon as it was answered. Open loop: a fixed rate, and a request that finds no free
 * connection counts as late from the moment it was due.
 */
import { openSync, readSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { readRecord, type LoadRecord } from "./bodies.ts";
import { Histogram, type Latencies } from "./histogram.ts";
import { untilOver, watchStreams } from "./load-streams.ts";

export type LoadOrder = {
  port: number;
  file: string;
  connections: number;
  /** POSTs a second; null for the closed loop. */
  perSecond: number | null;
  warmMs: number;
  measureMs: number;
  /** Tenants' keys: their streams are read, and each first message of a POST is waited for there. */
  streamKeys: readonly string[];
};
export type LoadReport = {
  /** Of the whole run: what was answered 200 must be in the database afterwards. */
  total: Acknowledged;
  /** Of the measured part. */
  measured: Acknowledged & { seconds: number };
  failed: number;
  statuses: Record<string, number>;
  ack: Latencies;
  /** From the answer to the event on the open stream. */
  visible: Latencies;
  unseen: number;
  ranOut: boolean;
  /** Of the generator, in the measured part. */
  cpuSeconds: number;
};
export type Acknowledged = { posts: number; updates: number; messages: number; facts: number };
export type LoadMessage =
  | { type: "measuring" }
  | { type: "measured" }
  | { type: "done"; report: LoadReport }
  | { type: "failed"; reason: string };

const chunkBytes = 4 * 2 ** 20;
const lastAnswersMs = 30_000;

if (process.send !== undefined) {
  process.once("message", (order: LoadOrder) => {
    run(order).then(
      (report) => tell({ type: "done", report }, true),
      (error: unknown) => tell({ type: "failed", reason: String(error) }, true),
    );
  });
}

function tell(message: LoadMessage, isLast = false): void {
  process.send?.(message, undefined, undefined, () => {
    if (isLast) process.exit(0);
  });
}

type Line = { socket: Socket; record: LoadRecord | null; startedAt: number; rest: string };

async function run(order: LoadOrder): Promise<LoadReport> {
  const next = reader(order.file);
  const streams = watchStreams(order);
  await streams.opened;
  const ack = new Histogram();
  const total: Acknowledged = { posts: 0, updates: 0, messages: 0, facts: 0 };
  const measured = { ...total, seconds: 0 };
  const statuses: Record<string, number> = {};
  const idle: Line[] = [];
  let failed = 0;
  let phase: "warm" | "measured" | "over" = "warm";
  let ranOut = false;
  let busy = 0;
  let sent = 0;
  let lastTickAt = 0;
  const lines = await Promise.all(Array.from({ length: order.connections }, () => openLine(order.port)));

  const startedAt = performance.now();
  const { promise: quiet, resolve: allAnswered } = Promise.withResolvers<undefined>();
  const { promise: broken, reject: breakOff } = Promise.withResolvers<never>();

  const dispatch = (line: Line, dueAt: number): void => {
    const record = phase === "over" ? null : next();
    if (record === null) {
      if (phase !== "over") {
        ranOut = true;
        endPhase();
      }
      idle.push(line);
      if (busy === 0) allAnswered(undefined);
      return;
    }
    line.record = record;
    line.startedAt = dueAt;
    busy += 1;
    sent += 1;
    line.socket.write(record.request);
  };
  const answered = (line: Line, status: string): void => {
    const { record } = line;
    if (record === null) return breakOff(new Error("An answer came that nobody asked for"));
    const now = performance.now();
    line.record = null;
    busy -= 1;
    if (status === "200") {
      add(total, record);
      if (phase === "measured") {
        add(measured, record);
        ack.add((now - line.startedAt) * 1_000);
        if (record.waMessageId !== "") streams.acknowledged(record.waMessageId, now);
      }
    } else {
      failed += 1;
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
    if (order.perSecond === null || phase === "over") dispatch(line, now);
    else {
      const dueAt = startedAt + (sent * 1_000) / order.perSecond;
      if (dueAt <= lastTickAt) dispatch(line, dueAt);
      else idle.push(line);
    }
  };
  const tick = (): void => {
    const now = performance.now();
    for (;;) {
      const dueAt = startedAt + (sent * 1_000) / (order.perSecond ?? 1);
      if (dueAt > now || phase === "over") break;
      // In turn, so that none is idle for so long that the server closes it.
      const line = idle.shift();
      if (line === undefined) break;
      // The timer's own delay is not the server's.
      dispatch(line, dueAt <= lastTickAt ? dueAt : now);
    }
    lastTickAt = now;
  };
  let measuringSince = 0;
  let cpuSeconds = 0;
  const endPhase = (): void => {
    if (phase === "measured") {
      cpuSeconds = usedCpuSeconds() - cpuSeconds;
      measured.seconds = (performance.now() - measuringSince) / 1_000;
      tell({ type: "measured" });
    }
    phase = "over";
  };

  for (const line of lines) listen(line, answered, breakOff);
  const timers = [
    setTimeout(() => {
      if (phase !== "warm") return;
      phase = "measured";
      measuringSince = performance.now();
      cpuSeconds = usedCpuSeconds();
      tell({ type: "measuring" });
    }, order.warmMs),
    setTimeout(endPhase, order.warmMs + order.measureMs),
    setTimeout(() => breakOff(new Error("The last answers did not come")), order.warmMs + order.measureMs + lastAnswersMs),
  ];
  const ticking = order.perSecond === null ? null : setInterval(tick, 1);
  if (order.perSecond === null) for (const line of lines) dispatch(line, performance.now());
  else idle.push(...lines);
  const ended = order.perSecond === null ? quiet : Promise.race([quiet, untilOver(() => phase === "over" && busy === 0)]);
  await Promise.race([ended, broken]);
  if (ticking !== null) clearInterval(ticking);
  for (const timer of timers) clearTimeout(timer);
  for (const { socket } of lines) socket.destroy();
  const unseen = await streams.finish();
  return {
    total,
    measured,
    failed,
    statuses,
    ack: ack.summary(),
    visible: streams.latencies.summary(),
    unseen,
    ranOut,
    cpuSeconds,
  };
}

function usedCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function add(sum: Acknowledged, record: LoadRecord): void {
  sum.posts += 1;
  sum.updates += record.updates;
  sum.messages += record.messages;
  sum.facts += record.facts;
}

/** Reads the file piece by piece; the pieces come from the page cache. */
function reader(file: string): () => LoadRecord | null {
  const fd = openSync(file, "r");
  let buffer = Buffer.alloc(0);
  let at = 0;
  return () => {
    let record = readRecord(buffer, at);
    while (record === null) {
      const piece = Buffer.allocUnsafeSlow(chunkBytes);
      const bytes = readSync(fd, piece, 0, chunkBytes, null);
      if (bytes === 0) return null;
      buffer = Buffer.concat([buffer.subarray(at), piece.subarray(0, bytes)]);
      at = 0;
      record = readRecord(buffer, at);
    }
    at = record.end;
    return record;
  };
}

function openLine(port: number): Promise<Line> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve({ socket, record: null, startedAt: 0, rest: "" });
    });
  });
}

function listen(line: Line, answered: (line: Line, status: string) => void, breakOff: (error: Error) => void): void {
  line.socket.on("error", breakOff);
  line.socket.on("close", () => {
    if (line.record !== null) breakOff(new Error("A connection was closed before its answer"));
  });
  line.socket.on("data", (piece) => {
    const text = line.rest + piece.toString("latin1");
    const headEnd = text.indexOf("\r\n\r\n");
    const length = headEnd < 0 ? null : /content-length: *(\d+)/i.exec(text);
    if (length === null || text.length < headEnd + 4 + Number(length[1])) {
      line.rest = text;
      return;
    }
    line.rest = "";
    answered(line, text.slice(9, 12));
  });
}
