/**
 * Tables that say how our words stand in Meta's bodies, read in both directions: `write` makes the body that Meta takes, `read` takes the
 * body that a client of Meta's API posts. Reading is lenient where clients are (numbers as texts, JSON inside a text, empty optional
 * texts and lists, words in capitals) and strict where leniency would lose something: a key that no table knows is a fault. Whether the
 * values are good is not judged here; `core/outgoing-rules.ts` does, and `Notes` says how Meta calls the field it complains about.
 */
import type { MediaRef } from "../../../contract/outgoing-media.ts";
import { isUuid } from "../../../core/ids.ts";
import { cleanJson } from "../../../core/text.ts";
import { limits } from "../../../limits.ts";
import { readRecord, type Wire } from "./wire.ts";

export type MediaKind = "image" | "video" | "audio" | "document" | "sticker";
/** How Meta finds a file; for one that was uploaded to us its id at Meta must be known by now. */
export type MediaOf = (ref: MediaRef, kind: MediaKind) => { id: string } | { link: string };

export type ParamFault = { field: string; param: string; rule: "missing" | "unknown" | "value"; detail: string };
/** The same place in our words and in Meta's: `content.action.buttons.0.id`, `interactive['action']['buttons'][0]['reply']['id']`. */
export type Place = { field: string; param: string };
/** What reading leaves behind: faults, and Meta's name for each of our fields. */
export type Notes = { faults: ParamFault[]; params: Map<string, string> };

export type Shape = {
  write: (value: unknown, media: MediaOf) => unknown;
  /** Undefined where there is nothing. */
  read: (wire: unknown, at: Place, notes: Notes) => unknown;
  /** Keys that it takes of the object around it, where it has no key of its own. */
  keys?: readonly string[];
};

export const text: Shape = {
  write: (value) => value,
  read(wire, at, notes) {
    if (wire === null || wire === undefined || wire === "") return undefined;
    if (typeof wire === "string") return wire;
    if (typeof wire === "number" && Number.isFinite(wire)) return String(wire);
    return misfit("must be a string", at, notes);
  },
};

/** Empty is a value. */
export const textOrNothing: Shape = {
  write: (value) => value,
  read: (wire, at, notes) => (wire === "" || wire === null || wire === undefined ? "" : text.read(wire, at, notes)),
};

export const number: Shape = {
  write: (value) => value,
  read(wire, at, notes) {
    if (wire === null || wire === undefined || wire === "") return undefined;
    const value = typeof wire === "string" && wire.trim() !== "" ? Number(wire) : wire;
    return typeof value === "number" && Number.isFinite(value) ? value : misfit("must be a number", at, notes);
  },
};

/** A number that Meta wants as a text. */
export const numberAsText: Shape = { write: (value) => String(value), read: number.read };

export const flag: Shape = {
  write: (value) => value,
  read(wire, at, notes) {
    if (wire === null || wire === undefined) return undefined;
    if (typeof wire === "boolean") return wire;
    if (wire === "true" || wire === "false") return wire === "true";
    return misfit("must be a boolean", at, notes);
  },
};

/** The caller's own JSON, as it is. */
export const json: Shape = {
  write: (value) => value,
  read: (wire) => (wire === undefined ? undefined : cleanJson(wire, limits.jsonDepthMax + 1)),
};

/** `id` or `link` of the object around it. An id of our form is ours; Meta's are digits. */
export function media(kind: MediaKind): Shape {
  return {
    keys: ["id", "link"],
    write: (value, mediaOf) => mediaOf(value as MediaRef, kind), // The check of the content left nothing else.
    read(wire, at, notes) {
      const found = readRecord(wire) ?? {};
      const id = text.read(found["id"], below(at, "id", "id"), notes);
      const link = text.read(found["link"], below(at, "link", "link"), notes);
      notes.params.set(at.field, at.param);
      if (typeof id === "string" && typeof link === "string") return misfit("must have an id or a link, not both", at, notes);
      if (typeof link === "string") return { link };
      if (typeof id === "string") return isUuid(id.toLowerCase()) ? { mediaId: id.toLowerCase() } : { waMediaId: id };
      notes.faults.push({ ...at, rule: "missing", detail: "must have an id or a link" });
      return undefined;
    },
  };
}

/** A list of one shape; an empty one is none. `position` is a key in which Meta wants each element's number. */
export function list(item: Shape, { position }: { position?: string } = {}): Shape {
  return {
    write: (value, mediaOf) =>
      listOf(value).map((one, index) => {
        const wire = item.write(one, mediaOf);
        return position === undefined ? wire : { [position]: index, ...readRecord(wire) };
      }),
    read(wire, at, notes) {
      const found = unpacked(wire);
      if (found === null || found === undefined) return undefined;
      if (!Array.isArray(found)) return misfit("must be an array", at, notes);
      const items = position === undefined ? found : found.toSorted((a, b) => numberAt(a, position) - numberAt(b, position));
      if (items.length === 0) return undefined;
      return items.map((one, index) => {
        const place = { field: `${at.field}.${index}`, param: `${at.param}[${index}]` };
        notes.params.set(place.field, place.param);
        const { [position ?? ""]: _, ...rest } = readRecord(one) ?? {};
        // An element must stay where it is, so that the fault is told of it.
        return item.read(position === undefined || readRecord(one) === null ? one : rest, place, notes) ?? null;
      });
    },
  };
}

export type Table = {
  /** Our name → where it stands at Meta, a path of keys joined by dots ("" for a shape with `keys`), and as what. */
  fields: Readonly<Record<string, readonly [path: string, shape: Shape]>>;
  /** What we add in our words, to tell alternatives apart. */
  ours?: Readonly<Record<string, string>>;
  /** What Meta wants to stand there: path → word. May be missing in what is read, but may not differ. */
  constants?: Readonly<Record<string, string>>;
  /** Paths that clients send and that say nothing. */
  ignored?: readonly string[];
};

export function record({ fields, ours = {}, constants = {}, ignored = [] }: Table): Shape {
  const known = knownKeys([...Object.values(fields).flatMap(pathsOf), ...Object.keys(constants), ...ignored]);
  return {
    write(value, mediaOf) {
      const given = readRecord(value) ?? {};
      const wire: { [key: string]: unknown } = {};
      for (const [path, word] of Object.entries(constants)) put(wire, path, word);
      for (const [name, [path, shape]] of Object.entries(fields)) {
        if (given[name] !== undefined) put(wire, path, shape.write(given[name], mediaOf));
      }
      return wire;
    },
    read(wire, at, notes) {
      const found = unpacked(wire);
      if (found === null || found === undefined) return undefined;
      const root = readRecord(found);
      if (root === null) return misfit("must be an object", at, notes);
      noteStrangers(root, known, at, notes);
      for (const [path, word] of Object.entries(constants)) noteConstant(root, path, { word, at }, notes);
      const value: { [key: string]: unknown } = { ...ours };
      for (const [name, [path, shape]] of Object.entries(fields)) {
        const place = below(at, name, path);
        notes.params.set(place.field, place.param);
        const one = shape.read(path === "" ? root : pick(root, path), place, notes);
        if (one !== undefined) value[name] = one;
      }
      return value;
    },
  };
}

/** One of several tables; `ours` finds it by our value, `theirs` by Meta's object. */
export function choice(
  shapes: Readonly<Record<string, Shape>>,
  { ours, theirs, key }: { ours: (value: Wire) => unknown; theirs: (wire: Wire) => unknown; key: string },
): Shape {
  return {
    write(value, mediaOf) {
      const word = ours(readRecord(value) ?? {});
      return (typeof word === "string" ? shapes[word] : undefined)?.write(value, mediaOf);
    },
    read(wire, at, notes) {
      const found = unpacked(wire);
      if (found === null || found === undefined) return undefined;
      const root = readRecord(found);
      if (root === null) return misfit("must be an object", at, notes);
      const word = wordOf(theirs(root));
      const shape = word !== null && Object.hasOwn(shapes, word) ? shapes[word] : undefined;
      if (shape !== undefined) return shape.read(root, at, notes);
      const param = `${at.param}['${key}']`;
      const given = word === null ? "" : ` - got "${word.slice(0, limits.wordCharsMax)}"`;
      const detail = `must be one of {${Object.keys(shapes).join(", ").toUpperCase()}}${given}`;
      notes.faults.push({ field: at.field, param, rule: word === null ? "missing" : "value", detail });
      return undefined;
    },
  };
}

/** A table of one field, where ours is the bare value. */
export function boxed(path: string, shape: Shape, constants: Readonly<Record<string, string>> = {}): Shape {
  const table = record({ fields: { only: [path, shape] }, constants });
  return {
    write: (value, mediaOf) => table.write({ only: value }, mediaOf),
    read: (wire, at, notes) => readRecord(table.read(wire, at, notes))?.["only"],
  };
}

/** Meta's words are compared in small letters: clients write BODY as well as body. */
export function wordOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value.toLowerCase() : null;
}

/** Meta takes JSON as a text wherever it takes an object or a list; `whatsapp-api-js` sends contacts so. */
export function unpacked(wire: unknown): unknown {
  if (typeof wire !== "string" || !/^\s*[[{]/.test(wire)) return wire;
  try {
    return JSON.parse(wire);
  } catch {
    return wire;
  }
}

function below(at: Place, name: string, path: string): Place {
  const keys = path === "" ? [] : path.split(".");
  return { field: `${at.field}.${name}`, param: at.param + keys.map((key) => `['${key}']`).join("") };
}

function misfit(detail: string, at: Place, notes: Notes): undefined {
  notes.faults.push({ ...at, rule: "value", detail });
  return undefined;
}

/** Which keys may stand in the object itself ("") and in each object below it that a path goes through. */
function knownKeys(paths: readonly string[]): ReadonlyMap<string, ReadonlySet<string>> {
  const known = new Map<string, Set<string>>();
  for (const path of paths) {
    const keys = path.split(".");
    keys.forEach((key, depth) => {
      const prefix = keys.slice(0, depth).join(".");
      known.set(prefix, (known.get(prefix) ?? new Set()).add(key));
    });
  }
  return known;
}

function pathsOf([path, shape]: readonly [string, Shape]): readonly string[] {
  return path === "" ? (shape.keys ?? []) : [path, ...(shape.keys ?? []).map((key) => `${path}.${key}`)];
}

function noteStrangers(root: Wire, known: ReadonlyMap<string, ReadonlySet<string>>, at: Place, notes: Notes): void {
  for (const [prefix, keys] of known) {
    const holder = prefix === "" ? root : readRecord(pick(root, prefix));
    for (const key of Object.keys(holder ?? {})) {
      if (keys.has(key)) continue;
      const param = below(at, "", prefix).param;
      const detail = `Unexpected key "${key.slice(0, limits.wordCharsMax)}" on param "${param}".`;
      notes.faults.push({ field: at.field, param, rule: "unknown", detail });
    }
  }
}

function noteConstant(root: Wire, path: string, { word, at }: { word: string; at: Place }, notes: Notes): void {
  const given = pick(root, path);
  if (given === undefined || given === null) return;
  if ((typeof given === "string" || typeof given === "number") && String(given).toLowerCase() === word) return;
  notes.faults.push({ ...at, param: below(at, "", path).param, rule: "value", detail: `must be "${word}"` });
}

function pick(root: Wire, path: string): unknown {
  return path.split(".").reduce<unknown>((holder, key) => {
    const wire = readRecord(unpacked(holder));
    return wire !== null && Object.hasOwn(wire, key) ? wire[key] : undefined;
  }, root);
}

/** At the path "" the keys of the value go into the object itself. */
function put(wire: { [key: string]: unknown }, path: string, value: unknown): void {
  const keys = path === "" ? [] : path.split(".");
  const last = keys.pop();
  let holder = wire;
  for (const key of keys) {
    const next: { [key: string]: unknown } = { ...readRecord(holder[key]) };
    holder[key] = next;
    holder = next;
  }
  if (last === undefined) Object.assign(holder, value);
  else holder[last] = value;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function numberAt(value: unknown, key: string): number {
  const found = Number(readRecord(value)?.[key] ?? 0);
  return Number.isFinite(found) ? found : 0;
}
