/**
 * Words as they are looked for. What is written with or without marks is one word: niqqud, tashkeel, accents and tatweel are left out, the forms
 * of alef, ya, waw, ta marbuta and kaf are one each, and so are a Hebrew letter and its final form (whoever types on from a final letter finds the
 * longer word). Digits of Arabic and Persian are digits. Quotes within a word join it: צה"ל is one. Index and query go through the same function, so it
 * decides alone what is found. All offsets are UTF-16 units.
 */
import { limits } from "../limits.ts";
import { clipText } from "./text.ts";

/** Letters, digits and their marks; `'` and the like only between two of them. Each repetition begins with what the one before cannot hold: linear. */
const wordPattern = /[\p{L}\p{N}][\p{L}\p{N}\p{M}\p{Cf}]*(?:['"’׳״][\p{L}\p{N}][\p{L}\p{N}\p{M}\p{Cf}]*)*/gu;

const variants: ReadonlyMap<string, string> = new Map([
  // Hebrew final letters.
  ["ך", "כ"],
  ["ם", "מ"],
  ["ן", "נ"],
  ["ף", "פ"],
  ["ץ", "צ"],
  // Arabic: what decomposition does not unite already.
  ["ٱ", "ا"],
  ["ى", "ي"],
  ["ی", "ي"],
  ["ې", "ي"],
  ["ة", "ه"],
  ["ە", "ه"],
  ["ک", "ك"],
  ["ـ", ""],
  ["ß", "ss"],
  ["ı", "i"],
]);

export type Range = [number, number];
type Place = { word: string; range: Range };

/** The words of a text with their places, at most `limits.searchWordsMax` of them. */
function* placesIn(text: string): Generator<Place> {
  let found = 0;
  for (const match of text.matchAll(wordPattern)) {
    const word = normaliseWord(match[0]);
    if (word === "") continue;
    yield { word, range: [match.index, match.index + match[0].length] };
    found += 1;
    if (found === limits.searchWordsMax) return;
  }
}

/** Each word once. */
export function wordsOf(text: string): string[] {
  const words = new Set<string>();
  for (const { word } of placesIn(text)) words.add(word);
  return [...words];
}

/** Nothing but letters and digits is left of it. */
export function normaliseWord(text: string): string {
  let word = "";
  for (const letter of text.normalize("NFKD").toLowerCase()) {
    const plain = variants.get(letter) ?? digitOf(letter);
    if (/^[\p{L}\p{N}]*$/u.test(plain)) word += plain;
  }
  return clipText(word, limits.searchWordCharsMax);
}

/** Arabic-Indic and Persian digits. */
function digitOf(letter: string): string {
  const code = letter.codePointAt(0) ?? 0;
  if (code >= 0x0660 && code <= 0x0669) return String(code - 0x0660);
  if (code >= 0x06f0 && code <= 0x06f9) return String(code - 0x06f0);
  return letter;
}

/** `isPrefix`: any word that begins so. */
export type WantedWord = { word: string; isPrefix: boolean };
export type Wanted = {
  words: readonly WantedWord[];
  /** Of a query that is nothing but a part of a phone number: its digits without what stands before a number at home; else null. */
  digits: string | null;
};

/**
 * The last word may go on, unless something follows it: whoever types a space has ended it. Its first letter alone says nothing yet beside other
 * words. Null when there is nothing to look for.
 */
export function readQuery(query: string): Wanted | null {
  const places = [...placesIn(query)].slice(0, limits.searchQueryWordsMax);
  const last = places.at(-1);
  if (last === undefined) return null;
  const isTyped = last.range[1] === query.length;
  const isLong = last.word.length >= prefixCharsMin;
  const taken = isTyped && !isLong && places.length > 1 ? places.slice(0, -1) : places;
  const words = taken.map((place) => ({ word: place.word, isPrefix: place === last && isTyped && isLong }));
  return { words, digits: digitsIn(query) };
}

/** A single letter begins too many words to be worth looking for. */
const prefixCharsMin = 2;
export const phonePartDigitsMin = 3;

/** +972 50-123, 050123 and 0097250123 are all written by people. */
function digitsIn(query: string): string | null {
  if (!/^[\p{Nd}\s().+/-]+$/u.test(query)) return null;
  const digits = Array.from(query, digitOf)
    .filter((letter) => /^[0-9]$/.test(letter))
    .join("")
    .replace(/^0+/, "");
  return digits.length >= phonePartDigitsMin ? digits : null;
}

/** Every word that fits one of the wanted ones, in order. */
export function rangesOf(text: string, words: readonly WantedWord[]): Range[] {
  const ranges: Range[] = [];
  for (const { word, range } of placesIn(text)) if (words.some((wanted) => fits(word, wanted))) ranges.push(range);
  return ranges;
}

/** Whether the text still has all of them. */
export function hasAll(text: string, words: readonly WantedWord[]): boolean {
  const found = wordsOf(text);
  return words.every((wanted) => found.some((word) => fits(word, wanted)));
}

function fits(word: string, wanted: WantedWord): boolean {
  return wanted.isPrefix ? word.startsWith(wanted.word) : word === wanted.word;
}

/** One line of at most `limits.searchSnippetCharsMax` units (and two ellipses) around the first hit. */
export function snippetOf(text: string, words: readonly WantedWord[]): { snippet: string; ranges: Range[] } {
  const line = text.replaceAll(/\s/gu, " ");
  const ranges = rangesOf(line, words);
  const [first] = ranges;
  const room = limits.searchSnippetCharsMax;
  if (line.length <= room) return { snippet: line, ranges };
  const wantedFrom = Math.max(0, Math.min((first?.[0] ?? 0) - Math.floor(room / 3), line.length - room));
  const from = wantedFrom === 0 ? 0 : wordStart(line, wantedFrom, first?.[0] ?? wantedFrom);
  const to = wholeLetterEnd(line, Math.min(line.length, from + room));
  const [before, after] = [from > 0 ? "…" : "", to < line.length ? "…" : ""];
  const shift = before.length - from;
  const shown = ranges.filter(([start, end]) => start >= from && end <= to).map(([start, end]): Range => [start + shift, end + shift]);
  return { snippet: before + line.slice(from, to) + after, ranges: shown };
}

/** The first beginning of a word from there on, no later than the hit. */
function wordStart(line: string, from: number, hit: number): number {
  const space = line.indexOf(" ", from);
  return wholeLetterEnd(line, space < 0 || space >= hit ? from : space + 1);
}

/** Not between the halves of a surrogate pair. */
function wholeLetterEnd(line: string, at: number): number {
  const code = line.charCodeAt(at);
  return code >= 0xdc00 && code <= 0xdfff ? at - 1 : at;
}
