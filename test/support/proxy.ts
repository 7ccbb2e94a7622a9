/** A TCP proxy in this process that can cut a link at one exact moment, and a small HTTP proxy in front of several nodes. */
import { once } from "node:events";
import { Agent, createServer as createHttpServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, createServer, type AddressInfo, type NetConnectOpts, type Socket } from "node:net";
import { limits } from "../../src/limits.ts";

type Scope = { after(fn: () => Promise<void>): void };

export type TcpProxy = {
  port: number;
  /**
   * Once a client has sent `request`, nothing that the server says reaches it any more; when the server has said `answer`, the link is
   * cut. Resolves then: the server has done what it was asked to.
   */
  loseAnswer(lost: { request: string; answer: string }): Promise<void>;
  /** Ends every link, as a failing network does. */
  cutAll(): void;
};

export async function startTcpProxy(t: Scope, target: NetConnectOpts): Promise<TcpProxy> {
  const links = new Set<Socket>();
  let wanted: { request: string; answer: string; lost: () => void } | null = null;
  const server = createServer((client) => {
    const upstream = connect(target);
    let losing: { answer: string; lost: () => void } | null = null;
    let withheld = "";
    for (const socket of [client, upstream]) {
      links.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        links.delete(socket);
        (socket === client ? upstream : client).destroy();
      });
    }
    client.on("data", (piece: Buffer) => {
      if (wanted !== null && piece.includes(wanted.request)) {
        losing = wanted;
        wanted = null;
      }
      upstream.write(piece);
    });
    upstream.on("data", (piece) => {
      if (losing === null) {
        client.write(piece);
        return;
      }
      withheld += piece.toString("latin1");
      if (!withheld.includes(losing.answer)) return;
      losing.lost();
      client.resetAndDestroy();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    for (const link of links) link.destroy();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    loseAnswer({ request: asked, answer }) {
      const { promise, resolve } = Promise.withResolvers<void>();
      wanted = { request: asked, answer, lost: resolve };
      return promise;
    },
    cutAll() {
      for (const link of links) link.destroy();
    },
  };
}

/**
 * What an operator puts in front: asks each node's /readyz, sends requests only to nodes that are ready, and tries another node only
 * where nothing of the request can have arrived (the connection was refused). Anything else that goes wrong is a 502 for the client.
 */
export async function startHttpProxy(t: Scope, nodes: readonly { url: string }[]): Promise<{ url: string }> {
  const agent = new Agent({ keepAlive: true });
  const ready = new Map(nodes.map((node) => [node.url, false]));
  let lookedAt = Number.NEGATIVE_INFINITY;
  const look = async (): Promise<void> => {
    await Promise.all(
      nodes.map(async ({ url }) => {
        const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1_000) }).catch(() => null);
        ready.set(url, answer?.ok ?? false);
      }),
    );
    lookedAt = performance.now();
  };
  await look();
  const looking = setInterval(() => void look(), 100);
  let turn = 0;
  const forward = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const pieces: Buffer[] = [];
    for await (const piece of incoming as AsyncIterable<Buffer>) pieces.push(piece);
    // After a pause of this machine what it saw last may be older than the grace of a node that stops.
    if (performance.now() - lookedAt > limits.drainGraceMs / 2) await look();
    const able = nodes.filter(({ url }) => ready.get(url) === true);
    turn += 1;
    const order = [...able.slice(turn % Math.max(1, able.length)), ...able, ...nodes];
    for (const { url } of order) {
      const answer = await attempt(url, incoming, Buffer.concat(pieces));
      if (answer === "refused") continue;
      outgoing.writeHead(answer.status, { "content-type": "text/plain" }).end(answer.text);
      return;
    }
    outgoing.writeHead(502).end("no node\n");
  };
  const attempt = (url: string, incoming: IncomingMessage, body: Buffer) =>
    new Promise<"refused" | { status: number; text: string }>((resolve) => {
      const { host: _host, ...headers } = incoming.headers;
      const passed = request(`${url}${incoming.url ?? "/"}`, { method: incoming.method ?? "GET", agent, headers }, (response) => {
        const texts: Buffer[] = [];
        response.on("data", (piece: Buffer) => texts.push(piece));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(texts).toString() }));
        response.on("error", (error) => resolve({ status: 502, text: `the answer broke off: ${error.message}\n` }));
      });
      passed.on("error", (error: NodeJS.ErrnoException) => {
        resolve(error.code === "ECONNREFUSED" ? "refused" : { status: 502, text: `${error.code ?? error.message}\n` });
      });
      passed.end(body);
    });
  const server = createHttpServer((incoming, outgoing) => void forward(incoming, outgoing));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    clearInterval(looking);
    agent.destroy();
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
