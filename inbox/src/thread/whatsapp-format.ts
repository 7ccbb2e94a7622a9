/**
 * WhatsApp's own formatting, as its clients read it: *bold*, _italic_, ~struck~, `code`, ``` for a block, and lines that begin with `> `, `* `, `- `
 * or `1. `. The outcome is data; who shows it makes text nodes of it.
 */
import { safeHref } from "../ui/plain.ts";

export type Inline =
  | { kind: "text" | "code"; text: string }
  | { kind: "link"; text: string; href: string }
  | { kind: "bold" | "italic" | "struck"; parts: Inline[] };
export type Block =
  | { kind: "line" | "quote"; parts: Inline[] }
  | { kind: "item"; marker: string; parts: Inline[] }
  | { kind: "code"; text: string };

const depthMax = 3;
const styles = { "*": "bold", _: "italic", "~": "struck" } as const;
const fence = "```";
const link = /https?:\/\/[^\s<>"'`]+|www\.[^\s<>"'`]+/giu;
const wordLetter = /[\p{L}\p{N}]/u;

export function parseWhatsApp(text: string): Block[] {
  // Every second piece stands between fences, if there is a closing one.
  const pieces = text.split(fence);
  return pieces.flatMap((piece, index): Block[] => {
    const isCode = index % 2 === 1;
    if (isCode && index < pieces.length - 1) return piece.trim() === "" ? [] : [{ kind: "code", text: piece.replace(/^\n/, "").trimEnd() }];
    const own = isCode ? fence + piece : piece;
    if (own === "") return [];
    // The line break beside a block is the block's.
    const lines = own.split("\n");
    if (index > 0 && !isCode && lines[0]?.trim() === "") lines.shift();
    if (index < pieces.length - 2 && lines.at(-1)?.trim() === "") lines.pop();
    return lines.map(parseLine);
  });
}

function parseLine(line: string): Block {
  if (line.startsWith("> ")) return { kind: "quote", parts: parseInline(line.slice(2), 0) };
  if (/^[*-] /.test(line)) return { kind: "item", marker: "•", parts: parseInline(line.slice(2), 0) };
  const numbered = /^(\d{1,3})\. /.exec(line);
  if (numbered !== null) return { kind: "item", marker: `${numbered[1]}.`, parts: parseInline(line.slice(numbered[0].length), 0) };
  return { kind: "line", parts: parseInline(line, 0) };
}

function parseInline(text: string, depth: number): Inline[] {
  const parts: Inline[] = [];
  let plainFrom = 0;
  for (let at = 0; at < text.length; at += 1) {
    const mark = text[at];
    if (mark !== "*" && mark !== "_" && mark !== "~" && mark !== "`") continue;
    const end = depth >= depthMax ? -1 : closing(text, at, mark);
    if (end === -1) continue;
    parts.push(...withLinks(text.slice(plainFrom, at)));
    const inner = text.slice(at + 1, end);
    parts.push(mark === "`" ? { kind: "code", text: inner } : { kind: styles[mark], parts: parseInline(inner, depth + 1) });
    at = end;
    plainFrom = end + 1;
  }
  parts.push(...withLinks(text.slice(plainFrom)));
  return parts;
}

/** Where the mark that opens at `at` closes; -1 when it is only a letter. Both stand at the edge of words. */
function closing(text: string, at: number, mark: string): number {
  const [before = " ", after = " "] = [text[at - 1], text[at + 1]];
  if (wordLetter.test(before) || after.trim() === "" || after === mark) return -1;
  for (let end = text.indexOf(mark, at + 2); end !== -1; end = text.indexOf(mark, end + 1)) {
    const isOpenWord = wordLetter.test(text[end + 1] ?? " ");
    if ((text[end - 1] ?? " ").trim() !== "" && !isOpenWord) return end;
  }
  return -1;
}

function withLinks(text: string): Inline[] {
  if (text === "") return [];
  const parts: Inline[] = [];
  let from = 0;
  for (const found of text.matchAll(link)) {
    const shown = withoutEnd(found[0]);
    const href = safeHref(shown.startsWith("www.") ? `https://${shown}` : shown);
    if (href === null) continue;
    if (found.index > from) parts.push({ kind: "text", text: text.slice(from, found.index) });
    parts.push({ kind: "link", text: shown, href });
    from = found.index + shown.length;
  }
  if (from < text.length) parts.push({ kind: "text", text: text.slice(from) });
  return parts;
}

/** The full stop after an address belongs to the sentence. */
function withoutEnd(address: string): string {
  let end = address.length;
  while (end > 0 && ".,;:!?)]}…״\"'".includes(address[end - 1] ?? "")) end -= 1;
  return address.slice(0, end);
}

const onlyEmoji = /^(?:\p{Extended_Pictographic}|\p{Regional_Indicator}|\p{Emoji_Modifier}|\u200d|\ufe0f|\u20e3|\s)+$/u;

/** One to three emoji and nothing else are shown large. */
export function isFewEmoji(text: string): boolean {
  const trimmed = text.trim();
  if (trimmed === "" || trimmed.length > 40 || !onlyEmoji.test(trimmed)) return false;
  return [...new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(trimmed.replaceAll(/\s/g, ""))].length <= 3;
}
