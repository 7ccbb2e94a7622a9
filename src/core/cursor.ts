/** Cursors of lists: opaque to the caller, in truth the sort key of the last row. */
import { isUuid } from "./ids.ts";
import { invalidRequest } from "./rejection.ts";

export type CursorPart = "number" | "text" | "number?";
type PartOf<Part extends CursorPart> = Part extends "number" ? number : Part extends "text" ? string : number | null;

export function encodeCursor(key: readonly (string | number | null)[]): string {
  return Buffer.from(JSON.stringify(key), "utf8").toString("base64url");
}

/** Throws a Rejection when the text is not a cursor of this list. */
export function decodeCursor<const Parts extends readonly CursorPart[]>(
  text: string,
  parts: Parts,
): { -readonly [Index in keyof Parts]: PartOf<Parts[Index]> } {
  const key = parse(Buffer.from(text, "base64url").toString("utf8"));
  if (!Array.isArray(key) || key.length !== parts.length || !parts.every((part, index) => fits(key[index], part))) {
    throw invalidRequest("`after` is not a cursor of this list");
  }
  // Each part was checked in the line above.
  return key as { -readonly [Index in keyof Parts]: PartOf<Parts[Index]> };
}

function fits(value: unknown, part: CursorPart): boolean {
  if (part === "text") return typeof value === "string";
  return Number.isSafeInteger(value) || (part === "number?" && value === null);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Greater than every id: where a list that goes downwards begins. */
export const lastId = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** For lists whose key is the id alone, newest first. */
export function decodeIdCursor(text: string | undefined): string {
  if (text === undefined) return lastId;
  const [id] = decodeCursor(text, ["text"]);
  if (!isUuid(id)) throw invalidRequest("`after` is not a cursor of this list");
  return id;
}

/** Null when the page is not full: nothing can follow. */
export function nextIdCursor(rows: readonly { readonly id: string }[], limit: number): string | null {
  const last = rows.at(-1);
  return last === undefined || rows.length < limit ? null : encodeCursor([last.id]);
}
