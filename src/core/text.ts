/**
 * Cleaning of what strangers sent, before it meets PostgreSQL: text and jsonb refuse U+0000, and unpaired surrogates have no UTF-8.
 * Every walk is bounded by a depth, so no nesting can overflow the stack (JSON.parse takes depth 200,000, JSON.stringify does not).
 */

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

/** Without U+0000, unpaired surrogates replaced by U+FFFD. Costs next to nothing when there is nothing to clean. */
export function cleanText(text: string): string {
  const wellFormed = text.toWellFormed();
  return wellFormed.includes("\0") ? wellFormed.replaceAll("\0", "") : wellFormed;
}

/** The first `charsMax` UTF-16 units, one less where that would split a surrogate pair. */
export function clipText(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text;
  const last = text.charCodeAt(charsMax - 1);
  const splitsPair = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, splitsPair ? charsMax - 1 : charsMax);
}

/**
 * A fresh copy with clean keys and strings. Containers below `depthMax` levels become null, and so do numbers that JSON cannot hold.
 * A key `__proto__` is left out: a later `Object.assign` would turn it into a prototype.
 */
export function cleanJson(value: unknown, depthMax: number): JsonValue {
  if (typeof value === "string") return cleanText(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value === "boolean") return value;
  if (typeof value !== "object" || value === null || depthMax <= 0) return null;
  return Array.isArray(value) ? value.map((item) => cleanJson(item, depthMax - 1)) : cleanObject(value, depthMax);
}

function cleanObject(value: object, depthMax: number): { [key: string]: JsonValue } {
  const copy: { [key: string]: JsonValue } = {};
  for (const [key, item] of Object.entries(value)) {
    const name = cleanText(key);
    if (name !== "__proto__") copy[name] = cleanJson(item, depthMax - 1);
  }
  return copy;
}

/** Whether containers nest more than `depthMax` levels; a bare scalar is level 0. Looks no deeper than that. */
export function isDeeperThan(value: unknown, depthMax: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (depthMax <= 0) return true;
  for (const item of Object.values(value)) {
    if (typeof item === "object" && item !== null && isDeeperThan(item, depthMax - 1)) return true;
  }
  return false;
}

/**
 * Compact JSON as text: well-formed and without a raw U+0000, since JSON.stringify escapes both (the escapes stay: fit for a text
 * column, not for jsonb). What is deeper than `depthMax` is cut.
 */
export function jsonText(value: unknown, depthMax: number): string {
  return JSON.stringify(isDeeperThan(value, depthMax) ? cleanJson(value, depthMax) : (value ?? null));
}
