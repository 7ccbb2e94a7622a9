/**
 * JSON as lines that cannot lie: a stranger's text may hold characters that turn the order of what follows or that nobody sees, so those are
 * written as escapes, and each value stands in isolation.
 */
export type JsonLine = { indent: number; key: string | null; value: string; kind: "text" | "word" | "bracket"; hasComma: boolean };

/** What turns, hides or breaks a line. Joiners stay: emoji and some scripts need them. */
// Control characters are what this is about.
// oxlint-disable-next-line no-control-regex
const unseen = /[\u0000-\u001f\u007f-\u009f\u061c\u115f\u1160\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb]/g;

export function jsonLines(value: unknown): JsonLine[] {
  return (JSON.stringify(value, null, 2) ?? "null").split("\n").map(lineOf);
}

/** For what is no JSON: line by line, with the same escapes. */
export function textLines(text: string): string[] {
  return text.split("\n").map((line) => visible(line));
}

function visible(text: string): string {
  return text.replaceAll(unseen, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** One line of `JSON.stringify(…, 2)`: spaces, perhaps a key, then a value or a bracket. */
function lineOf(line: string): JsonLine {
  const bare = line.trimStart();
  const indent = line.length - bare.length;
  const end = bare.startsWith('"') ? endOfText(bare) : 0;
  const hasKey = end > 0 && bare.startsWith(": ", end);
  const rest = hasKey ? bare.slice(end + 2) : bare;
  const hasComma = rest.endsWith(",");
  const value = visible(hasComma ? rest.slice(0, -1) : rest);
  const kind = value.startsWith('"') ? "text" : /^[[\]{}]+$/.test(value) ? "bracket" : "word";
  return { indent, key: hasKey ? visible(bare.slice(0, end)) : null, value, kind, hasComma };
}

/** Behind the closing quote of the text that begins here. */
function endOfText(line: string): number {
  for (let at = 1; at < line.length; at += 1) {
    if (line[at] === "\\") at += 1;
    else if (line[at] === '"') return at + 1;
  }
  return line.length;
}
