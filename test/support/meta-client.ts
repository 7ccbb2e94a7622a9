/**
 * Meta as the path in sees it: signed POSTs over connections that are kept alive, several at once, and a redelivery of what was
 * not answered 200. Every answer goes into a ledger. All choices come from one seed, which a failing test prints.
 */
import { Agent, request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { sign } from "../../src/core/signature.ts";
import type { Ledger, SentUpdate } from "./ledger.ts";
import { appSecret, type WhatsAppNumber } from "./program.ts";

/** `refused`: nothing of it can have been stored. `unknown`: it may have been. */
export type Verdict = "ok" | "refused" | "unknown";
export type Answer = { verdict: Verdict; status: number | null };

/** Waits for a moment that nobody could foresee; that is the point of it. */
export function randomMoment(random: () => number, msMin: number, msMax: number): Promise<void> {
  return pause(msMin + random() * (msMax - msMin));
}

export type Body = { json: string; updates: readonly SentUpdate[] };

const words = ["שלום, יש לכם מקום למחר?", "תודה רבה! 🙏🏽", 'מה המחיר של "הגדול"?', "كم السعر؟", "ok", "אני בדרך — עוד 5 דק׳\nמחכים?"];
const names = ["נועה לוי", "אבי כהן", "فاطمة", "Zoë"];

/** Bodies as Meta sends them: messages, echoes of our own phone, and statuses about those echoes, before and after them. */
export class BodyMaker {
  readonly #numbers: readonly WhatsAppNumber[];
  readonly #random: () => number;
  readonly #prefix: string;
  /** Far enough back that no time is ever clamped to its receipt, which would make a repeated fact another one. */
  readonly #startS = Math.floor(Date.now() / 1_000) - 10 * 86_400;
  readonly #echoes: { number: WhatsAppNumber; wamid: string; contact: string; atS: number }[] = [];
  #count = 0;

  constructor(numbers: readonly WhatsAppNumber[], random: () => number, prefix = "c") {
    this.#numbers = numbers;
    this.#random = random;
    this.#prefix = prefix;
  }

  next(): Body {
    const draw = this.#random();
    if (draw < 0.05) return this.batch(20);
    if (draw < 0.5) return this.message();
    if (draw < 0.65) return this.echo();
    return this.statuses();
  }

  message(text = this.#pick(words)): Body {
    return this.#messages(this.#pick(this.#numbers), [text]);
  }

  /** Several messages of several customers in one change. */
  batch(count: number, texts: readonly string[] = []): Body {
    return this.#messages(
      this.#pick(this.#numbers),
      Array.from({ length: count }, (_, index) => texts[index] ?? this.#pick(words)),
    );
  }

  #messages(number: WhatsAppNumber, texts: readonly string[]): Body {
    const contacts = new Map<string, object>();
    const updates: SentUpdate[] = [];
    const messages = texts.map((text) => {
      const contact = this.#contact();
      contacts.set(contact, { profile: { name: this.#pick(names) }, wa_id: contact });
      const wamid = this.#wamid();
      updates.push({ kind: "message", number, wamid, contact, status: "" });
      return { from: contact, id: wamid, timestamp: String(this.#startS + this.#count), type: "text", text: { body: text } };
    });
    return { json: bodyOf(number, "messages", { contacts: [...contacts.values()], messages }), updates };
  }

  echo(): Body {
    const number = this.#pick(this.#numbers);
    const [contact, wamid] = [this.#contact(), this.#wamid()];
    const atS = this.#startS + this.#count;
    this.#echoes.push({ number, wamid, contact, atS });
    if (this.#echoes.length > 40) this.#echoes.shift();
    const message = {
      from: `97230000${number.wabaId.at(-1)}`,
      to: contact,
      id: wamid,
      timestamp: String(atS),
      type: "text",
      text: { body: "בדרך" },
    };
    return {
      json: bodyOf(number, "smb_message_echoes", { message_echoes: [message] }),
      updates: [{ kind: "echo", number, wamid, contact, status: "" }],
    };
  }

  /** Facts about one echo, in any order; sometimes about one that is sent only afterwards. */
  statuses(): Body {
    const about = this.#echoes.length === 0 ? null : this.#pick(this.#echoes);
    if (about === null) return this.echo();
    const { number, wamid, contact, atS } = about;
    const wanted = ["sent", "delivered", "read"].filter(() => this.#random() < 0.5);
    const chosen = wanted.length === 0 ? ["delivered"] : wanted;
    const statuses = chosen.map((status) => ({
      id: wamid,
      status,
      timestamp: String(atS + ["sent", "delivered", "read"].indexOf(status)),
      recipient_id: contact,
    }));
    return {
      json: bodyOf(number, "messages", { statuses }),
      updates: chosen.map((status) => ({ kind: "status", number, wamid, contact, status })),
    };
  }

  #wamid(): string {
    this.#count += 1;
    return `wamid.${this.#prefix}${this.#count}`;
  }

  #contact(): string {
    return `97250${String(Math.floor(this.#random() * 30)).padStart(7, "0")}`;
  }

  #pick<T>(list: readonly T[]): T {
    const picked = list[Math.floor(this.#random() * list.length)];
    if (picked === undefined) throw new Error("An empty list has nothing to pick");
    return picked;
  }
}

function bodyOf(number: WhatsAppNumber, field: string, value: object): string {
  const metadata = { display_phone_number: `97230000${number.wabaId.at(-1)}`, phone_number_id: number.phoneNumberId };
  const change = { field, value: { messaging_product: "whatsapp", metadata, ...value } };
  return JSON.stringify({ object: "whatsapp_business_account", entry: [{ id: number.wabaId, changes: [change] }] });
}

export type MetaClientOptions = { url: string; concurrency: number; timeoutMs?: number };

/** Delivers bodies. What came back, and when, is in the ledger. */
export class MetaClient {
  readonly #agent: Agent;
  readonly #url: string;
  readonly #timeoutMs: number;

  constructor({ url, concurrency, timeoutMs }: MetaClientOptions) {
    this.#url = url;
    this.#timeoutMs = timeoutMs ?? 20_000;
    this.#agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  }

  post(json: string, secret = appSecret): Promise<Answer> {
    const body = Buffer.from(json);
    return new Promise((resolve) => {
      const outgoing = request(
        `${this.#url}/webhook/whatsapp`,
        {
          method: "POST",
          agent: this.#agent,
          timeout: this.#timeoutMs,
          headers: { "content-type": "application/json", "content-length": body.length, "x-hub-signature-256": sign(body, secret) },
        },
        (response) => {
          response.resume();
          const status = response.statusCode ?? 0;
          // 503 also stands for a COMMIT whose answer was lost.
          const verdict = status === 200 ? "ok" : status === 503 ? "unknown" : "refused";
          response.on("end", () => resolve({ verdict, status }));
          response.on("error", () => resolve({ verdict: "unknown", status: null }));
        },
      );
      outgoing.on("timeout", () => outgoing.destroy(new Error("No answer in time")));
      outgoing.on("error", (error: NodeJS.ErrnoException) => {
        resolve({ verdict: error.code === "ECONNREFUSED" ? "refused" : "unknown", status: null });
      });
      outgoing.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

export type LoadOptions = {
  client: MetaClient;
  maker: BodyMaker;
  ledger: Ledger;
  random: () => number;
  concurrency: number;
  postsMax: number;
  /** Share of what was not answered 200 that is delivered again, and of what was, that comes twice. */
  againShare?: number;
};

/** Delivers until it is stopped, or until so many POSTs (`done`). */
export function startLoad(options: LoadOptions): { stop(): Promise<void>; done: Promise<unknown> } {
  const { client, maker, ledger, random, concurrency, postsMax } = options;
  const againShare = options.againShare ?? 0.5;
  let isStopping = false;
  let posts = 0;
  const again: Body[] = [];
  const deliverOne = async (): Promise<void> => {
    const body = again.length > 0 && random() < 0.5 ? (again.shift() ?? maker.next()) : maker.next();
    const { verdict, status } = await client.post(body.json);
    ledger.record(body, verdict, status);
    if (random() < (verdict === "ok" ? 0.05 : againShare)) again.push(body);
    // Nobody listens just now; Meta would wait for longer.
    if (verdict !== "ok") await pause(25);
  };
  const line = async (): Promise<void> => {
    while (!isStopping && posts < postsMax) {
      posts += 1;
      await deliverOne();
    }
  };
  const lines = Promise.all(Array.from({ length: concurrency }, line));
  return {
    done: lines,
    async stop() {
      isStopping = true;
      await lines;
    },
  };
}
