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

/** Takes no place on the screen, or turns the direction of what follows it: a name that holds it looks like another one. */
const hidden =
  // oxlint-disable-next-line no-control-regex, no-misleading-character-class -- these are the ones to be removed
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu;
/** They join emoji and part Persian words; elsewhere they only hide. */
const joinerRun = /([\u200c\u200d])[\u200c\u200d]+/g;
const idleJoiner = /(?<=^|[\s!-~])[\u200c\u200d]|[\u200c\u200d](?=$|[\s!-~])/g;
/** A Hebrew letter with points and an accent has five. */
export const markFlood = /(\p{M}{6})\p{M}+/gu;

/**
 * A name as it may be shown anywhere: people's, tenants', keys', labels', customers'. One line, without control characters, marks of direction,
 * invisible characters and floods of combining marks; '' when nothing is left. Not for what people say: that is shown as it is, isolated.
 */
export function cleanName(text: string): string {
  return (
    text
      .toWellFormed()
      .normalize("NFC")
      .replaceAll(/\s+/g, " ")
      .replaceAll(hidden, "")
      .replaceAll(joinerRun, "$1")
      .replaceAll(idleJoiner, "")
      // What was parted by something hidden belongs together now.
      .normalize("NFC")
      .replaceAll(markFlood, "$1")
      .replaceAll(/ {2,}/g, " ")
      .trim()
  );
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
