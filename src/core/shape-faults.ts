/**
 * What is wrong with a value by a schema of the contract, said to people: the field, what was given, what the limit is. Knows as much of
 * JSON Schema as the schemas of what is sent use. Where a schema has alternatives, one is chosen by the fields that tell them apart
 * (`type`, `subtype`, or which key is there), so that the fault is told of what was meant and not of everything it might have been.
 * Lengths are counted in code points.
 */
import { limits } from "../limits.ts";
import { isUuid } from "./ids.ts";
import { cleanJson, isDeeperThan } from "./text.ts";

export type ShapeFault = {
  /** Where: names and numbers from 0, joined by dots. */
  field: string;
  detail: string;
  rule: "missing" | "unknown" | "length" | "value";
};

type Fields = Readonly<Record<string, unknown>>;

/** Empty when the value fits. At most `limits.contentFaultsMax`, and what is deeper than a fault is not looked at. */
export function shapeFaults(schema: unknown, value: unknown, field: string): ShapeFault[] {
  const faults: ShapeFault[] = [];
  look(recordOf(schema), value, field, faults);
  return faults.slice(0, limits.contentFaultsMax);
}

function look(schema: Fields, value: unknown, field: string, faults: ShapeFault[]): void {
  if (faults.length >= limits.contentFaultsMax) return;
  if (Array.isArray(schema["anyOf"])) return lookAtAlternatives(schema, value, field, faults);
  switch (schema["type"]) {
    case "object":
      return isRecord(value) ? lookAtFields(schema, value, field, faults) : wrongType("an object", value, field, faults);
    case "array":
      return Array.isArray(value) ? lookAtItems(schema, value, field, faults) : wrongType("a list", value, field, faults);
    case "string":
      return typeof value === "string" ? lookAtText(schema, value, field, faults) : wrongType("a text", value, field, faults);
    case "number":
    case "integer":
      return typeof value === "number" ? lookAtNumber(schema, value, field, faults) : wrongType("a number", value, field, faults);
    case "boolean":
      return typeof value === "boolean" ? undefined : wrongType("true or false", value, field, faults);
    default:
      return lookAtAnything(value, field, faults);
  }
}

function lookAtFields(schema: Fields, value: Fields, field: string, faults: ShapeFault[]): void {
  const properties = recordOf(schema["properties"]);
  const required: readonly unknown[] = Array.isArray(schema["required"]) ? schema["required"] : [];
  for (const [name, property] of Object.entries(properties)) {
    const given = Object.hasOwn(value, name) ? value[name] : undefined;
    if (given !== undefined) look(recordOf(property), given, `${field}.${name}`, faults);
    else if (required.includes(name)) faults.push({ field: `${field}.${name}`, detail: "is missing", rule: "missing" });
  }
  for (const name of Object.keys(value)) {
    if (faults.length >= limits.contentFaultsMax) return;
    if (!Object.hasOwn(properties, name)) faults.push({ field: `${field}.${shown(name)}`, detail: "is not known here", rule: "unknown" });
  }
}

/** Too long a list is told of the first element that is too much, and its elements are not looked at. */
function lookAtItems(schema: Fields, value: readonly unknown[], field: string, faults: ShapeFault[]): void {
  const { minItems, maxItems, items } = schema;
  const noun = field.slice(field.lastIndexOf(".") + 1);
  if (typeof maxItems === "number" && value.length > maxItems) {
    faults.push({ field: `${field}.${maxItems}`, detail: `at most ${maxItems} ${noun}, ${value.length} were given`, rule: "value" });
  } else if (typeof minItems === "number" && value.length < minItems) {
    faults.push({ field, detail: `at least ${minItems} ${noun}, ${value.length} were given`, rule: "value" });
  } else {
    value.forEach((item, index) => look(recordOf(items), item, `${field}.${index}`, faults));
  }
}

function lookAtText(schema: Fields, value: string, field: string, faults: ShapeFault[]): void {
  const tell = (detail: string, rule: ShapeFault["rule"] = "value") => void faults.push({ field, detail, rule });
  const { minLength, maxLength, pattern, format, description } = schema;
  if (typeof maxLength === "number" && value.length > maxLength && lengthOf(value) > maxLength) {
    return tell(`is ${lengthOf(value)} characters long, at most ${maxLength} are taken`, "length");
  }
  if (typeof minLength === "number" && value.length < minLength) return tell("may not be empty", "length");
  if (value.includes("\0") || !value.isWellFormed()) return tell("has a character that cannot be stored: U+0000 or half of a pair");
  const words = wordsOf(schema);
  if (words !== null && !words.includes(value)) return tell(`must be ${listed(words)}, not ${shown(value)}`);
  if (format === "uuid" && !isUuid(value.toLowerCase())) return tell("is not an id of ours (a UUID)");
  if (typeof pattern === "string" && !new RegExp(pattern, "u").test(value)) {
    tell(typeof description === "string" ? `does not fit: ${description}` : `does not match ${pattern}`);
  }
}

function lookAtNumber(schema: Fields, value: number, field: string, faults: ShapeFault[]): void {
  const tell = (detail: string) => void faults.push({ field, detail, rule: "value" });
  const { minimum, maximum } = schema;
  if (!Number.isFinite(value)) return tell("is not a number");
  if (schema["type"] === "integer" && !Number.isInteger(value)) return tell(`must be a whole number, not ${value}`);
  if (typeof minimum === "number" && value < minimum) return tell(`is ${value}, at least ${minimum} is taken`);
  if (typeof maximum === "number" && value > maximum) return tell(`is ${value}, at most ${maximum} is taken`);
}

/** JSON of the caller's own: only what PostgreSQL would refuse is told. */
function lookAtAnything(value: unknown, field: string, faults: ShapeFault[]): void {
  if (isDeeperThan(value, limits.jsonDepthMax)) {
    faults.push({ field, detail: `nests more than ${limits.jsonDepthMax} levels`, rule: "value" });
  } else if (JSON.stringify(cleanJson(value, limits.jsonDepthMax)) !== JSON.stringify(value)) {
    faults.push({ field, detail: "has a character or a key that cannot be stored", rule: "value" });
  }
}

function lookAtAlternatives(schema: Fields, value: unknown, field: string, faults: ShapeFault[]): void {
  if (!isRecord(value)) return wrongType("an object", value, field, faults);
  let candidates = alternatives(schema);
  for (let name = teller(candidates, []); name !== null; name = teller(candidates, [name])) {
    const key = name;
    const words = [...new Set(candidates.flatMap((candidate) => constOf(candidate, key) ?? []))];
    const given = value[key];
    if (given === undefined) return void faults.push({ field: `${field}.${key}`, detail: "is missing", rule: "missing" });
    candidates = candidates.filter((candidate) => constOf(candidate, key) === given);
    const [only, ...others] = candidates;
    if (only === undefined) {
      const detail = `must be ${listed(words)}, not ${typeof given === "string" ? shown(given) : nameOf(given)}`;
      return void faults.push({ field: `${field}.${key}`, detail, rule: "value" });
    }
    if (others.length === 0) return look(only, value, field, faults);
  }
  lookAtKeys(candidates, value, field, faults);
}

/** The name of a field by which the alternatives can be told apart. */
function teller(candidates: readonly Fields[], but: readonly string[]): string | null {
  const [first] = candidates;
  const names = Object.keys(recordOf(first?.["properties"])).filter((name) => constOf(first, name) !== null && !but.includes(name));
  return names[0] ?? null;
}

/** Alternatives that are told apart by which of their keys is there. */
function lookAtKeys(candidates: readonly Fields[], value: Fields, field: string, faults: ShapeFault[]): void {
  const keys = candidates.map((candidate) => Object.keys(recordOf(candidate["properties"]))[0] ?? "");
  const given = candidates.filter((_, index) => value[keys[index] ?? ""] !== undefined);
  const [only, ...others] = given;
  if (only !== undefined && others.length === 0) return look(only, value, field, faults);
  faults.push({ field, detail: `must have exactly one of ${keys.join(", ")}`, rule: only === undefined ? "missing" : "value" });
}

/** Flat, also where an alternative is a choice itself. A choice goes on being told by `type`, then by `subtype`. */
function alternatives(schema: Fields): Fields[] {
  const found = Array.isArray(schema["anyOf"]) ? schema["anyOf"] : [];
  return found.flatMap((one: unknown) => (Array.isArray(recordOf(one)["anyOf"]) ? alternatives(recordOf(one)) : [recordOf(one)]));
}

function constOf(schema: Fields | undefined, name: string): string | null {
  const word = recordOf(recordOf(schema?.["properties"])[name])["const"];
  return typeof word === "string" ? word : null;
}

function wordsOf(schema: Fields): readonly string[] | null {
  if (typeof schema["const"] === "string") return [schema["const"]];
  return Array.isArray(schema["enum"]) ? schema["enum"].filter((word) => typeof word === "string") : null;
}

function wrongType(wanted: string, value: unknown, field: string, faults: ShapeFault[]): void {
  faults.push({ field, detail: `must be ${wanted}, not ${nameOf(value)}`, rule: "value" });
}

function nameOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "string") return "a text";
  if (typeof value === "object") return "an object";
  return typeof value === "boolean" ? "true or false" : `a ${typeof value}`;
}

function listed(words: readonly string[]): string {
  return words.length === 1 ? (words[0] ?? "") : `one of ${words.join(", ")}`;
}

/** What a stranger wrote, short enough for a sentence. */
function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text).slice(1, -1);
}

function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length++;
  return length;
}

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function recordOf(value: unknown): Fields {
  return isRecord(value) ? value : {};
}
