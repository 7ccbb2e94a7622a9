/** A tenant's endpoint on this machine, and the forwarder driven by hand against it. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { CreateEndpoint, EndpointWithSecret } from "../../src/contract/endpoints.ts";
import { tenantScope } from "../../src/core/scope.ts";
import { forwardOnce, type ForwardOptions, type ForwardTurn } from "../../src/queue/workers/forward.worker.ts";
import { createConnector } from "../../src/webhooks/forward-connector.ts";
import { createEndpoint } from "../../src/webhooks/forward-endpoints.ts";
import { createDestinations } from "../../src/webhooks/forward-secrets.ts";
import type { Rig } from "./worker.ts";

type Scope = { after(fn: () => Promise<void>): void };
// oxlint-disable-next-line typescript/no-explicit-any -- tests look into bodies whose shape they are about to assert.
export type Received = { headers: IncomingHttpHeaders; text: string; json: any };
/** Status; or null to keep silent for ever; or whatever the function does. */
export type Answer = number | null | ((response: ServerResponse, received: Received) => void);

export type Receiver = {
  url: string;
  received: Received[];
  /** The answer to the requests that come from now on. */
  answer: (received: Received) => Answer;
};

export async function startReceiver(t: Scope, first: Receiver["answer"] = () => 200): Promise<Receiver> {
  const path = `/hook?key=${randomBytes(8).toString("hex")}`;
  const server = createServer((request, response) => {
    // Ports are used again: whoever still asks for what was here before is not heard.
    if (request.method !== "POST" || request.url !== path) {
      response.writeHead(404).end();
      return;
    }
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      const received = { headers: request.headers, text, json: JSON.parse(text) };
      const answer = receiver.answer(received);
      receiver.received.push(received);
      if (typeof answer === "function") answer(response, received);
      else if (answer !== null) response.writeHead(answer).end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const receiver: Receiver = { url: `http://127.0.0.1:${port}${path}`, received: [], answer: first };
  return receiver;
}

export const loopbackRules = { allowsLoopback: true };
export const plainSeal = (_context: unknown, plain: string): Buffer => Buffer.from(plain);

export function forwarderOf(t: Scope, rig: Rig, overrides: Partial<ForwardOptions> = {}): ForwardOptions {
  const nowMs = (): number => rig.clock.nowMs;
  // Far beyond what a machine may pause: no request of a test ends by the clock unless the test wants it.
  const connector = createConnector({ rules: loopbackRules, nowMs, requestMsMax: 120_000 });
  t.after(async () => connector.close());
  return {
    ingest: rig.ingest,
    destinations: createDestinations({ app: rig.app, open: (_context, sealed) => Buffer.from(sealed).toString(), nowMs }),
    connector,
    nowMs,
    atMs: nowMs,
    random: () => 0.999,
    failpoint: () => undefined,
    onAnswer: () => undefined,
    onSettled: () => undefined,
    ...overrides,
  };
}

/** Turns until nothing more is claimed. */
export async function forwardAll(options: ForwardOptions): Promise<ForwardTurn[]> {
  const turns: ForwardTurn[] = [];
  for (;;) {
    const turn = await forwardOnce(options);
    turns.push(turn);
    if (turn.errors.length > 0) throw new AggregateError(turn.errors, "An endpoint could not be planned for");
    if (turn.lanes === 0 && turn.endpoints === 0) return turns;
  }
}

export function register(rig: Rig, tenantId: string, wanted: Partial<CreateEndpoint> & { url: string }): Promise<EndpointWithSecret> {
  const tools = { seal: plainSeal, rules: loopbackRules, nowMs: rig.clock.nowMs };
  return createEndpoint(rig.app, tenantScope(tenantId), { name: "Bot", form: "meta", ...wanted }, tools);
}
