/**
 * The sandbox as a process of its own, for tests and benches that kill the program but not Meta. Run as a program it is the child; imported
 * it starts one and controls it over HTTP (`src/sandbox/control.ts` says by which words).
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { createControl } from "../../src/sandbox/control.ts";
import type { SandboxOptions } from "../../src/sandbox/create-world.ts";
import type { Fault, FaultMatch } from "../../src/sandbox/faults.ts";
import type { Accepted } from "../../src/sandbox/ledger.ts";
import { startSandbox, type SandboxNumber } from "../../src/sandbox/sandbox.ts";

type Scope = { after(fn: () => Promise<void>): void };

/** As of `startSandbox`, as far as JSON can say it; time is the system's. */
export type ProcessOptions = Omit<SandboxOptions, "nowMs" | "log" | "ingressUrl"> & { ingressUrl: string };

export type SandboxProcess = SandboxNumber & {
  graphUrl: string;
  appId: string;
  pid: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers whose shape they are about to assert.
  call(method: string, path: string, body?: object): Promise<any>;
  /** All that it remembers. */
  ledger(query?: Record<string, string>): Promise<Accepted[]>;
  fail(...rules: { when?: Omit<FaultMatch, "test">; times?: number | null; fault: Fault }[]): Promise<void>;
  addNumber(number?: object): Promise<SandboxNumber>;
  stop(): Promise<void>;
};

export async function startSandboxProcess(t: Scope, options: ProcessOptions): Promise<SandboxProcess> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), JSON.stringify(options)], { stdio: ["pipe", "pipe", "inherit"] });
  const gone = once(child, "exit");
  const stop = async (): Promise<void> => {
    // It ends with its input, so that it never outlives a test that was killed.
    child.stdin.end();
    await gone;
  };
  t.after(stop);
  const [line] = await Promise.race([once(createInterface(child.stdout), "line"), gone.then(() => [""])]);
  if (line === "") throw new Error("The sandbox's process ended while it started");
  const started = JSON.parse(String(line)) as SandboxNumber & { graphUrl: string; appId: string; controlUrl: string };

  const call: SandboxProcess["call"] = async (method, path, body) => {
    const answer = await fetch(`${started.controlUrl}/${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const said: unknown = await answer.json();
    if (answer.status !== 200) throw new Error(`The sandbox answers ${method} ${path} with ${JSON.stringify(said)}`);
    return said;
  };
  return {
    ...started,
    pid: child.pid ?? 0,
    call,
    async ledger(query = {}) {
      const answer = await call("GET", `ledger?${new URLSearchParams({ limit: "1000000", ...query })}`);
      return answer.entries;
    },
    async fail(...rules) {
      await call("POST", "faults", { rules });
    },
    addNumber: (number = {}) => call("POST", "numbers", number),
    stop,
  };
}

/** The child: says on its first line where it is. */
async function run(options: ProcessOptions): Promise<void> {
  const log = (trouble: object): void => void process.stderr.write(`sandbox: ${JSON.stringify(trouble)}\n`);
  const sandbox = await startSandbox({ ...options, nowMs: () => Date.now(), log });
  const control = createControl(sandbox);
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://control");
    const answer = async (): Promise<void> => {
      const body = await text(request);
      const said = await control({
        method: request.method ?? "GET",
        path: url.pathname,
        query: url.searchParams,
        body: body === "" ? {} : JSON.parse(body),
      });
      response.writeHead(said.status, { "content-type": "application/json" }).end(JSON.stringify(said.json));
    };
    answer().catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // Listening on TCP, so the address is no path.
  const { port } = server.address() as AddressInfo;
  const { wabaId, phoneNumberId, displayPhoneNumber, accessToken, graphUrl, appId } = sandbox;
  const where = { wabaId, phoneNumberId, displayPhoneNumber, accessToken, graphUrl, appId, controlUrl: `http://127.0.0.1:${port}` };
  process.stdout.write(`${JSON.stringify(where)}\n`);
  process.stdin.resume();
  process.stdin.on("end", () => {
    server.closeAllConnections();
    server.close();
    void sandbox.stop();
  });
}

// The one who starts it writes the options.
if (import.meta.main) await run(JSON.parse(process.argv[2] ?? "{}") as ProcessOptions);
