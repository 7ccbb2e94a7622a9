/** Meta's error objects, which look alike on values, messages, statuses and calls. */
import type { ContentError } from "../content.ts";
import { readCode, readList, readRecord, readText, type Wire } from "../wire.ts";

export function readErrors(value: unknown): ContentError[] {
  return readList(value).map((item) => readError(readRecord(item) ?? {}));
}

/** Older payloads have `details` beside the code, newer ones in `error_data`; `message` repeats the title or says more. */
export function readError(wire: Wire): ContentError {
  const message = readText(wire["message"]);
  const title = readText(wire["title"]) ?? message;
  const details = readText(readRecord(wire["error_data"])?.["details"]) ?? readText(wire["details"]);
  return { code: readCode(wire["code"]), title, details: details ?? (message === title ? null : message) };
}

/** Code of the first error that has one. */
export function firstCode(value: unknown): number | null {
  for (const item of readList(value)) {
    const code = readCode(readRecord(item)?.["code"]);
    if (code !== null) return code;
  }
  return null;
}
