/** The program as a real child process, `node src/index.ts` in live mode, for tests that kill, freeze and restart it. */
import assert from "node:assert/strict";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp, realpath, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import pg from "pg";
import { identify, readPidFile, shutdown } from "../../src/db/embedded-postmaster.ts";
import { startTestServer, type TestServer } from "./server.ts";

const run = promisify(execFile);
export const appSecret = "a-secret-of-the-meta-app-for-tests";
export const adminKey = "an-admin-key-of-at-least-32-characters";
/** Promise I12. */
export const readyMsMax = 30_000;
const encryptionKeys = `k1:${Buffer.alloc(32, 9).toString("base64")}`;
const outputCharsMax = 20_000;

type Scope = { after(fn: () => Promise<void>): void };

export type ProgramOptions = {
  /** Its data is on a disk of this size, in memory. */
  diskBytes?: number;
  /** A server of somebody else's instead of the embedded one. */
  databaseUrl?: string;
  role?: "all" | "web" | "worker";
  graphUrl?: string;
  /** Of Embedded Signup. */
  configId?: string;
  /** Without settings of Meta's: it plays Meta itself, with the secrets in its data folder, and endpoints may be on this machine. A newcomer sets nothing but PORT and DATA_DIR. */
  sandbox?: true | "newcomer";
};

export type Ended = { code: number | null; signal: NodeJS.Signals | null };

/** One program over many lives, always on the same port and data. */
export class Program {
  readonly url: string;
  readonly dataDir: string;
  readonly #port: number;
  readonly #options: ProgramOptions;
  #child: ChildProcess | null = null;
  #ended: Promise<Ended> = Promise.resolve({ code: 0, signal: null });
  #output = "";

  constructor(dataDir: string, port: number, options: ProgramOptions) {
    this.url = `http://127.0.0.1:${port}`;
    this.dataDir = dataDir;
    this.#port = port;
    this.#options = options;
  }

  /** Starts a new life; `failpoint` is `name:action`. Does not wait. */
  spawn(failpoint?: string): void {
    assert(!this.isAlive(), "The program runs already");
    const { databaseUrl, role, graphUrl, configId, sandbox } = this.#options;
    const child = spawn(process.execPath, ["--require", "./src/require-node.cjs", "src/index.ts"], {
      cwd: new URL("../..", import.meta.url),
      env: {
        PATH: process.env["PATH"] ?? "",
        PORT: String(this.#port),
        DATA_DIR: this.dataDir,
        ...(sandbox !== undefined
          ? {}
          : { META_APP_ID: "1", META_APP_SECRET: appSecret, META_VERIFY_TOKEN: "verify", ENCRYPTION_KEYS: encryptionKeys }),
        // Port 9 discards: whoever sends is refused at once.
        ...(sandbox === "newcomer" ? {} : { ADMIN_API_KEY: adminKey, GRAPH_URL: graphUrl ?? "http://127.0.0.1:9", LOG_LEVEL: "warn" }),
        ...(configId === undefined ? {} : { META_CONFIG_ID: configId }),
        ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl, ROLE: role ?? "all" }),
        ...(failpoint === undefined ? {} : { KESHER_TEST: "1", KESHER_FAILPOINT: failpoint }),
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const keep = (text: Buffer): void => {
      this.#output = (this.#output + text.toString()).slice(-outputCharsMax);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    this.#child = child;
    this.#ended = once(child, "exit").then(([code, signal]: unknown[]) => ({ code, signal }) as Ended);
  }

  /** Starts it and waits until it is ready; answers after how many milliseconds. */
  async start(failpoint?: string): Promise<number> {
    const began = performance.now();
    this.spawn(failpoint);
    await this.ready();
    return performance.now() - began;
  }

  async ready(msMax = readyMsMax): Promise<void> {
    await until("the program is ready", msMax, async () => {
      if (!this.isAlive()) throw new Error(`The program ended while it started:\n${this.#output}`);
      return this.isReady();
    });
  }

  isReady(): Promise<boolean> {
    return fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(5_000) }).then(
      (answer) => answer.ok,
      () => false,
    );
  }

  isAlive(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** How the present life ends. */
  ended(): Promise<Ended> {
    return this.#ended;
  }

  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#ended;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** The last it said, for the message of a failed test. */
  get output(): string {
    return this.#output;
  }

  get cluster(): string {
    return join(this.dataDir, "postgres");
  }

  /** Null when there is none, or when the pid is a stranger's. */
  async postmaster(): Promise<number | null> {
    const file = await readPidFile(this.cluster);
    return file !== null && (await identify(file.pid, this.cluster)) === "ours" ? file.pid : null;
  }

  /** `kill -9` of the database, which is always proven to be ours before. */
  async killPostmaster(signal: "SIGKILL" | "SIGQUIT" = "SIGKILL"): Promise<void> {
    const pid = await this.postmaster();
    if (pid !== null) process.kill(pid, signal);
  }

  /** A session as superuser over the embedded server's socket; null while it starts or recovers. */
  async trySql(): Promise<pg.Client | null> {
    const file = await readPidFile(this.cluster);
    if (file === null || file.status !== "ready") return null;
    return connectSql({ host: file.socketDir, port: file.port, user: "postgres", database: "kesher" }).catch(() => null);
  }

  async sql(): Promise<pg.Client> {
    let client: pg.Client | null = null;
    await until("the database lets a superuser in", readyMsMax, async () => (client = await this.trySql()) !== null);
    if (client === null) throw new Error("No session");
    return client;
  }

  /** Whether the database serves under another pid than `before`, and the program says so too. */
  async isDatabaseBack(before: number | null): Promise<boolean> {
    const now = await this.postmaster();
    if (now === null || now === before) return false;
    const sql = await this.trySql();
    await sql?.end();
    return sql !== null && this.isReady();
  }

  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers whose shape they are about to assert.
  async call(method: string, path: string, body?: object, key = adminKey): Promise<{ status: number; json: any }> {
    const answer = await fetch(`${this.url}/api/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: answer.status, json: await answer.json() };
  }

  /** Ends everything for good. */
  async destroy(): Promise<void> {
    if (this.isAlive()) await this.kill();
    const pid = await this.postmaster();
    if (pid !== null) await shutdown(this.cluster, pid);
  }
}

/** Not started yet; all of it is gone after the test. */
export async function makeProgram(t: Scope, options: ProgramOptions = {}): Promise<Program> {
  const dataDir = await realpath(await mkdtemp(join(tmpdir(), "kesher-crash-")));
  // The account of the embedded server must be able to enter it.
  await chmod(dataDir, 0o755);
  const program = new Program(dataDir, await freePort(), options);
  let unmount = async (): Promise<void> => undefined;
  t.after(async () => {
    await program.destroy();
    await unmount();
    await rm(dataDir, { recursive: true, force: true, maxRetries: 10 });
  });
  if (options.diskBytes !== undefined) unmount = await mountSmallDisk(dataDir, options.diskBytes);
  return program;
}

/** Only root may do this; answers how to undo it. */
async function mountSmallDisk(folder: string, bytes: number): Promise<() => Promise<void>> {
  await run("mount", ["-t", "tmpfs", "-o", `size=${bytes},mode=0755`, "tmpfs", folder]);
  return async () => {
    await run("umount", ["-l", folder]);
  };
}

export async function connectSql(server: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client(server);
  // A server that is killed under an idle session.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/** A server of its own for several nodes, as an operator's PostgreSQL would be. */
export async function startServer(t: Scope): Promise<{ databaseUrl: string; superuser: pg.ClientConfig }> {
  const { server, stop } = await startTestServer();
  t.after(stop);
  const { host, port, user, database } = ownerOf(server);
  const query = new URLSearchParams({ host, port: String(port), user });
  return { databaseUrl: `postgres:///${database}?${query}`, superuser: { ...server.superuser, database } };
}

function ownerOf(server: TestServer): { host: string; port: number; user: string; database: string } {
  const { owner } = server;
  if (!("host" in owner)) throw new Error("The test server has no address");
  return owner;
}

export type WhatsAppNumber = { tenantId: string; key: string; wabaId: string; phoneNumberId: string; connectionId: string };

/** Tenants with an account and a number each, made as an operator's script would make them. */
export async function setUpNumbers(program: Pick<Program, "call">, count: number): Promise<WhatsAppNumber[]> {
  const numbers: WhatsAppNumber[] = [];
  for (let index = 0; index < count; index += 1) {
    const slug = `crash-${index}`;
    const tenant = await program.call("POST", "tenants", { name: slug, slug, locale: "he", timeZone: "Asia/Jerusalem" });
    assert.equal(tenant.status, 201);
    const [tenantId, wabaId, phoneNumberId] = [String(tenant.json.id), `7000${index}`, `8000${index}`];
    const made = await program.call("POST", "connections", {
      tenantId,
      wabaId,
      phoneNumberId,
      displayPhoneNumber: `97230000${index}`,
      accessToken: "token",
    });
    assert.equal(made.status, 201);
    numbers.push({ tenantId, key: String(tenant.json.apiKey), wabaId, phoneNumberId, connectionId: String(made.json.id) });
  }
  return numbers;
}

/** Looks again and again; fails with what it waited for when `msMax` are over. */
export async function until(what: string, msMax: number, check: () => boolean | Promise<boolean>): Promise<number> {
  const began = performance.now();
  while (!(await check())) {
    assert(performance.now() - began < msMax, `Not within ${msMax} ms: ${what}`);
    // Not a guess at how long something takes: only the pause between two looks.
    await pause(20);
  }
  return performance.now() - began;
}

/** Below those that the system gives to whoever wants any: while a program is down, nobody else comes to its port. */
const ports = { from: 20_000, to: 32_000 };

export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(ports.from, ports.to);
    const server = createServer();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
    if (!(await promise)) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}
