/**
 * What stands where something of an erased person stood. In a webhook's body it takes the place of the update, so that the others keep
 * theirs: an update is known by its ordinal in the body.
 */
import type { JsonValue } from "./text.ts";

export const erased: { readonly kesher: "erased" } = { kesher: "erased" };

/** `field` is kept where an update is a whole change, since Meta's field says which kind of change it was. */
export function isErased(value: unknown): boolean {
  return isFields(value) && value["kesher"] === "erased";
}

export type Scrubbed = { value: JsonValue; hits: number };

/**
 * A copy without anybody whom `isNamed` knows: each of the smallest objects of which a value names them goes, out of its list or replaced
 * by `erased`. Deeper than `depthMax` nothing is left. A value that names nobody comes back as it is, in meaning.
 */
export function scrub(value: unknown, isNamed: (leaf: string) => boolean, depthMax: number): Scrubbed {
  if (typeof value === "string") return { value, hits: 0 };
  if (typeof value === "number" || typeof value === "boolean") return { value, hits: 0 };
  if (typeof value !== "object" || value === null || depthMax <= 0) return { value: null, hits: 0 };
  return Array.isArray(value) ? scrubList(value, isNamed, depthMax) : scrubObject(value, isNamed, depthMax);
}

/** All values that may be names. */
export function* leavesOf(value: unknown, depthMax: number): Generator<string> {
  if (typeof value === "string") yield value;
  else if (typeof value === "number") yield String(value);
  else if (typeof value === "object" && value !== null && depthMax > 0) {
    for (const item of Object.values(value)) yield* leavesOf(item, depthMax - 1);
  }
}

function scrubList(list: readonly unknown[], isNamed: (leaf: string) => boolean, depthMax: number): Scrubbed {
  let hits = 0;
  const kept: JsonValue[] = [];
  for (const item of list) {
    const inside = isLeaf(item) ? { value: item, hits: isNamed(String(item)) ? 1 : 0 } : scrub(item, isNamed, depthMax - 1);
    hits += inside.hits;
    if (!(inside.hits > 0 && (isLeaf(item) || isErased(inside.value)))) kept.push(inside.value);
  }
  return { value: kept, hits };
}

function scrubObject(fields: object, isNamed: (leaf: string) => boolean, depthMax: number): Scrubbed {
  for (const item of Object.values(fields)) {
    if (isLeaf(item) && isNamed(String(item))) return { value: { ...erased }, hits: 1 };
  }
  let hits = 0;
  const copy: { [key: string]: JsonValue } = {};
  for (const [key, item] of Object.entries(fields)) {
    if (key === "__proto__") continue;
    const inside = scrub(item, isNamed, depthMax - 1);
    hits += inside.hits;
    copy[key] = inside.value;
  }
  return { value: copy, hits };
}

function isLeaf(value: unknown): value is string | number {
  return typeof value === "string" || typeof value === "number";
}

function isFields(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
