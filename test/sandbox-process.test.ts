import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, realpath, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { isSigned } from "../src/core/signature.ts";
import { withDatabase } from "./support/database.ts";
import { freePort } from "./support/program.ts";
import { startSandboxProcess } from "./support/sandbox-process.ts";

test("The sandbox runs as a process of its own, is controlled over HTTP, and ends with who started it", async (t) => {
  const bodies: string[] = [];
  const ingress = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString("latin1")));
    request.on("end", () => {
      if (!isSigned(Buffer.from(body, "latin1"), String(request.headers["x-hub-signature-256"]), ["secret"]))
        return response.writeHead(401).end();
      bodies.push(body);
      return response.end();
    });
  }).listen(0, "127.0.0.1");
  await once(ingress, "listening");
  t.after(() => {
    ingress.closeAllConnections();
    ingress.close();
  });
  const { port } = ingress.address() as AddressInfo;
  const sandbox = await startSandboxProcess(t, { appSecret: "secret", ingressUrl: `http://127.0.0.1:${port}/`, statusDelaysMs: null });
  const written = await sandbox.call("POST", "phones/972501234567/messages", { type: "text", text: "שלום" });
  assert.deepEqual([written.status, bodies.length], [200, 1]);
  const number = await sandbox.addNumber({ throughputPerSecond: 1_000 });
  await sandbox.fail({ when: { phoneNumberId: number.phoneNumberId }, fault: { kind: "reset", accepts: true } });
  const send = async ({ phoneNumberId, accessToken }: typeof number, template = "hello_world"): Promise<number> => {
    const answer = await fetch(`${sandbox.graphUrl}/v26.0/${phoneNumberId}/messages`, {
      method: "POST",
      headers: { authorization: `Bearer ${accessToken}` },
      body: JSON.stringify({
        messaging_product: "whatsapp",
        to: "+972501234567",
        type: "template",
        template: { name: template, language: { code: "en_US" } },
        biz_opaque_callback_data: "m_1",
      }),
    });
    return answer.status;
  };
  await assert.rejects(send(number));
  assert.equal(await send(sandbox), 200);
  assert.deepEqual(
    (await sandbox.ledger()).map(({ phoneNumberId, callback }) => [phoneNumberId, callback]),
    [
      [number.phoneNumberId, "m_1"],
      [sandbox.phoneNumberId, "m_1"],
    ],
  );
  await sandbox.stop();
  assert.throws(() => process.kill(sandbox.pid, 0));
});

/** Says on stderr which files of ours are loaded. */
const spy = `import { registerHooks } from "node:module";
registerHooks({ load(url, context, next) {
  if (url.includes("/src/")) process.stderr.write("LOADED " + url.slice(url.indexOf("/src/") + 1) + "\\n");
  return next(url, context);
} });`;

/** Starts the program until it says something on its console, ends it, and answers what it had loaded. */
async function loadedBy(settings: Record<string, string>): Promise<{ loaded: string[]; said: string }> {
  const dataDir = await realpath(await mkdtemp(join(tmpdir(), "kesher-loaded-")));
  // The account of the embedded server must be able to enter it.
  await chmod(dataDir, 0o755);
  const child = spawn(process.execPath, ["--import", `data:text/javascript,${encodeURIComponent(spy)}`, "src/index.ts"], {
    cwd: new URL("..", import.meta.url),
    env: { PATH: process.env["PATH"] ?? "", PORT: String(await freePort()), DATA_DIR: dataDir, ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  // Its streams have ended, too: what it said before its end may be read after it.
  const gone = once(child, "close");
  const loaded: string[] = [];
  let said = "";
  createInterface(child.stderr).on("line", (line) => {
    if (line.startsWith("LOADED ")) loaded.push(line.slice("LOADED ".length));
    else said += `${line}\n`;
  });
  const lines = createInterface(child.stdout);
  await Promise.race([
    gone,
    new Promise<void>((resolve) =>
      lines.on("line", (line) => {
        said += `${line}\n`;
        if (line.startsWith("Kesher listens")) resolve();
      }),
    ),
  ]);
  child.kill("SIGTERM");
  await gone;
  await rm(dataDir, { recursive: true, force: true, maxRetries: 10 });
  return { loaded, said };
}

test("With settings for the real Meta, no file of the sandbox is loaded; without them, they are", async (t) => {
  const { server } = await withDatabase(t);
  // The test's own server listens on a socket.
  const { host, port, user, database } = server as { host: string; port: number; user: string; database: string };
  const query = new URLSearchParams({ host, port: String(port), user });
  const live = await loadedBy({
    DATABASE_URL: `postgres:///${database}?${query}`,
    META_APP_ID: "1",
    META_APP_SECRET: "a-secret-of-the-meta-app-for-tests",
    META_VERIFY_TOKEN: "verify",
    ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 9).toString("base64")}`,
    ADMIN_API_KEY: "an-admin-key-of-at-least-32-characters",
    GRAPH_URL: "http://127.0.0.1:9",
  });
  assert.match(live.said, /Kesher listens/);
  assert.ok(live.loaded.includes("src/compose.ts"));
  const ofSandbox = (path: string): boolean => path.startsWith("src/sandbox/") || path === "src/demo.ts";
  assert.deepEqual(live.loaded.filter(ofSandbox), []);

  const demo = await loadedBy({});
  assert.match(demo.said, /Kesher listens/);
  assert.ok(demo.loaded.filter(ofSandbox).length > 20, "the check can fail");
});
