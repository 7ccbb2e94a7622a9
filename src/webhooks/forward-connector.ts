/**
 * The one way to a tenant's endpoint, and beside `graph/` the only place that calls out. The name is looked up here, every address it has
 * is judged, and the connection goes to one of those very addresses: it is given as the host, so that nobody looks up again, and
 * the name only serves the certificate and the Host header. No redirect is followed, and nothing of the environment names a proxy.
 */
import { Resolver } from "node:dns/promises";
import { request as httpRequest, Agent as HttpAgent, type IncomingMessage } from "node:http";
import { request as httpsRequest, Agent as HttpsAgent, type RequestOptions } from "node:https";
import { cleanText, clipText } from "../core/text.ts";
import { readRetryAfter, type PostAnswer } from "../core/forward-verdict.ts";
import { isLoopbackAddress, isPublicAddress } from "../core/ssrf-addresses.ts";
import { isLoopbackHost, readTarget, type EndpointRules, type Target } from "../core/ssrf.ts";
import { limits } from "../limits.ts";

export type Post = { url: string; headers: Readonly<Record<string, string>>; body: Buffer; signal: AbortSignal };
/** All addresses of a name. Rejects when there are none. */
export type Resolve = (name: string) => Promise<readonly string[]>;

export type Connector = {
  /** Never rejects. Ends within `limits.forwardRequestMsMax`. */
  post(post: Post): Promise<PostAnswer>;
  close(): void;
};

export type ConnectorOptions = {
  rules: EndpointRules;
  resolve?: Resolve;
  /** Certificates to trust besides those of the system. */
  ca?: string;
  nowMs: () => number;
  requestMsMax?: number;
};

export function createConnector(options: ConnectorOptions): Connector {
  const { rules, resolve = askDns, requestMsMax = limits.forwardRequestMsMax } = options;
  const kept = { keepAlive: true, maxFreeSockets: limits.forwardsMax, timeout: limits.idleConnectionMsMax };
  const agents = { http: new HttpAgent(kept), https: new HttpsAgent(kept) };

  async function post({ url, headers, body, signal }: Post): Promise<PostAnswer> {
    if (signal.aborted) return { kind: "stopped" };
    const deadline = AbortSignal.timeout(requestMsMax);
    const target = readTarget(url, rules);
    if (typeof target === "string") return { kind: "unreachable", reason: `the URL ${target}` };
    const address = await settled(addressOf(target, { rules, resolve }), AbortSignal.any([signal, deadline]));
    if (address === null) return signal.aborted ? { kind: "stopped" } : timedOut;
    if (typeof address === "object") return { kind: "unreachable", reason: address.refusal };
    const attempt = (): Promise<PostAnswer | "stale"> => send(target, address, { headers, body, signal, deadline });
    const first = await attempt();
    // The other side closed a kept connection at this very moment: it has not seen the request.
    return first === "stale" ? fresh(await attempt()) : first;
  }

  function send(
    target: Target,
    address: string,
    { headers, body, signal, deadline }: Omit<Post, "url"> & { deadline: AbortSignal },
  ): Promise<PostAnswer | "stale"> {
    const common: RequestOptions = {
      method: "POST",
      host: address,
      port: target.port,
      path: target.path,
      headers: { ...headers, host: target.authority, "content-length": body.length, "accept-encoding": "identity" },
      signal: AbortSignal.any([signal, deadline]),
      maxHeaderSize: limits.forwardAnswerBytesMax,
    };
    const { promise, resolve: settle } = Promise.withResolvers<PostAnswer | "stale">();
    const request = target.isSecure
      ? httpsRequest({
          ...common,
          agent: agents.https,
          // An address is no server name (RFC 6066); the certificate is then held against the address itself.
          servername: target.isLiteral ? "" : target.host,
          ...(options.ca === undefined ? {} : { ca: options.ca }),
        })
      : httpRequest({ ...common, agent: agents.http });
    let status: number | null = null;
    request.on("response", (response) => {
      status = response.statusCode ?? 0;
      void readAnswer(response, options.nowMs).then(settle);
    });
    request.on("error", (error) => {
      // Once there is a status the answer's reader settles.
      if (status !== null) return;
      if (signal.aborted) settle({ kind: "stopped" });
      else if (deadline.aborted) settle(timedOut);
      else if (request.reusedSocket && codeOf(error) === "ECONNRESET") settle("stale");
      else settle({ kind: "unreachable", reason: reasonOf(error) });
    });
    // An answer that wants another protocol (101) ends without a response and without an error.
    request.on("close", () => {
      if (status === null) settle(deadline.aborted ? timedOut : { kind: "unreachable", reason: "connection lost" });
    });
    request.end(body);
    return promise;
  }

  return {
    post,
    close() {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

const timedOut: PostAnswer = { kind: "unreachable", reason: "no answer in time" };

function fresh(answer: PostAnswer | "stale"): PostAnswer {
  return answer === "stale" ? { kind: "unreachable", reason: "connection lost" } : answer;
}

type Refusal = { refusal: string };

/** One address, after all that the name has were judged. */
async function addressOf(target: Target, { rules, resolve }: { rules: EndpointRules; resolve: Resolve }): Promise<string | Refusal> {
  const { host } = target;
  if (rules.allowsLoopback && isLoopbackHost(host)) return isLoopbackAddress(host) ? host : "127.0.0.1";
  if (target.isLiteral) return isPublicAddress(host) ? host : refused;
  let addresses: readonly string[];
  try {
    addresses = await resolve(host);
  } catch {
    return { refusal: "the name has no address" };
  }
  const [first] = addresses;
  if (first === undefined) return { refusal: "the name has no address" };
  return addresses.every(isPublicAddress) ? first : refused;
}

const refused: Refusal = { refusal: "the name leads to an address that is not public" };

/** Straight to the name servers: the system's own look-up reads files of this machine and blocks a thread for each slow name. */
async function askDns(name: string): Promise<readonly string[]> {
  const resolver = new Resolver({ timeout: limits.forwardResolveMsMax, tries: 1 });
  const [v4, v6] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  const found = [...(v4.status === "fulfilled" ? v4.value : []), ...(v6.status === "fulfilled" ? v6.value : [])];
  if (found.length === 0) throw new Error("No address");
  return found;
}

/** Null when `signal` aborts first. */
function settled<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | null> {
  return new Promise((resolve) => {
    const onAbort = (): void => resolve(null);
    signal.addEventListener("abort", onAbort, { once: true });
    void promise.then(resolve).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** The status is what counts: a body that breaks off, is too long or comes too slowly only ends the reading. */
async function readAnswer(response: IncomingMessage, nowMs: () => number): Promise<PostAnswer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > limits.forwardAnswerBytesMax) break;
      chunks.push(chunk);
    }
  } catch {
    // What was read is enough.
  }
  const retryAfterMs = readRetryAfter(response.headers["retry-after"], nowMs());
  const shown = clipText(cleanText(Buffer.concat(chunks).toString("utf8")), limits.forwardAnswerShownCharsMax);
  return { kind: "answered", status: response.statusCode ?? 0, retryAfterMs, shown };
}

/** Words of our own: the system's name addresses, which are nobody's business. */
function reasonOf(error: Error): string {
  const code = codeOf(error);
  switch (code) {
    case "ECONNREFUSED":
      return "connection refused";
    case "ECONNRESET":
    case "EPIPE":
      return "connection lost";
    case "ETIMEDOUT":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return "no route to the address";
    default:
      return code.startsWith("ERR_TLS") || code.includes("CERT") || code.includes("SIGNATURE") || code === "EPROTO"
        ? `certificate not accepted (${code})`
        : `no answer (${code === "" ? "unknown" : code})`;
  }
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "";
}
