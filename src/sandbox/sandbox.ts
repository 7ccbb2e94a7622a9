/**
 * Plays Meta on this machine: takes messages as Graph does, reports their fate by signed webhooks, and writes as a customer would. For
 * the first run without a Meta account, and for tests, which use it as the outside world.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { sign } from "../core/signature.ts";
import { limits } from "../limits.ts";
import { customerWebhook, metaJson, opensWindow, sandboxUserId, webhook, type CustomerMessage, type Envelope } from "./customer.ts";
import { answerGraph, type Accepted, type Fault } from "./graph-api.ts";

export type SandboxOptions = {
  appSecret: string;
  /** Where webhooks go. A function where the port is known only later. */
  ingressUrl: string | (() => string);
  nowMs: () => number;
  /** Told about webhooks that nobody took. */
  log: (trouble: { what: string; status?: number; error?: unknown }) => void;
  /** Milliseconds from acceptance to each status; null: statuses are sent only by `postStatus`. */
  statusDelaysMs?: { sent: number; delivered: number; read: number } | null;
  /** Ids and token, where they must stay the same over restarts. */
  identity?: Partial<Envelope & { accessToken: string }>;
};

export type Sandbox = Envelope & {
  graphUrl: string;
  accessToken: string;
  /** One POST; `status` is the ingress's answer. */
  sendCustomerMessage(message: CustomerMessage & { atMs?: number; waMessageId?: string }): Promise<{ waMessageId: string; status: number }>;
  /** One POST about an accepted message. */
  postStatus(message: Accepted, status: "sent" | "delivered" | "read" | "failed"): Promise<number>;
  /** What Graph accepted, oldest first. */
  ledger(): readonly Accepted[];
  /** Scripted faults, one for each of the next requests. */
  failNext(...faults: Fault[]): void;
  stop(): Promise<void>;
};

const windowMs = 24 * 60 * 60 * 1000;
const demoDelaysMs = { sent: 150, delivered: 700, read: 2_500 };

export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { appSecret, ingressUrl, nowMs, log, statusDelaysMs = demoDelaysMs, identity = {} } = options;
  const own: Envelope = {
    wabaId: identity.wabaId ?? "100000000000001",
    phoneNumberId: identity.phoneNumberId ?? "200000000000002",
    displayPhoneNumber: identity.displayPhoneNumber ?? "972550000000",
  };
  const accessToken = identity.accessToken ?? `sandbox-${randomBytes(24).toString("hex")}`;
  const ledger: Accepted[] = [];
  const faults: Fault[] = [];
  /** When each customer last wrote, by phone and by user id. */
  const lastWordMs = new Map<string, number>();
  const stopping = new AbortController();
  const timers = new Set<NodeJS.Timeout>();

  const later = (delayMs: number, work: () => void): void => {
    if (stopping.signal.aborted || timers.size >= limits.sandboxPendingStatusesMax) return;
    const timer = setTimeout(() => {
      timers.delete(timer);
      work();
    }, delayMs);
    timers.add(timer);
  };

  const post = async (body: Buffer): Promise<number> => {
    const response = await fetch(typeof ingressUrl === "string" ? ingressUrl : ingressUrl(), {
      method: "POST",
      headers: { "content-type": "application/json", "x-hub-signature-256": sign(body, appSecret) },
      body: new Uint8Array(body),
      redirect: "manual",
      signal: AbortSignal.any([stopping.signal, AbortSignal.timeout(limits.sandboxPostMsMax)]),
    });
    await response.body?.cancel();
    return response.status;
  };

  /** As Meta does: again when it was not taken, though for days rather than five times. */
  const deliver = (body: Buffer, attempt = 1): void => {
    const failed = (trouble: { status?: number; error?: unknown }): void => {
      if (stopping.signal.aborted) return;
      if (attempt >= limits.sandboxPostAttemptsMax) return log({ what: "status webhook", ...trouble });
      later(100 * 4 ** attempt, () => deliver(body, attempt + 1));
    };
    post(body).then(
      (status) => (status === 200 ? undefined : failed({ status })),
      (error: unknown) => failed({ error }),
    );
  };

  const accept = (message: Omit<Accepted, "waMessageId" | "atMs">): Accepted => {
    const accepted = { ...message, waMessageId: newWaMessageId(), atMs: nowMs() };
    ledger.push(accepted);
    if (ledger.length > limits.sandboxLedgerMax) ledger.shift();
    if (statusDelaysMs !== null) {
      for (const status of ["sent", "delivered", "read"] as const) {
        later(statusDelaysMs[status], () => deliver(statusBody(own, accepted, { status, atMs: nowMs() })));
      }
    }
    return accepted;
  };

  const api = {
    accessToken,
    phoneNumberId: own.phoneNumberId,
    takeFault: () => faults.shift(),
    isWindowOpen: (to: string) => nowMs() - (lastWordMs.get(to) ?? -Infinity) < windowMs,
    accept,
  };
  const server = createServer((request, response) => {
    answerGraph(api, request, response).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const graphUrl = `http://127.0.0.1:${portOf(server.address())}`;

  return {
    ...own,
    graphUrl,
    accessToken,
    async sendCustomerMessage({ atMs = nowMs(), waMessageId = newWaMessageId(), ...message }) {
      if (opensWindow(message.type)) rememberWord(lastWordMs, message.from, atMs);
      const mediaId = randomBytes(6).readUIntBE(0, 6).toString();
      return { waMessageId, status: await post(metaJson(customerWebhook(own, message, { waMessageId, mediaId, atMs }))) };
    },
    postStatus: (message, status) => post(statusBody(own, message, { status, atMs: nowMs() })),
    ledger: () => ledger,
    failNext(...scripted) {
      if (faults.length + scripted.length > limits.sandboxFaultsMax) throw new Error("Too many scripted faults");
      faults.push(...scripted);
    },
    async stop() {
      stopping.abort();
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      server.closeAllConnections();
      if (!server.listening) return;
      server.close();
      await once(server, "close");
    },
  };
}

function rememberWord(lastWordMs: Map<string, number>, phone: string, atMs: number): void {
  for (const key of [phone, sandboxUserId(phone)]) {
    const latest = Math.max(atMs, lastWordMs.get(key) ?? 0);
    // Put at the end: the customer that was silent longest is forgotten first.
    lastWordMs.delete(key);
    lastWordMs.set(key, latest);
  }
  for (const key of lastWordMs.keys()) {
    if (lastWordMs.size <= 2 * limits.sandboxCustomersMax) return;
    lastWordMs.delete(key);
  }
}

function statusBody(own: Envelope, message: Accepted, report: { status: string; atMs: number }): Buffer {
  const isPhone = /^\d+$/.test(message.to);
  const element = {
    id: message.waMessageId,
    status: report.status,
    timestamp: String(Math.floor(report.atMs / 1000)),
    ...(isPhone ? { recipient_id: message.to, recipient_user_id: sandboxUserId(message.to) } : { recipient_user_id: message.to }),
    ...(message.callback === null ? {} : { biz_opaque_callback_data: message.callback }),
    ...(report.status === "failed"
      ? {
          errors: [{ code: 131_026, title: "Message undeliverable", message: "Message undeliverable", error_data: { details: "Sandbox" } }],
        }
      : {}),
    ...(report.status === "sent" ? { pricing: { billable: true, pricing_model: "PMP", type: "regular", category: "service" } } : {}),
  };
  return metaJson(webhook(own, { statuses: [element] }));
}

function newWaMessageId(): string {
  return `wamid.SANDBOX${randomBytes(16).toString("hex").toUpperCase()}`;
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new Error("The sandbox has no port");
  return address.port;
}
