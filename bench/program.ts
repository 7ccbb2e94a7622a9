/** The program itself, started as anybody would: `node src/index.ts` with settings in the environment. Set up through its API. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync, closeSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Pool } from "pg";
import { readPidFile, shutdown } from "../src/db/embedded-postmaster.ts";
import type { Workbench } from "./workbench.ts";
import { until } from "./workbench.ts";
import { appSecret, displayPhoneNumber, phoneNumberId, tenantCount, wabaId } from "./world.ts";

const adminKey = "bench-admin-key-that-is-long-enough-0123456789";
/** As `npm start` gives them. */
const nodeFlags = ["--max-semi-space-size=16", "--heap-growing-percent=100"];
const readyMsMax = 90_000;
const stopMsMax = 20_000;
const encryptionKey = `k1:${Buffer.alloc(32, 7).toString("base64")}`;

export type Program = {
  pid: number;
  port: number;
  /** Of the embedded server; null when the database is somebody else's. */
  postmaster: number | null;
  readyMs: number;
  /** Only with the embedded server: where it is, and SQL as its superuser. */
  server: { host: string; port: number } | null;
  sql: Pool | null;
  /** What it has written to the console so far. */
  said: () => string;
  stats: () => Promise<Stats>;
  /** A POST with the admin key. */
  admin: (path: string, body: object) => Promise<Record<string, unknown>>;
  stop: () => Promise<void>;
};
export type Stats = {
  updates: number;
  stored: number;
  duplicates: number;
  parked: number;
  deliveries: number;
  pending: number;
  oldestPendingMs: number;
};
export type ProgramOptions = {
  name: string;
  databaseUrl?: string;
  role?: "all" | "web" | "worker";
  nodeArgs?: readonly string[];
  graphUrl?: string;
  port?: number;
  /** As `npm start` without settings: the demo tenant, and a link at the console that signs its person in. */
  isSandbox?: true;
};

export async function startProgram(bench: Workbench, options: ProgramOptions): Promise<Program> {
  const dataDir = join(bench.directory, options.name);
  await mkdir(dataDir, { recursive: true, mode: 0o755 });
  const port = options.port ?? (await freePort());
  const logFile = join(bench.directory, `${options.name}.log`);
  const log = openSync(logFile, "a");
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...nodeFlags, ...(options.nodeArgs ?? []), "src/index.ts"], {
    cwd: new URL("..", import.meta.url),
    env: {
      PATH: process.env["PATH"] ?? "",
      NODE_ENV: "production",
      PORT: String(port),
      DATA_DIR: dataDir,
      ADMIN_API_KEY: adminKey,
      LOG_LEVEL: "warn",
      ...(options.isSandbox === true ? {} : metaSettings(options)),
      ...(options.databaseUrl === undefined ? {} : { DATABASE_URL: options.databaseUrl, ROLE: options.role ?? "all" }),
    },
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  const cluster = join(dataDir, "postgres");
  const stop = bench.defer(async () => {
    await stopChild(child);
    // Had the program to be killed, then its server still runs.
    const left = await readPidFile(cluster);
    if (left !== null) await shutdown(cluster, left.pid);
  });
  const isReady = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`The program ended:\n${readFileSync(logFile, "utf8").slice(-2_000)}`);
    return fetch(`http://127.0.0.1:${port}/readyz`).then(
      (response) => response.ok,
      () => false,
    );
  };
  await until(isReady, readyMsMax, "The program is ready", 20);
  const readyMs = performance.now() - startedAt;
  const server = options.databaseUrl === undefined ? await readPidFile(cluster) : null;
  const sql = server === null ? null : openSql(bench, { host: server.socketDir, port: server.port, database: "kesher" });
  return {
    pid: child.pid ?? 0,
    port,
    postmaster: server?.pid ?? null,
    readyMs,
    server: server === null ? null : { host: server.socketDir, port: server.port },
    sql,
    said: () => readFileSync(logFile, "utf8"),
    stats: () => readStats(port),
    admin: (path, body) => post(port, path, body),
    async stop() {
      await sql?.end();
      await stop();
    },
  };
}

function metaSettings({ graphUrl }: ProgramOptions): Record<string, string> {
  return {
    META_APP_ID: "700700700",
    META_APP_SECRET: appSecret,
    META_VERIFY_TOKEN: "bench-verify-token",
    ENCRYPTION_KEYS: encryptionKey,
    // Nobody listens there: set-up reports it and goes on.
    GRAPH_URL: graphUrl ?? "http://127.0.0.1:9",
  };
}

/** As superuser, if nobody else is named: counts, seeds and statistics. */
export function openSql(bench: Workbench, server: { host: string; port: number; database: string; user?: string }): Pool {
  const pool = new Pool({ user: "postgres", ...server, max: 3 });
  // The server ends under it when the program is stopped.
  pool.on("error", () => undefined);
  // A session that somebody still holds must not hold up the end.
  bench.defer(async () => {
    if (!pool.ending) await Promise.race([pool.end(), pause(2_000, undefined, { ref: false })]);
  });
  return pool;
}

/** 50 tenants with one connection each. Answers their keys. */
export async function setUp(port: number): Promise<string[]> {
  const keys: string[] = [];
  for (let tenant = 0; tenant < tenantCount; tenant += 1) {
    const made = await post(port, "tenants", {
      name: `Business ${tenant}`,
      slug: `business-${tenant}`,
      locale: "he",
      timeZone: "Asia/Jerusalem",
    });
    await post(port, "connections", {
      tenantId: made["id"],
      wabaId: wabaId(tenant),
      phoneNumberId: phoneNumberId(tenant),
      displayPhoneNumber: displayPhoneNumber(tenant),
      accessToken: "EAAbench",
    });
    keys.push(String(made["apiKey"]));
  }
  return keys;
}

async function post(port: number, path: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}

export async function readStats(port: number): Promise<Stats> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/stats`, { headers: { authorization: `Bearer ${adminKey}` } });
  if (!response.ok) throw new Error(`GET stats: ${response.status} ${await response.text()}`);
  return (await response.json()) as Stats;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), stopMsMax);
  await ended;
  clearTimeout(timer);
}
