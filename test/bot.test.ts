/** A bot that was written for Meta's Cloud API, behind an endpoint, in conversation with the sandbox's phone, over a `kill -9` of the program. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChatMessage } from "../src/sandbox/customer-phone.ts";
import { startBot } from "./support/bot.ts";
import { startNewcomer } from "./support/newcomer.ts";
import { until } from "./support/program.ts";

/** What a killed node had under way is taken over after 15 s; the rest is patience with the machine. */
const takenOverMsMax = 90_000;

test("a bot holds a conversation with the customer's phone: each turn is answered once and in order, over a kill -9 while it answers", async (t) => {
  const newcomer = await startNewcomer(t);
  const bot = await startBot(t);
  const endpoint = await newcomer.register({ name: "Bot", url: bot.url, form: "meta", topics: ["messages"] });
  const { program, key, phoneNumberId } = newcomer;
  bot.settings = { graphUrl: program.url, token: key, phoneNumberId, appSecret: endpoint.secret };
  const phone = newcomer.phone("972501234567");

  const written: string[] = [];
  const say = async (message: object): Promise<void> => void written.push(await phone.write(message));
  const isAnswered = (): boolean => bot.answered.length === written.length;
  const turn = async (message: object): Promise<void> => {
    await say(message);
    await until(`the bot has answered ${JSON.stringify(message)}`, takenOverMsMax, isAnswered);
  };
  const heardByCustomer = async (): Promise<ChatMessage[]> => (await phone.chat()).filter(({ direction }) => direction === "fromBusiness");

  await turn({ type: "text", text: "שלום" });
  await turn({ type: "button_reply", text: "כן" });
  await turn({ type: "image" });
  const before = await heardByCustomer();
  assert.deepEqual(
    before.map(({ type }) => type),
    ["interactive", "text", "image"],
  );

  // The bot is about to answer when the program dies; another message was acknowledged to Meta meanwhile.
  const atWork = Promise.withResolvers<void>();
  const died = Promise.withResolvers<void>();
  bot.beforeAnswer = async () => {
    atWork.resolve();
    await died.promise;
  };
  await say({ type: "text", text: "א" });
  await atWork.promise;
  await say({ type: "text", text: "ב" });
  await program.kill();
  died.resolve();
  bot.beforeAnswer = async () => undefined;
  await newcomer.killAndRestart();
  await until("the bot has answered what it could not", takenOverMsMax, isAnswered);
  await turn({ type: "image" });

  assert.deepEqual(bot.answered, written, "each once, in the order in which they were written");
  // The sandbox's phone shows what came since the restart.
  const since = await heardByCustomer();
  assert.deepEqual(
    since.map(({ type, content }) => [type, textIn(content)]),
    [
      ["text", "אמרת: א"],
      ["text", "אמרת: ב"],
      ["image", "קיבלתי"],
    ],
  );
  assert.deepEqual(
    [...before, ...since].map(({ replyTo }) => replyTo),
    [null, ...written.slice(1)],
  );

  // All of it again: the bot knows each message by its id.
  const range = { from: new Date(0).toISOString(), to: new Date(Date.now() + 60_000).toISOString() };
  const replayed = await newcomer.api("POST", `endpoints/${endpoint.id}/replay`, range);
  assert.equal(replayed.status, 202, JSON.stringify(replayed.json));
  await until("the bot was told of everything again", takenOverMsMax, () => bot.told.length >= 2 * written.length);
  await until("nothing is left to send", takenOverMsMax, async () => {
    return (await newcomer.api("GET", `endpoints/${endpoint.id}/deliveries?state=pending`)).json.data.length === 0;
  });
  assert.deepEqual(bot.answered, written);
  assert.equal((await heardByCustomer()).length, since.length);
  assert.equal(bot.refused, 0);

  // The same in our own books, each answer behind its question; and the bot heard what became of the last.
  const { json } = await newcomer.api("GET", `messages?waMessageId=${written[0]}`);
  const shown = await newcomer.api("GET", `conversations/${json.data[0].conversationId}/messages`);
  // By our own time: Meta's has whole seconds only.
  const story: { direction: string; createdAt: string }[] = shown.json.data.toSorted((a: { createdAt: string }, b: { createdAt: string }) =>
    a.createdAt < b.createdAt ? -1 : 1,
  );
  assert.deepEqual(
    story.map(({ direction }) => direction).join(" "),
    "inbound outbound inbound outbound inbound outbound inbound inbound outbound outbound inbound outbound",
  );
  const last = since.at(-1)?.waMessageId;
  await until("the bot heard that its last answer was read", takenOverMsMax, () =>
    bot.statuses.some(({ id, status }) => id === last && status === "read"),
  );
});

function textIn(content: unknown): unknown {
  const { body, caption } = content as { body?: string; caption?: string };
  return body ?? caption;
}
