/** A sandbox with an ingress that checks signatures, keeps what came, and can refuse; and a client of its Graph. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { isSigned } from "../../src/core/signature.ts";
import type { SandboxOptions } from "../../src/sandbox/create-world.ts";
import { startSandbox, type Sandbox } from "../../src/sandbox/sandbox.ts";
import { decodeUpdate } from "../../src/services/whatsapp/graph/decode.ts";
import { locateUpdates, parseBody } from "../../src/services/whatsapp/graph/locate.ts";
import type { Update } from "../../src/services/whatsapp/graph/updates.ts";

// oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers whose shape they are about to assert.
export type Answer = { status: number; json: any; text: string };
export type Rig = {
  sandbox: Sandbox;
  clock: { ms: number };
  /** The next update that came, or comes. */
  next(): Promise<Update>;
  /** Each POST that was taken, with its updates. */
  posts: { path: string; updates: Update[]; json: unknown }[];
  /** As many POSTs are answered 503 from now on. */
  refusals: { left: number };
  troubles: unknown[];
  graph(method: string, path: string, body?: object | FormData, token?: string): Promise<Answer>;
  /** A text to this phone or user id, in Meta's shape. */
  send(to: string, more?: object, phoneNumberId?: string, token?: string): Promise<Answer>;
};

export const customer = { from: "972501234567", name: "דנה" };
const appSecret = "sandbox-secret";

export async function startSandboxRig(t: TestContext, options: Partial<SandboxOptions> = {}): Promise<Rig> {
  const waiting: ((update: Update) => void)[] = [];
  const arrived: Update[] = [];
  const posts: Rig["posts"] = [];
  const clock = { ms: Date.UTC(2026, 10, 22) };
  const refusals = { left: 0 };
  const ingress = createServer((request, response) => {
    const chunks: Buffer[] = [];
    const url = new URL(request.url ?? "/", "http://ingress");
    if (request.method === "GET") return response.end(url.searchParams.get("hub.challenge") ?? "");
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    return request.on("end", () => {
      const body = Buffer.concat(chunks);
      const header = request.headers["x-hub-signature-256"];
      const secret = url.searchParams.get("secret") ?? appSecret;
      if (!isSigned(body, typeof header === "string" ? header : undefined, [secret])) return response.writeHead(401).end();
      if (refusals.left-- > 0) return response.writeHead(503).end();
      const updates = read(body);
      posts.push({ path: url.pathname, updates, json: JSON.parse(body.toString()) });
      for (const update of updates) (waiting.shift() ?? ((one: Update) => arrived.push(one)))(update);
      return response.writeHead(200).end();
    });
  });
  ingress.listen(0, "127.0.0.1");
  await once(ingress, "listening");
  // Listening on TCP, so the address is no path.
  const ingressUrl = `http://127.0.0.1:${(ingress.address() as AddressInfo).port}/webhook/whatsapp`;
  const troubles: unknown[] = [];
  const sandbox = await startSandbox({
    appSecret,
    ingressUrl,
    nowMs: () => clock.ms,
    log: (trouble) => troubles.push(trouble),
    statusDelaysMs: null,
    seed: 7,
    ...options,
  });
  t.after(async () => {
    await sandbox.stop();
    ingress.closeAllConnections();
    ingress.close();
  });
  const graph: Rig["graph"] = async (method, path, body, token = sandbox.accessToken) => {
    const isForm = body instanceof FormData;
    const answer = await fetch(path.startsWith("http") ? path : `${sandbox.graphUrl}/v26.0/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body === undefined || isForm ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, json: text.startsWith("{") ? JSON.parse(text) : null, text };
  };
  return {
    sandbox,
    clock,
    posts,
    refusals,
    troubles,
    graph,
    next() {
      const update = arrived.shift();
      return update === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(update);
    },
    send(to, more = {}, phoneNumberId = sandbox.phoneNumberId, token = sandbox.accessToken) {
      const address = /^\d+$/.test(to) ? { to: `+${to}` } : { recipient: to };
      const text = { type: "text", text: { body: "שלום" } };
      return graph("POST", `${phoneNumberId}/messages`, { messaging_product: "whatsapp", ...address, ...text, ...more }, token);
    },
  };
}

function read(body: Buffer): Update[] {
  const parsed = parseBody(body);
  assert(parsed.ok);
  return locateUpdates(parsed.body).map(decodeUpdate);
}

/** The code of a refusal; null where there is none. */
export function codeOf({ json }: Answer): number | null {
  return json?.error?.code ?? null;
}
