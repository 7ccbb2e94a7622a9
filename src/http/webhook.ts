/**
 * POST /webhook/whatsapp[/{appKey}], straight on node:http: the raw bytes are what is signed, and nothing else of a web
 * framework is needed here. Order of judgement: size, then signature, then storage. 200 stored, 401 bad signature,
 * 413 too large, 503 could not store.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { isSigned } from "../core/signature.ts";
import { limits } from "../limits.ts";
import type { Received } from "../webhooks/receive.ts";

export type WebhookOptions = {
  /** Secrets of the app: '' is the platform's. Null when there is no such app. */
  secretsOf: (appKey: string) => readonly string[] | null | Promise<readonly string[] | null>;
  receive: (appKey: string, body: Buffer) => Promise<{ received: Received; updates: number }>;
  /** Called once per request. */
  onAnswer: (facts: { outcome: WebhookOutcome; appKey: string; bytes: number; updates: number; startedAt: number }) => void;
  isDraining: () => boolean;
};
export type WebhookOutcome = "stored" | "bad_signature" | "too_large" | "unavailable" | "aborted" | "too_slow";

const statusOf: Record<WebhookOutcome, number> = {
  stored: 200,
  bad_signature: 401,
  too_large: 413,
  unavailable: 503,
  aborted: 400,
  too_slow: 408,
};
const bodyOf: Record<WebhookOutcome, string> = {
  stored: "stored\n",
  bad_signature: "The signature does not match any secret of this app. Check META_APP_SECRET and the callback URL.\n",
  too_large: `The body is larger than ${limits.webhookBodyBytesMax} bytes.\n`,
  unavailable: "Could not store the body now. Please deliver it again.\n",
  aborted: "The request ended before its body did.\n",
  too_slow: "The body took too long.\n",
};

/** Answers whether the path is the webhook's; the key of the app, or null. */
export function webhookAppKey(url: string): string | null {
  const match = /^\/webhook\/whatsapp(?:\/([A-Za-z0-9_-]{1,64}))?\/?(?:\?|$)/.exec(url);
  return match === null ? null : (match[1] ?? "");
}

export function createWebhookHandler(
  options: WebhookOptions,
): (request: IncomingMessage, response: ServerResponse, appKey: string) => void {
  /** Bytes of bodies that are in memory and not yet answered. */
  let inFlightBytes = 0;
  /** Bodies that are still coming, the oldest first. Nobody has signed for them yet: they make room for others. */
  const incomplete = new Set<() => void>();

  async function handle(request: IncomingMessage, response: ServerResponse, appKey: string): Promise<void> {
    const startedAt = performance.now();
    let held = 0;
    const release = (): void => {
      inFlightBytes -= held;
      held = 0;
    };
    const answer = (outcome: WebhookOutcome, updates = 0): void => {
      send(request, response, outcome, options.isDraining());
      options.onAnswer({ outcome, appKey, bytes: held, updates, startedAt });
    };
    try {
      const read = await readBody(request, { incomplete, release }, (bytes) => {
        for (const end of incomplete) {
          if (inFlightBytes + bytes <= limits.webhookInFlightBytesMax) break;
          end();
        }
        if (inFlightBytes + bytes > limits.webhookInFlightBytesMax) return false;
        inFlightBytes += bytes;
        held += bytes;
        return true;
      });
      if (read.body === null) {
        answer(read.outcome);
        return;
      }
      const found = options.secretsOf(appKey);
      const secrets = found instanceof Promise ? await found : found;
      const header = request.headers["x-hub-signature-256"];
      if (secrets === null || !isSigned(read.body, typeof header === "string" ? header : undefined, secrets)) {
        answer("bad_signature");
        return;
      }
      const { received, updates } = await options.receive(appKey, read.body);
      answer(received, updates);
    } catch {
      // The look-up of an app's secrets failed: nothing was stored, Meta delivers again.
      answer("unavailable");
    } finally {
      release();
    }
  }
  return (request, response, appKey) => {
    void handle(request, response, appKey);
  };
}

type Read = { body: Buffer } | { body: null; outcome: WebhookOutcome };

/**
 * Collects the body. `hold` is asked for each piece and refuses when too much is in flight. While it is coming, it stands in
 * `incomplete` with a way to end it.
 */
function readBody(
  request: IncomingMessage,
  { incomplete, release }: { incomplete: Set<() => void>; release: () => void },
  hold: (bytes: number) => boolean,
): Promise<Read> {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > limits.webhookBodyBytesMax) return Promise.resolve({ body: null, outcome: "too_large" });
  return new Promise((resolve) => {
    let pieces: Buffer[] = [];
    let bytes = 0;
    const settle = (read: Read): void => {
      clearTimeout(deadline);
      incomplete.delete(end);
      request.removeAllListeners("data");
      pieces = [];
      resolve(read);
    };
    const stop = (outcome: WebhookOutcome): void => settle({ body: null, outcome });
    const end = (): void => {
      release();
      stop("unavailable");
    };
    const deadline = setTimeout(() => stop("too_slow"), limits.webhookBodyMsMax);
    incomplete.add(end);
    request.on("data", (piece: Buffer) => {
      bytes += piece.length;
      if (bytes > limits.webhookBodyBytesMax) stop("too_large");
      else if (!hold(piece.length)) stop("unavailable");
      // A body that was just ended to make room keeps nothing.
      else if (incomplete.has(end)) pieces.push(piece);
    });
    request.on("end", () => {
      const [first] = pieces;
      settle({ body: pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces, bytes) });
    });
    request.on("error", () => stop("aborted"));
    request.on("close", () => stop("aborted"));
  });
}

function send(request: IncomingMessage, response: ServerResponse, outcome: WebhookOutcome, isDraining: boolean): void {
  if (response.destroyed || response.headersSent) return;
  const text = bodyOf[outcome];
  // What is left of a body that we stopped reading must not be taken for the next request.
  const closes = !request.complete || isDraining;
  response.writeHead(statusOf[outcome], {
    "content-type": "text/plain; charset=utf-8",
    "content-length": Buffer.byteLength(text),
    ...(closes ? { connection: "close" } : {}),
    ...(outcome === "unavailable" ? { "retry-after": "5" } : {}),
  });
  response.end(text);
  if (!request.complete) request.resume();
}
