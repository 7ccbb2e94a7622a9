import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createIntl } from "react-intl";
import type { Conversation } from "../src/contract/conversations.ts";
import type { Note } from "../src/contract/inbox.ts";
import type { Message } from "../src/contract/messages.ts";
import type { Template } from "../src/contract/templates.ts";
import { cannedMatches, cannedText } from "../inbox/src/composer/canned-match.ts";
import { filledText, messageOf, placesOf } from "../inbox/src/composer/template-fill.ts";
import { readEventStream } from "../inbox/src/data/event-stream.ts";
import { comesBefore, filterOf, isListed, listKey, listQuery } from "../inbox/src/data/views.ts";
import { windowNow } from "../inbox/src/data/window.ts";
import { ar } from "../inbox/src/texts/ar/all.ts";
import { en } from "../inbox/src/texts/en/all.ts";
import { he } from "../inbox/src/texts/he/all.ts";
import { threadItems } from "../inbox/src/thread/thread-items.ts";
import { isFewEmoji, parseWhatsApp, type Inline } from "../inbox/src/thread/whatsapp-format.ts";
import { plain, plainLine, safeHref } from "../inbox/src/ui/plain.ts";

const at = Date.parse("2026-11-22T12:00:00.000Z");
const iso = (ms: number): string => new Date(ms).toISOString();

test("Every text is there in all three languages, reads as ICU, and takes the same values", () => {
  const keys = Object.keys(he).toSorted();
  for (const [locale, texts] of [
    ["he", he],
    ["en", en],
    ["ar", ar],
  ] as const) {
    assert.deepEqual(Object.keys(texts).toSorted(), keys, locale);
    for (const [key, text] of Object.entries(texts)) {
      assert.notEqual(text.trim(), "", `${locale} ${key}`);
      assert.deepEqual(valuesOf(text, locale), valuesOf(he[key as keyof typeof he], "he"), `${locale} ${key}`);
    }
  }
});

function valuesOf(text: string, locale: string): string[] {
  const names = [...new Set(Array.from(text.matchAll(/\{(\w+)[,}]/g), (found) => found[1] ?? ""))].toSorted();
  const intl = createIntl({ locale, messages: { text }, onError: (error) => assert.fail(`${text}: ${error.message}`) });
  const shown = intl.formatMessage({ id: "text" }, Object.fromEntries(names.map((name) => [name, 3])));
  assert.ok(!shown.includes("{"), shown);
  return names;
}

const kinds = (parts: readonly Inline[]): string =>
  parts.map((part) => ("parts" in part ? `${part.kind}(${kinds(part.parts)})` : `${part.kind}:${part.text}`)).join(" ");
const lineOf = (text: string): string => {
  const [block] = parseWhatsApp(text);
  assert.ok(block !== undefined && "parts" in block);
  return kinds(block.parts);
};

test("WhatsApp's formatting is read as its clients do, and marks inside words are letters", () => {
  assert.equal(lineOf("a *b* _c_ ~d~ `e`"), "text:a  bold(text:b) text:  italic(text:c) text:  struck(text:d) text:  code:e");
  assert.equal(lineOf("*bold _both_*"), "bold(text:bold  italic(text:both))");
  assert.equal(lineOf("snake_case_name 2*3*4 * no *"), "text:snake_case_name 2*3*4 * no *");
  assert.equal(lineOf("*שלום* (*עולם*)"), "bold(text:שלום) text: ( bold(text:עולם) text:)");
  assert.deepEqual(
    parseWhatsApp("> q\n- i\n12. n\n```x\ny```\nend").map(({ kind }) => kind),
    ["quote", "item", "item", "code", "line"],
  );
});

test("Nothing of a message is lost by formatting, however it is built", () => {
  const piece = fc.constantFrom("*", "_", "~", "`", "```", " ", "a", "ש", "\n", "> ", "- ", "1. ", "http://x.y", ".");
  const letters = (text: string): string => text.replaceAll(/[^aשxy]/g, "");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const text = pieces.join("");
      const shown = parseWhatsApp(text).map((block) => ("parts" in block ? textIn(block.parts) : block.text));
      assert.equal(letters(shown.join("")), letters(text));
    }),
  );
});

function textIn(parts: readonly Inline[]): string {
  return parts.map((part) => ("parts" in part ? textIn(part.parts) : part.text)).join("");
}

test("A long line of marks is read in a moment", () => {
  for (const text of ["*a ".repeat(1_400), "*_~".repeat(1_400), "_".repeat(4_096), "https://".repeat(512)]) {
    const began = performance.now();
    parseWhatsApp(text);
    assert.ok(performance.now() - began < 500, text.slice(0, 9));
  }
});

test("Only http, https, tel and mailto become links", () => {
  assert.equal(lineOf("see https://a.example/x?y=1."), "text:see  link:https://a.example/x?y=1 text:.");
  assert.equal(lineOf("www.a.example"), "link:www.a.example");
  for (const bad of [
    "javascript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    " JaVaScRiPt:alert(1)",
    "file:///etc/passwd",
    "blob:x",
    "x",
  ]) {
    assert.equal(safeHref(bad), null, bad);
    assert.ok(!lineOf(bad).includes("link:"), bad);
  }
  assert.equal(safeHref("tel:+972501234567"), "tel:+972501234567");
});

test("What turns the order of letters round, hides, or floods a line does not reach the page", () => {
  assert.equal(plain("invoice\u202Efdp.exe"), "invoicefdp.exe");
  assert.equal(plainLine(" a\u0000\u0007b \n c\u2066 "), "ab c");
  assert.ok(plain(`e${"\u0301".repeat(500)}`).length < 10);
  assert.equal(plain("👩‍👩‍👧 שָׁלוֹם مَرْحَبًا"), "👩‍👩‍👧 שָׁלוֹם مَرْحَبًا");
});

test("One to three emoji are shown large, digits and words are not", () => {
  for (const text of ["😍", "👍🏽 ❤️", "🇮🇱", "👩‍👩‍👧‍👦"]) assert.ok(isFewEmoji(text), text);
  for (const text of ["", "1", "12", "a😍", "😍😍😍😍"]) assert.ok(!isFewEmoji(text), text);
});

const conversation = (changes: Partial<Conversation> = {}): Conversation => ({
  id: "01900000-0000-7000-8000-000000000001",
  connectionId: "c1",
  contact: null,
  group: null,
  window: { isOpen: true, expiresAt: iso(at + 3_600_000), remainingMs: 3_600_000 },
  headroom: { sendsNow: 45, nextAt: null },
  lastCustomerMessageAt: iso(at),
  freeEntryPointExpiresAt: null,
  lastMessageAt: iso(at),
  lastMessagePreview: "",
  inboundCount: 1,
  outboundCount: 0,
  unreadCount: 1,
  state: "open",
  snoozedUntil: null,
  isWaiting: true,
  assigneeId: null,
  labelIds: [],
  createdAt: iso(at),
  ...changes,
});

test("The window counts down by the clock alone: open, the last hour, closed; and never opened is another thing", () => {
  const { window } = conversation();
  assert.deepEqual(windowNow(window, at - 1_000), { state: "open", leftMs: 3_601_000 });
  assert.deepEqual(windowNow(window, at), { state: "closing", leftMs: 3_600_000 });
  assert.deepEqual(windowNow(window, at + 3_600_000), { state: "closed", leftMs: 0 });
  // Meta refused: closed before its end.
  assert.equal(windowNow({ ...window, isOpen: false }, at).state, "closed");
  assert.equal(windowNow({ isOpen: false, expiresAt: null, remainingMs: 0 }, at).state, "never");
});

test("A change shows in the views that the server would list it in", () => {
  const now = { ms: at, personId: "me" };
  const views = (changes: Partial<Conversation>): string[] =>
    (["all", "mine", "unassigned", "waiting", "closing_soon", "snoozed", "done"] as const).filter((view) =>
      isListed({ view }, conversation(changes), now),
    );
  assert.deepEqual(views({}), ["all", "unassigned", "waiting", "closing_soon"]);
  assert.deepEqual(views({ assigneeId: "me", isWaiting: false }), ["all", "mine"]);
  assert.deepEqual(views({ assigneeId: "you", window: { isOpen: true, expiresAt: iso(at + 5 * 3_600_000), remainingMs: 1 } }), [
    "all",
    "waiting",
  ]);
  assert.deepEqual(views({ state: "done" }), ["done"]);
  assert.deepEqual(views({ state: "snoozed" }), ["snoozed"]);
  assert.ok(!isListed({ view: "all", unread: true }, conversation({ unreadCount: 0 }), now));
  assert.ok(!isListed({ view: "all", labelId: "l" }, conversation(), now));
  assert.ok(isListed({ view: "all", labelId: "l", connectionId: "c1" }, conversation({ labelIds: ["l"] }), now));
});

test("The order of a list is the server's, and a list's key holds all of its filter", () => {
  const [old, young] = [conversation({ lastMessageAt: iso(at - 1) }), conversation()];
  assert.ok(comesBefore("all", young, old) && !comesBefore("all", old, young));
  const soon = conversation({ window: { isOpen: true, expiresAt: iso(at + 1), remainingMs: 1 }, lastMessageAt: iso(at - 9) });
  assert.ok(comesBefore("closing_soon", soon, young));
  const filter = { view: "waiting", connectionId: "c", labelId: "l", assigneeId: "a", unread: true } as const;
  assert.deepEqual(filterOf(listKey(filter)), filter);
  assert.deepEqual(listQuery({ view: "done", labelId: "l" }), { state: "done", labelId: "l" });
});

const message = (id: string, ms: number, changes: Partial<Message> = {}): Message =>
  ({
    id,
    direction: "inbound",
    type: "text",
    content: { kind: "text", body: id },
    waTimestamp: iso(at + ms),
    error: null,
    revokedAt: null,
    replyTo: null,
    reactions: [],
    from: null,
    ...changes,
  }) as unknown as Message;

test("A thread shows days, runs, albums of pictures that came together, notes in their place, and what is still being sent", () => {
  const picture = { type: "image", content: { kind: "image" } };
  const messages = [
    message("a", 0),
    message("b", 1_000),
    message("p1", 2_000, picture),
    message("p2", 3_000, picture),
    message("p3", 4_000, { ...picture, content: { kind: "image", caption: "with words" } }),
    message("c", 26 * 3_600_000, { direction: "outbound" }),
  ];
  const note = { id: "n", createdAt: iso(at + 500) } as Note;
  const items = threadItems(messages, [{ id: "old", createdAt: iso(at - 1) } as Note, note], [{ key: "s" } as never]);
  assert.deepEqual(
    items.map((item) => (item.kind === "message" ? item.id : item.kind === "album" ? item.ids.join("+") : item.kind)),
    ["day", "a", "note", "b", "p1+p2", "p3", "day", "c", "pending"],
  );
  assert.deepEqual(
    items.flatMap((item) => (item.kind === "message" || item.kind === "album" ? [[item.isFirst, item.isLast]] : [])),
    [
      [true, false],
      [false, false],
      [false, false],
      [false, true],
      [true, true],
    ],
  );
});

const template = (changes: Partial<Template>): Template =>
  ({
    name: "t",
    language: "he",
    parameterFormat: "positional",
    header: null,
    body: null,
    footer: null,
    buttons: [],
    cards: [],
    offer: null,
    ...changes,
  }) as unknown as Template;

test("A template asks for what it needs, in its order, and becomes the message that says it", () => {
  const one = template({
    header: { kind: "image" },
    body: "Hi {{2}}, order {{1}} for {{2}}",
    buttons: [
      { kind: "quick_reply", text: "OK" },
      { kind: "url", text: "Track", url: "https://x.example/{{1}}" },
      { kind: "copy_code", text: "Copy" },
    ],
  });
  assert.deepEqual(
    placesOf(one).map(({ key }) => key),
    ["media", "body.1", "body.2", "button.1", "button.2"],
  );
  const filled = { "body.1": "17", "body.2": "נועה", "button.1": "abc", "button.2": "SAVE" };
  assert.equal(filledText(one.body ?? "", "body", filled), "Hi נועה, order 17 for נועה");
  assert.deepEqual(messageOf(one, filled, { media: "m1" }), {
    type: "template",
    name: "t",
    language: "he",
    header: { type: "image", media: { mediaId: "m1" } },
    body: [
      { type: "text", text: "17" },
      { type: "text", text: "נועה" },
    ],
    buttons: [
      { type: "url", index: 1, text: "abc" },
      { type: "copy_code", index: 2, couponCode: "SAVE" },
    ],
  });
  const named = template({ parameterFormat: "named", body: "{{first_name}} {{day}}" });
  assert.deepEqual(messageOf(named, { "body.first_name": "N", "body.day": "D" }, {}).body, [
    { type: "text", name: "first_name", text: "N" },
    { type: "text", name: "day", text: "D" },
  ]);
});

test("Canned replies open with a slash at the beginning only, and fill in names without reading them", () => {
  const reply = (shortcut: string, he: string) => ({ id: shortcut, shortcut, texts: { he }, createdAt: "", changedAt: "" });
  const replies = [reply("hours", "פתוח"), reply("שעות", "hours too")];
  assert.equal(cannedMatches("a /h", replies), null);
  assert.deepEqual(
    cannedMatches("/ho", replies)?.map(({ shortcut }) => shortcut),
    ["hours", "שעות"],
  );
  assert.deepEqual(
    cannedMatches("/ש", replies)?.map(({ shortcut }) => shortcut),
    ["שעות"],
  );
  const values = { name: "$& {{agent}}", phone: "1", agent: "A", business: "B" };
  assert.equal(cannedText(reply("x", "{{ name }}, {{business}} {{other}}"), ["en", "he"], values), "$& {{agent}}, B {{other}}");
});

test("The event stream is read whole, wherever the network cuts it", async () => {
  const text = ': after 7\nretry: 1000\n\nid: 8\nevent: a\ndata: {"x":"ש"}\n\n: still here\n\nid: 9\r\ndata: 1\r\ndata: 2\r\n\r\n';
  const bytes = new TextEncoder().encode(text);
  const expected = [
    { kind: "comment", text: "after 7" },
    { kind: "event", id: "8", data: '{"x":"ש"}' },
    { kind: "comment", text: "still here" },
    { kind: "event", id: "9", data: "1\n2" },
  ];
  for (const size of [1, 2, 3, 7, bytes.length]) {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let from = 0; from < bytes.length; from += size) controller.enqueue(bytes.slice(from, from + size));
        controller.close();
      },
    });
    const parts = [];
    for await (const part of readEventStream(body)) parts.push(part);
    assert.deepEqual(parts, expected, String(size));
  }
});
