/** What the thread and the composer decide without a browser: steps of a timeline, mentions, what a failed message can become, templates with cards, Ogg. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { emojiFor } from "../inbox/src/composer/emoji.ts";
import { faultOf, filledOnCard, messageOf, placesOf, whyNotFillable } from "../inbox/src/composer/template-fill.ts";
import { oggOfWebm } from "../inbox/src/composer/webm-to-ogg.ts";
import { mentionTyped, mentionsIn } from "../inbox/src/team/mentions.ts";
import { outgoingAgain } from "../inbox/src/thread/again.ts";
import { timelineSteps } from "../inbox/src/thread/timeline-steps.ts";
import type { TimelineEntry } from "../src/contract/messages.ts";
import type { OutgoingContent } from "../src/contract/outgoing.ts";
import type { Template } from "../src/contract/templates.ts";
import { checkOutgoing } from "../src/core/outgoing-rules.ts";
import { storedContent } from "../src/core/outgoing.ts";

const atMs = Date.parse("2026-11-23T08:00:00Z");
const iso = (ms: number): string => new Date(atMs + ms).toISOString();
const entry = (type: TimelineEntry["type"], ms: number, more: Partial<TimelineEntry> = {}): TimelineEntry => ({
  type,
  at: iso(ms),
  status: null,
  participant: null,
  error: null,
  data: {},
  createdAt: iso(ms),
  ...more,
});

test("A timeline goes from Meta's word over the POST, the row and the screen to what came later, whatever Meta's clock says", () => {
  const made = entry("message.created", 900, { data: { origin: "customer", content: { body: "first" } }, createdAt: iso(160) });
  const edit = (ms: number, body: string) => entry("message.edited", ms, { data: { message: { body } }, createdAt: iso(ms + 2_000) });
  const steps = timelineSteps([made, entry("webhook.received", 100), edit(5_000, "second"), edit(9_000, "third")], atMs + 400);
  assert.deepEqual(
    steps.map(({ name, afterMs, learntMs, before }) => [name, afterMs, learntMs, before]),
    [
      ["timeline_said", null, null, null],
      ["timeline_webhook", null, null, null],
      ["timeline_stored", 60, null, null],
      ["timeline_drawn", 240, null, null],
      ["edited", null, 2_000, "first"],
      ["edited", null, 2_000, "second"],
    ],
  );
  const ours = timelineSteps(
    [entry("message.created", 0, { data: { origin: "inbox" } }), entry("message.status", 2_000, { status: "sent" })],
    atMs + 50,
  );
  assert.deepEqual(
    ours.map(({ name }) => name),
    ["timeline_created", "timeline_drawn", "status_sent"],
  );
});

test("A note is meant for those whose whole names stand in it; the list opens at the name that is being typed", () => {
  const people = [
    { id: "1", name: "Dan" },
    { id: "2", name: "Dana" },
    { id: "3", name: "נועה לוי" },
  ];
  assert.deepEqual(mentionsIn("@Dana and @נועה לוי, not dan@Dan", people), ["2", "3", "1"]);
  assert.deepEqual(mentionsIn("Dana", people), []);
  const typed = (text: string) => mentionTyped(text, text.length, people)?.matches.map(({ id }) => id) ?? null;
  assert.deepEqual(typed("שלום @נו"), ["3"]);
  assert.deepEqual(typed("@לו"), ["3"]);
  assert.deepEqual(typed("mail me at a@d"), null);
  assert.deepEqual(typed("@x"), null);
  assert.deepEqual(typed("@"), ["1", "2", "3"]);
});

test("What failed can be sent at another time as what it was: texts, templates and our own files; all else is not offered", () => {
  const contents: OutgoingContent[] = [
    { type: "text", body: "hello" },
    { type: "template", name: "t", language: "he", body: [{ type: "text", text: "1" }] },
    { type: "image", media: { mediaId: "0199a000-0000-7000-8000-000000000001" }, caption: "c" },
    { type: "document", media: { mediaId: "0199a000-0000-7000-8000-000000000001" }, filename: "f.pdf" },
  ];
  for (const content of contents) {
    const again = outgoingAgain(storedContent(content));
    assert.deepEqual(again, content);
    assert.deepEqual(checkOutgoing(again), []);
  }
  for (const content of [{ kind: "location", latitude: 1, longitude: 1 }, { kind: "image", mediaId: "7" }, { kind: "text" }, null, "x"]) {
    assert.equal(outgoingAgain(content), null);
  }
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
    unrecognised: [],
    ...changes,
  }) as unknown as Template;

test("A carousel asks card by card and an offer for its end; both become a message that the server takes", () => {
  const card = (words: string) => ({
    header: { kind: "image" },
    body: words,
    buttons: [{ kind: "url", text: "Buy", url: "https://x.example/{{1}}" }],
  });
  const one = template({ body: "Hi {{1}}", cards: [card("A {{1}}"), card("B")], offer: { text: "Sale", expires: true } });
  assert.equal(whyNotFillable(one), null);
  const places = placesOf(one);
  assert.deepEqual(
    places.map(({ key }) => key),
    ["body.1", "card.0.media", "card.0.body.1", "card.0.button.0", "card.1.media", "card.1.button.0", "offer"],
  );
  const filled = { "body.1": "נועה", "card.0.body.1": "9", "card.0.button.0": "a", "card.1.button.0": "b", offer: "2026-12-01T10:00" };
  assert.deepEqual(filledOnCard(filled, 0), { "body.1": "9", "button.0": "a" });
  const id = "0199a000-0000-7000-8000-000000000001";
  const message = messageOf(one, filled, { "card.0.media": id, "card.1.media": id });
  assert.deepEqual(message.cards?.[1], {
    header: { type: "image", media: { mediaId: id } },
    buttons: [{ type: "url", index: 0, text: "b" }],
  });
  assert.equal(message.limitedTimeOffer?.expiresAtMs, Date.parse("2026-12-01T10:00"));
  assert.deepEqual(checkOutgoing(message), []);
});

test("A place header is filled in by numbers within their bounds, and what has no fields here says why", () => {
  const one = template({ header: { kind: "location" } });
  const [latitude, longitude, name] = placesOf(one);
  assert.ok(latitude !== undefined && longitude !== undefined && name !== undefined);
  assert.equal(faultOf(latitude, "91", atMs), "template_not_number");
  assert.equal(faultOf(longitude, "91", atMs), null);
  assert.equal(faultOf(longitude, "", atMs), "template_missing");
  assert.equal(faultOf(name, "", atMs), null);
  const message = messageOf(one, { "location.latitude": "31.7", "location.longitude": "35.2" }, {});
  assert.deepEqual(message.header, { type: "location", latitude: 31.7, longitude: 35.2 });
  assert.deepEqual(checkOutgoing(message), []);
  assert.equal(whyNotFillable(template({ header: { kind: "gif" } })), "template_why_header");
  assert.equal(whyNotFillable(template({ buttons: [{ kind: "mpm", text: "x" }] })), "template_why_products");
  assert.equal(whyNotFillable(template({ unrecognised: [{}] })), "template_why_unknown");
});

test("Emoji are found by the beginning of a word in each language", () => {
  const found = (query: string) => emojiFor(query).map(({ symbol }) => symbol);
  for (const query of ["heart", "לב", "قلب"]) assert.ok(found(query).includes("❤️"), query);
  assert.deepEqual(found("xyzzy"), []);
  assert.equal(new Set(found("")).size, found("").length, "none twice");
});

test("Opus from WebM stands in Ogg packet for packet, with pages that bear their checksums and the time played", () => {
  const packets = [new Uint8Array([0x08, 1, 2]), new Uint8Array(255).fill(0x08), new Uint8Array(700).fill(0x08)];
  const ogg = oggOfWebm(webmOf(packets));
  const pages = readPages(ogg);
  assert.deepEqual(
    pages.map(({ flags, order }) => [flags, order]),
    [
      [2, 0],
      [0, 1],
      [4, 2],
    ],
  );
  assert.deepEqual(pages[2]?.packets, packets);
  // Three packets of one SILK frame of 20 ms at 48 kHz.
  assert.equal(pages[2]?.samples, 3 * 960);
  assert.equal(Buffer.from(pages[0]?.packets[0] ?? []).toString("latin1", 0, 8), "OpusHead");
  assert.equal(Buffer.from(pages[1]?.packets[0] ?? []).toString("latin1", 0, 8), "OpusTags");
  assert.throws(() => oggOfWebm(new TextEncoder().encode("<html>this is no film</html>")));
  assert.throws(() => oggOfWebm(webmOf([])));
});

/** As a browser writes it: the segment and the cluster of unknown size. */
function webmOf(packets: readonly Uint8Array[]): Uint8Array {
  const unknown = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
  const head = [...Buffer.from("OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0", "latin1")];
  const codec = [0x63, 0xa2, 0x80 | head.length, ...head];
  const trackEntry = [0xae, 0x80 | codec.length, ...codec];
  const tracks = [0x16, 0x54, 0xae, 0x6b, 0x80 | trackEntry.length, ...trackEntry];
  const blocks = packets.flatMap((packet) => {
    const size = packet.length + 4;
    return [0xa3, 0x40 | (size >> 8), size & 0xff, 0x81, 0, 0, 0x80, ...packet];
  });
  return new Uint8Array([
    0x1a,
    0x45,
    0xdf,
    0xa3,
    0x80,
    0x18,
    0x53,
    0x80,
    0x67,
    ...unknown,
    ...tracks,
    0x1f,
    0x43,
    0xb6,
    0x75,
    ...unknown,
    ...blocks,
  ]);
}

/** By RFC 3533, bit for bit, apart from the code that is tested. */
function readPages(ogg: Uint8Array): { flags: number; order: number; samples: number; packets: Uint8Array[] }[] {
  const view = new DataView(ogg.buffer);
  const pages = [];
  for (let at = 0; at < ogg.length;) {
    assert.equal(Buffer.from(ogg.subarray(at, at + 4)).toString(), "OggS");
    const lengths = ogg.subarray(at + 27, at + 27 + (ogg[at + 26] ?? 0));
    const from = at + 27 + lengths.length;
    const end = from + lengths.reduce((sum, one) => sum + one, 0);
    const bare = ogg.slice(at, end).fill(0, 22, 26);
    assert.equal(view.getUint32(at + 22, true), crcOf(bare));
    const packets: Uint8Array[] = [];
    let begin = from;
    let length = 0;
    for (const one of lengths) {
      length += one;
      if (one === 255) continue;
      packets.push(ogg.slice(begin, begin + length));
      begin += length;
      length = 0;
    }
    pages.push({
      flags: ogg[at + 5] ?? 0,
      order: view.getUint32(at + 18, true),
      samples: Number(view.getBigUint64(at + 6, true)),
      packets,
    });
    at = end;
  }
  return pages;
}

function crcOf(bytes: Uint8Array): number {
  let sum = 0n;
  for (const byte of bytes) {
    sum ^= BigInt(byte) << 24n;
    for (let bit = 0; bit < 8; bit += 1) sum = ((sum << 1n) ^ ((sum & 0x80000000n) === 0n ? 0n : 0x04c11db7n)) & 0xffffffffn;
  }
  return Number(sum);
}
