import assert from "node:assert/strict";
import { test } from "node:test";
import { searchableText } from "../src/core/search-content.ts";
import { hasAll, normaliseWord, rangesOf, readQuery, snippetOf, wordsOf } from "../src/core/search-text.ts";
import { percentileMs, responseStepsMax, stepMs, stepOf } from "../src/core/response-scale.ts";
import { limits } from "../src/limits.ts";

const marked = (text: string, query: string): string[] =>
  rangesOf(text, readQuery(query)?.words ?? []).map(([from, to]) => text.slice(from, to));

test("marks, forms of letters and final letters do not count, in the text or in the query", () => {
  const same: [string, string][] = [
    ["שָׁלוֹם", "שלום"],
    ["שלומ", "שלום"],
    ["מֶלֶךְ", "מלך"],
    ["צה״ל", 'צה"ל'],
    ["צהל", "צה״ל"],
    ["ג׳ירפה", "ג'ירפה"],
    ["السَّلَامُ", "السلام"],
    ["أحمد", "احمد"],
    ["إسلام", "اسلام"],
    ["آمنة", "امنه"],
    ["ٱلله", "الله"],
    ["مـــرحبا", "مرحبا"],
    ["على", "علي"],
    ["علی", "علي"],
    ["کتاب", "كتاب"],
    ["مسؤول", "مسوول"],
    ["٠٥٠١٢٣", "050123"],
    ["۰۵۰۱۲۳", "050123"],
    ["Café", "CAFE"],
    ["ﬁne", "fine"],
    ["Straße", "STRASSE"],
    ["ש\u200fלום", "שלום"],
  ];
  for (const [a, b] of same) assert.equal(normaliseWord(a), normaliseWord(b), `${a} ${b}`);
  assert.notEqual(normaliseWord("שלום"), normaliseWord("שלוש"));
});

test("words are told apart by what is neither letter nor digit, and each has its place in the text as it is written", () => {
  assert.deepEqual(wordsOf("בית־ספר, שלום! (hello) 12:30 a_b"), ["בית", "ספר", "שלומ", "hello", "12", "30", "a", "b"]);
  assert.deepEqual(marked("אמרתי שָׁלוֹם, ושוב שלום.", "שלום"), ["שָׁלוֹם", "שלום"]);
  assert.deepEqual(marked("😀 שלום", "שלום"), ["שלום"]);
  assert.deepEqual(wordsOf("😀 … ־"), []);
});

test("the last word may go on while it is being typed; a space ends it, and a single letter begins nothing", () => {
  assert.deepEqual(readQuery("תור מח")?.words, [
    { word: "תור", isPrefix: false },
    { word: "מח", isPrefix: true },
  ]);
  assert.deepEqual(readQuery("תור ")?.words, [{ word: "תור", isPrefix: false }]);
  assert.deepEqual(readQuery("תור א")?.words, [{ word: "תור", isPrefix: false }]);
  assert.deepEqual(readQuery("תור א ")?.words.length, 2);
  assert.deepEqual(readQuery("ת")?.words, [{ word: "ת", isPrefix: false }]);
  assert.equal(readQuery(" !? "), null);
  assert.deepEqual(marked("שלומות ושלום", "שלום"), ["שלומות"]);
  assert.equal(hasAll("אחד שניים", readQuery("שני אחד ")?.words ?? []), false);
  assert.equal(hasAll("אחד שניים", readQuery("אחד שנ")?.words ?? []), true);
});

test("a query of at most searchQueryWordsMax words counts, words of at most searchWordCharsMax characters, searchWordsMax of a message", () => {
  const many = Array.from({ length: limits.searchQueryWordsMax + 5 }, (_, index) => `w${index}`).join(" ");
  assert.equal(readQuery(many)?.words.length, limits.searchQueryWordsMax);
  assert.equal(normaliseWord("א".repeat(1_000)).length, limits.searchWordCharsMax);
  assert.equal(
    wordsOf(Array.from({ length: limits.searchWordsMax + 5 }, (_, index) => `w${index}`).join(" ")).length,
    limits.searchWordsMax,
  );
});

test("a part of a phone number is one, however people write it", () => {
  for (const query of ["050-123", "+50 123", "00 50 (123)", "٠٥٠١٢٣"]) assert.equal(readQuery(query)?.digits, "50123", query);
  for (const query of ["05", "דנה 050", "12a34"]) assert.equal(readQuery(query)?.digits, null, query);
});

test("a snippet is one line of at most searchSnippetCharsMax characters around the hit, and its ranges fit it", () => {
  const text = `${"מילה ".repeat(200)}\nמַטְמוֹן 😀 ${"😀".repeat(300)}`;
  const { snippet, ranges } = snippetOf(text, readQuery("מטמון")?.words ?? []);
  assert.ok(snippet.length <= limits.searchSnippetCharsMax + 2, String(snippet.length));
  assert.ok(snippet.isWellFormed());
  assert.deepEqual(
    ranges.map(([from, to]) => snippet.slice(from, to)),
    ["מַטְמוֹן"],
  );
  assert.ok(snippet.startsWith("…") && snippet.endsWith("…"));
  assert.deepEqual(snippetOf("קצר", []), { snippet: "קצר", ranges: [] });
});

test("no text takes long: neither one word without end nor quotes without words", () => {
  for (const text of ["א".repeat(200_000), "א'".repeat(100_000), "'".repeat(200_000), "\u0301".repeat(200_000), "1 ".repeat(100_000)]) {
    const began = performance.now();
    wordsOf(text);
    snippetOf(text, readQuery("אא")?.words ?? []);
    assert.ok(performance.now() - began < 2_000, text.slice(0, 4));
  }
});

test("what people read in a message can be found: bodies, captions, names of files, buttons, cards, parameters of templates", () => {
  const cases: [unknown, string][] = [
    [{ v: 1, kind: "text", body: "גוף" }, "גוף"],
    [{ v: 1, kind: "image", caption: "כיתוב", mediaId: "secret" }, "כיתוב"],
    [{ v: 1, kind: "document", filename: "חוזה.pdf", caption: null }, "חוזה.pdf"],
    [{ v: 1, kind: "contacts", contacts: [{ name: "דנה", phones: [{ phone: "+972 50" }], org: "קפה" }] }, "דנה\nקפה\n+972 50"],
    [{ v: 1, kind: "location", name: "הכיכר", address: "רחוב" }, "הכיכר\nרחוב"],
    [
      { v: 1, kind: "interactive", subtype: "button", body: { text: "לבחור" }, action: { buttons: [{ reply: { id: "x", title: "כן" } }] } },
      "לבחור\nכן",
    ],
    [{ v: 1, kind: "template", name: "order_ready", body: "ההזמנה מוכנה", parameters: {} }, "ההזמנה מוכנה\norder_ready"],
    [{ v: 1, kind: "template", name: "t", parameters: { components: [{ parameters: [{ type: "text", text: "ערך" }] }] } }, "t\nערך"],
    [null, ""],
    [{ v: 1, kind: "revoked" }, ""],
    [[1, "x"], ""],
  ];
  for (const [content, text] of cases) assert.equal(searchableText(content), text);
  let deep: unknown = { text: "tief" };
  for (let level = 0; level < 50_000; level += 1) deep = { header: deep };
  assert.equal(searchableText(deep), "");
});

test("times of answers fall into the step that is no shorter, and medians are told from steps", () => {
  for (const ms of [0, 1_000, 1_001, 59_000, 3_600_000, 86_400_000 * 30]) {
    const step = stepOf(ms);
    assert.ok(stepMs(step) >= ms * 0.9999 && (step === 0 || stepMs(step - 1) < ms), String(ms));
  }
  assert.equal(stepOf(Number.MAX_SAFE_INTEGER), responseStepsMax);
  const steps = new Map([
    [stepOf(1_000), 5],
    [stepOf(60_000), 4],
    [stepOf(3_600_000), 1],
  ]);
  assert.equal(percentileMs(steps, 0.5), stepMs(stepOf(1_000)));
  assert.equal(percentileMs(steps, 0.9), stepMs(stepOf(60_000)));
  assert.equal(percentileMs(new Map(), 0.5), null);
});
