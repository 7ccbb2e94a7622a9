/**
 * A small bot as people have written many for Meta's Cloud API, on nothing but `node:http` and `fetch`; it has never heard of this program. It
 * verifies, reads `messages[0]`, answers through `/messages`, and says 200 when it is done, so that what it could not answer comes again.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

type Scope = { after(fn: () => Promise<void>): void };
// oxlint-disable-next-line typescript/no-explicit-any -- a bot in JavaScript has no types for Meta's bodies either.
type Json = any;

export type BotSettings = { graphUrl: string; token: string; phoneNumberId: string; appSecret: string };
export type Bot = {
  url: string;
  /** Known once it is registered somewhere. */
  settings: BotSettings;
  /** The customers' messages in the order in which they were answered. */
  answered: string[];
  /** Messages that it was told of, repeats included. */
  told: string[];
  statuses: { id: string; status: string }[];
  refused: number;
  /** Runs before each answer. */
  beforeAnswer: (message: Json) => Promise<void>;
};

export async function startBot(t: Scope): Promise<Bot> {
  const server = createServer((request, response) => {
    handle(bot, request).then(
      (status) => response.writeHead(status).end(),
      () => response.writeHead(500).end(),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const settings = { graphUrl: "", token: "", phoneNumberId: "", appSecret: "" };
  const beforeAnswer = async (): Promise<void> => undefined;
  const bot: Bot = { url: `http://127.0.0.1:${port}/webhook`, settings, answered: [], told: [], statuses: [], refused: 0, beforeAnswer };
  return bot;
}

async function handle(bot: Bot, request: IncomingMessage): Promise<number> {
  const body = await buffer(request);
  const wanted = `sha256=${createHmac("sha256", bot.settings.appSecret).update(body).digest("hex")}`;
  const given = String(request.headers["x-hub-signature-256"]).padEnd(wanted.length).slice(0, wanted.length);
  if (!timingSafeEqual(Buffer.from(given), Buffer.from(wanted))) {
    bot.refused += 1;
    return 401;
  }
  const { messages, statuses = [] }: Json = JSON.parse(body.toString()).entry[0].changes[0].value;
  for (const { id, status } of statuses) bot.statuses.push({ id, status });
  const message = messages?.[0];
  if (message === undefined) return 200;
  bot.told.push(message.id);
  if (bot.answered.includes(message.id)) return 200;
  await bot.beforeAnswer(message);
  await send(bot.settings, { to: message.from, ...(await answerTo(bot.settings, message)) });
  bot.answered.push(message.id);
  return 200;
}

async function answerTo(settings: BotSettings, message: Json): Promise<object> {
  const context = { message_id: message.id };
  const text = (body: string): object => ({ type: "text", context, text: { body } });
  if (message.type === "image") {
    const { url } = await graph(settings, message.image.id);
    const photo = await fetch(url, { headers: { authorization: `Bearer ${settings.token}` } });
    const form = new FormData();
    form.set("messaging_product", "whatsapp");
    form.set("file", new Blob([await photo.arrayBuffer()], { type: message.image.mime_type }), "photo.jpg");
    const { id } = await graph(settings, `${settings.phoneNumberId}/media`, form);
    return { type: "image", context, image: { id, caption: "קיבלתי" } };
  }
  if (message.type === "interactive") return text(`נקבע: ${message.interactive.button_reply.title}`);
  if (message.text.body !== "שלום") return text(`אמרת: ${message.text.body}`);
  const buttons = ["yes", "no"].map((id) => ({ type: "reply", reply: { id, title: id === "yes" ? "כן" : "לא" } }));
  return { type: "interactive", interactive: { type: "button", body: { text: "לקבוע תור?" }, action: { buttons } } };
}

async function send(settings: BotSettings, message: object): Promise<void> {
  await graph(settings, `${settings.phoneNumberId}/messages`, JSON.stringify({ messaging_product: "whatsapp", ...message }));
}

async function graph({ graphUrl, token }: BotSettings, path: string, body?: string | FormData): Promise<Json> {
  const type: Record<string, string> = typeof body === "string" ? { "content-type": "application/json" } : {};
  const answer = await fetch(`${graphUrl}/v23.0/${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${token}`, ...type },
    ...(body === undefined ? {} : { body }),
  });
  if (!answer.ok) throw new Error(`Graph says ${answer.status}: ${await answer.text()}`);
  return answer.json();
}
