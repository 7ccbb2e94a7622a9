import assert from "node:assert/strict";
import { test } from "node:test";
import { normaliseWord, ourResumeWords, ourStopWords, textsIn, wordOf } from "../src/core/opt-out-words.ts";

const ours = { stop: null, resume: null };
const said = (text: string) => wordOf([text], ours);

test("Every word of ours is heard in each language, and none of them means both", () => {
  for (const word of ourStopWords) assert.equal(said(word), "stop", word);
  for (const word of ourResumeWords) assert.equal(said(word), "resume", word);
  const stops = ourStopWords.map(normaliseWord);
  assert.deepEqual(
    ourResumeWords.filter((word) => stops.includes(normaliseWord(word))),
    [],
  );
  for (const list of [ourStopWords, ourResumeWords]) assert.equal(new Set(list.map(normaliseWord)).size, list.length);
});

test("A word is heard however it is spelt: case, accents, niqqud, tashkeel, alef variants, punctuation, marks of direction, emoji, spaces", () => {
  const spelt = [
    ["STOP", " Stop. ", "stop!!!", "«Stop»", "stop 🛑", "ＳＴＯＰ", "\u200Estop\u200F", "Opt-Out", "optout", "UNSUBSCRIBE\n", "s t o p"],
    ["הסר", "הָסֵר", "\u200Fהסר\u200F", "„הסר”", "הסר.", "  הסר   אותי  ", "הפסק!", "\u2067הסר\u2069"],
    ["إيقاف", "ايقاف", "إِيقَاف", "إيـــقاف", "الغاء الاشتراك", "إلغاءالاشتراك", "ازالة", "ازاله", "ايقاف العروض"],
    ["СТОП", "Стоп!", "отпишите  меня"],
    ["BAJA", "cancelar suscripcion", "Cancelar Suscripción", "Parar promocoes"],
    ["Désabonner", "desabonner", "Se désabonner"],
  ];
  for (const text of spelt.flat()) assert.equal(said(text), "stop", JSON.stringify(text));
  for (const text of ["START", "Start!", "התחל", "ابدأ", "ابدا", "старт", "Alta"]) assert.equal(said(text), "resume", text);
});

test("A word counts only as the whole message, and nothing else is one", () => {
  const others = [
    ["", " ", "🛑", "...", "please stop the delivery", "stop it", "non-stop", "cancel", "end", "stopstop", `stop${" ".repeat(100)}`],
    ["הסר את העוגייה מההזמנה", "אל תפסיקו", "ביטול", "توقف عن التأخير", "не стоп", "la baja temporada"],
  ];
  for (const text of others.flat()) assert.equal(said(text), null, JSON.stringify(text));
  assert.equal(wordOf([], ours), null);
  assert.equal(wordOf([null], ours), null);
});

test("A tenant's own list stands in place of ours, and of two meanings stop is the one that counts", () => {
  const own = { stop: ["Cancel", "ביטול"], resume: ["Yes", "cancel"] };
  assert.equal(wordOf(["CANCEL"], own), "stop");
  assert.equal(wordOf(["ביטול."], own), "stop");
  assert.equal(wordOf(["yes"], own), "resume");
  assert.equal(wordOf(["stop"], own), null);
  assert.equal(wordOf(["stop"], { stop: [], resume: null }), null);
  assert.equal(wordOf(["start", "stop"], ours), "stop");
});

test("A word stands where the customer puts it: typed, tapped, chosen, or edited in", () => {
  const heard = (content: unknown) => wordOf(textsIn(content), ours);
  assert.equal(heard({ v: 1, kind: "text", body: "הסר" }), "stop");
  assert.equal(heard({ v: 1, kind: "button", text: "Stop promotions", payload: null }), "stop");
  assert.equal(heard({ v: 1, kind: "button", text: "Nicht mehr", payload: "STOP_PROMOTIONS" }), "stop");
  assert.equal(heard({ v: 1, kind: "button_reply", id: "opt_out", title: "No, thanks" }), "stop");
  assert.equal(heard({ v: 1, kind: "list_reply", id: "7", title: "Unsubscribe", description: "start" }), "stop");
  assert.equal(heard({ v: 1, kind: "edit", message: { v: 1, kind: "text", body: "stop" } }), "stop");
  assert.equal(heard({ v: 1, kind: "edit", message: { v: 1, kind: "edit", message: { v: 1, kind: "text", body: "stop" } } }), null);
  assert.equal(heard({ v: 1, kind: "image", caption: "stop" }), null);
  assert.equal(heard({ v: 1, kind: "flow_reply", name: "stop", body: "stop" }), null);
  for (const content of [null, undefined, "stop", {}, { kind: "text" }, { kind: "text", body: 1 }, { kind: "edit" }]) {
    assert.equal(heard(content), null);
  }
});
