/**
 * Tolerant readers of Meta's JSON. Each takes whatever stands in a field and gives a clean value or null: numbers may come as strings
 * and the other way round. Nothing here throws, copies deeply or backtracks.
 */
import { cleanText, clipText } from "../../../core/text.ts";
import { limits } from "../../../limits.ts";

export type Wire = { readonly [key: string]: unknown };

const nothing: readonly unknown[] = [];

export function readRecord(value: unknown): Wire | null {
  return isRecord(value) ? value : null;
}

/** The check leaves exactly the plain objects that JSON.parse makes. */
function isRecord(value: unknown): value is Wire {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The list, or an empty one. */
export function readList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : nothing;
}

/** Text of any length. */
export function readText(value: unknown): string | null {
  if (typeof value === "string") return cleanText(value);
  return typeof value === "number" && Number.isFinite(value) ? String(value) : null;
}

/** A name or the like, cut at the limit; null when empty. */
export function readName(value: unknown): string | null {
  const text = readText(value);
  return text === null || text === "" ? null : clipText(text, limits.nameCharsMax);
}

/** A word of Meta's, cut at the limit; null when empty. */
export function readWord(value: unknown): string | null {
  const text = readText(value);
  return text === null || text === "" ? null : clipText(text, limits.wordCharsMax);
}

/** An opaque id. Too long is unusable: cutting it could make two ids one. */
export function readId(value: unknown): string | null {
  if (typeof value !== "string") return null;
  const id = cleanText(value);
  return id !== "" && id.length <= limits.waIdCharsMax ? id : null;
}

/** An id that some senders write as a number. Above 2^53 it has already lost digits. */
export function readLooseId(value: unknown): string | null {
  return readId(typeof value === "number" && Number.isFinite(value) ? String(value) : value);
}

export function readFlag(value: unknown): boolean | null {
  return typeof value === "boolean" ? value : null;
}

export function readNumber(value: unknown): number | null {
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value !== "string" || value.trim() === "") return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

/** An error code: an integer of 32 bits. */
export function readCode(value: unknown): number | null {
  const number = readNumber(value);
  return number !== null && (number | 0) === number ? number | 0 : null;
}

/** Meta's time as milliseconds since 1970: 9–10 digits are seconds, 13 are milliseconds, all else is unusable. */
export function readTimeMs(value: unknown): number | null {
  const text = typeof value === "number" ? String(value) : value;
  if (typeof text !== "string") return null;
  const isSeconds = text.length === 9 || text.length === 10;
  if ((!isSeconds && text.length !== 13) || !isDigits(text)) return null;
  return isSeconds ? Number(text) * 1000 : Number(text);
}

/** A phone as digits only; `+`, spaces and dashes are left out. */
export function readPhone(value: unknown): string | null {
  if (typeof value === "number") return Number.isSafeInteger(value) && value > 0 ? String(value) : null;
  // A phone in its longest writing has a few separators; anything far longer is none and is not worth a copy.
  if (typeof value !== "string" || value.length > 4 * limits.phoneDigitsMax) return null;
  const phone = isDigits(value) ? value : cleanText(value).replaceAll(/[+\s-]/g, "");
  return phone.length <= limits.phoneDigitsMax && isDigits(phone) ? phone : null;
}

/** A business-scoped user id, `US.80214467730951`, or its parent form `US.ENT.…`. */
export function readUserId(value: unknown): string | null {
  if (typeof value !== "string" || value.length > limits.userIdCharsMax) return null;
  return /^[A-Za-z]{2}\.(?:ENT\.)?[A-Za-z0-9]+$/.test(value) ? value : null;
}

function isDigits(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 48 || unit > 57) return false;
  }
  return text.length > 0;
}
