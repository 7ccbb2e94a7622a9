/** What can be found of a message: what people wrote or read in it. Content comes from storage, so nothing about its shape is taken for granted. */
import { clipText } from "./text.ts";

/** Fields that hold words, of whatever kind of message; the order is that of reading. */
const wordy = ["body", "caption", "filename", "title", "description", "text", "name", "address", "org", "footer", "header"] as const;
/** More of one message is not indexed: a message of WhatsApp has 4,096 characters, a template's parameters may have more. */
const charsMax = 16_384;
const depthMax = 8;

/** Lines, each of one field. Empty for what says nothing. */
export function searchableText(content: unknown): string {
  const lines: string[] = [];
  collect(content, lines, depthMax);
  return clipText(lines.join("\n"), charsMax);
}

function collect(value: unknown, lines: string[], depth: number): void {
  if (!isRecord(value) || depth === 0) return;
  for (const field of wordy) {
    const words = value[field];
    if (typeof words === "string" && words !== "") lines.push(words);
    else collect(words, lines, depth - 1);
  }
  // Shared cards, buttons and rows of what we sent, and the parameters of a template whose text is not known.
  for (const field of ["contacts", "action", "sections", "rows", "buttons", "reply", "phones"]) collectEach(value[field], lines, depth - 1);
  if (typeof value["phone"] === "string") lines.push(value["phone"]);
  if (value["kind"] === "template" && typeof value["body"] !== "string") collectParameters(value["parameters"], lines, depth - 1);
}

function collectEach(value: unknown, lines: string[], depth: number): void {
  if (!Array.isArray(value)) return collect(value, lines, depth);
  for (const item of value) collect(item, lines, depth);
}

/** Named or numbered, in components or without: whatever text is in them. */
function collectParameters(value: unknown, lines: string[], depth: number): void {
  if (depth === 0) return;
  if (Array.isArray(value)) for (const item of value) collectParameters(item, lines, depth - 1);
  else if (isRecord(value)) {
    for (const item of Object.values(value)) collectParameters(item, lines, depth - 1);
    if (typeof value["text"] === "string") lines.push(value["text"]);
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
