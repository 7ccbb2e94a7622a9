/**
 * No regular expression of ours takes longer than in proportion to its text. Each one that stands in the sources, and each pattern of a
 * schema, is run on long texts made of what it looks for and cannot match to the end: what backtracks takes seconds there, not milliseconds.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createContext, Script } from "node:vm";
import { readSources } from "./support/imports.ts";

type Found = { path: string; regex: RegExp };

/** Characters of each text, and how long all the texts of one expression may take: the linear ones need a tenth, a quadratic one ten times as much. */
const chars = 50_000;
const msMax = 400;

/** Run on texts that are short by construction. */
const short: Readonly<Record<string, string>> = {
  "\\/+$": "the operator's own settings",
  "=+$": "keys and hashes of a fixed length",
};

const found: Found[] = (await readSources()).flatMap(({ path, text }) =>
  [...literalsIn(text), ...patternsIn(text)].map((regex) => ({ path, regex })),
);

test("every regular expression of the sources is linear in its text, or runs only on short ones", () => {
  assert.ok(found.length > 120, String(found.length));
  const slow = found.filter(({ regex }) => isSlow(regex) && short[regex.source] === undefined);
  assert.deepEqual(
    slow.map(({ path, regex }) => `${path}: ${regex.source}`),
    [],
  );
  for (const source of Object.keys(short))
    assert.ok(
      found.some(({ regex }) => regex.source === source),
      `${source} is gone`,
    );
});

test("this check tells those that are not", () => {
  for (const regex of [
    /^(a+)+$/,
    /^(a|a)*$/,
    /\s+$/,
    /^(\d+,?)*x$/,
    /a.*b.*c/,
    /([^=]+=[^;]+;)*$/,
    /<[^>]*>[^<]*x/,
    /[\u200c\u200d]+(?=$| )/,
  ]) {
    assert.ok(isSlow(regex), regex.source);
  }
  for (const regex of [/^[a-z]+$/, /\s/, /^(?:a|b)*$/, /^\d{1,5}$/]) assert.ok(!isSlow(regex), regex.source);
});

test("every literal is found, among comments, strings, templates and divisions", () => {
  const source =
    'const a = b / c / d; // /no/\n/* /no/ */ x.test(/one[/]\\//gu); const s = "/no/"; `/no/ ${y.replace(/two/, "/no/")}`; return /three/;';
  assert.deepEqual(
    literalsIn(source).map((regex) => `${regex.source} ${regex.flags}`),
    ["one[/]\\/ gu", "two ", "three "],
  );
});

const context = createContext({ run: () => undefined });
const runIt = new Script("run()");

/** The engine looks up from its work when it backtracks, so that even an exponential one is broken off. */
function isSlow(regex: RegExp): boolean {
  context["run"] = () => runOnHostileTexts(regex);
  try {
    runIt.runInContext(context, { timeout: msMax });
    return false;
  } catch (error) {
    // An error of the other context, which is no Error here.
    assert.match(String(error), /timed out/);
    return true;
  }
}

function runOnHostileTexts(regex: RegExp): void {
  const copy = new RegExp(regex.source, regex.flags.replace("y", ""));
  const samples = samplesOf(regex.source);
  const starts = new Set(["", literalStart(regex.source)]);
  for (const pump of [...samples, ...samples.flatMap((one) => samples.map((other) => one + other))]) {
    const body = pump.repeat(Math.ceil(chars / pump.length));
    for (const start of starts) {
      const text = `${start}${body}\0\u0001`;
      // Search and replacement look for all places, as the callers do.
      if (copy.global) text.replaceAll(copy, "");
      else copy.test(text);
    }
  }
}

/** A character for each thing that it looks for. */
function samplesOf(source: string): string[] {
  const samples = new Set<string>();
  for (const [, escape, code, brace, plain] of source.matchAll(
    /\\([dwsDWSb])|\\u([0-9a-fA-F]{4})|\\u\{([0-9a-fA-F]+)\}|([^\\^$.*+?()[\]{}|])/g,
  )) {
    if (escape !== undefined) samples.add({ d: "0", w: "a", s: " ", D: "x", W: "-", S: "x", b: " " }[escape] ?? "x");
    else if (code !== undefined) samples.add(String.fromCharCode(Number.parseInt(code, 16)));
    else if (brace !== undefined) samples.add(String.fromCodePoint(Number.parseInt(brace, 16)));
    else if (plain !== undefined) samples.add(plain);
  }
  if (source.includes(".") || source.includes("[^")) samples.add("x");
  if (/\\p\{M/.test(source)) samples.add("\u0301");
  return [...samples].slice(0, 8);
}

/** What it must begin with, as far as that is plain. */
function literalStart(source: string): string {
  return (/^\^?((?:\\\/|[A-Za-z0-9 :=_-])*)/.exec(source)?.[1] ?? "").replaceAll("\\/", "/");
}

/** `pattern: "…"` of schemas, which are compiled with the flag `u`. */
function patternsIn(text: string): RegExp[] {
  return [...text.matchAll(/\bpattern: ("(?:[^"\\\n]|\\.){0,500}")/g)].map(
    ([, literal]) => new RegExp(JSON.parse(literal ?? '""') as string, "u"),
  );
}

/** A reader of just as much of the language as is needed to know a regular expression from a division. */
function literalsIn(text: string): RegExp[] {
  const literals: RegExp[] = [];
  /** Depths of braces at which a template goes on. */
  const templates: number[] = [];
  let depth = 0;
  let before = "";
  const token =
    /\/\/[^\n]*|\/\*[^]*?\*\/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[A-Za-z_$][\w$]*|\d[\w.]*|\s+|\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*|[^]/g;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    let [piece] = match;
    if (/^(?:\s|\/\/|\/\*)/.test(piece)) continue;
    if (piece === "`" || (piece === "}" && templates.at(-1) === depth)) {
      if (piece === "}") templates.pop();
      const part = /(?:[^`\\$]|\\[^]|\$(?!\{))*(?:`|\$\{)/y;
      part.lastIndex = token.lastIndex;
      const end = part.exec(text)?.[0] ?? "`";
      token.lastIndex += end.length;
      if (end.endsWith("${")) templates.push(depth);
      before = end.endsWith("${") ? "(" : "x";
      continue;
    }
    if (piece === "{") depth += 1;
    if (piece === "}") depth -= 1;
    if (piece.startsWith("/") && piece.length > 1) {
      const isValue = /[\w$)\]]$/.test(before) && !/^(?:return|typeof|case|in|of|await|void|yield)$/.test(before);
      if (isValue) {
        token.lastIndex -= piece.length - 1;
        piece = "/";
      } else {
        const end = piece.lastIndexOf("/");
        literals.push(new RegExp(piece.slice(1, end), piece.slice(end + 1)));
        piece = "x";
      }
    }
    before = piece;
  }
  return literals;
}
