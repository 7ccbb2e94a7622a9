/** Random contents of a schema of the contract, so that every kind and field that can be sent is met. */
import fc from "fast-check";
import { OutgoingContent } from "../../src/contract/outgoing.ts";
import { checkOutgoing } from "../../src/core/outgoing-rules.ts";

type Schema = { readonly [key: string]: unknown };

const patterns: ReadonlyMap<string, fc.Arbitrary<string>> = new Map([
  ["^https://[^\\s\\u0000]+$", fc.webUrl({ validSchemes: ["https"] })],
  ["^[A-Z]{3}$", fc.constantFrom("ILS", "EUR")],
  ["^[0-9]{4}-[0-9]{2}-[0-9]{2}$", fc.constantFrom("1990-01-31")],
  ["^[^\\s\\u0000]*$", fc.constantFrom("", "👍", "👩‍👩‍👧", "❤️")],
  ["^[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8}){0,2}$", fc.constantFrom("en_US", "he", "zh_CN", "fil")],
]);

/** By the names of the kind: `type`, and of interactive ones `interactive.subtype`. */
export const contentByKind: ReadonlyMap<string, fc.Arbitrary<OutgoingContent>> = new Map(
  alternatives(OutgoingContent as unknown as Schema).map((schema) => [kindOf(schema), anyOf(schema).filter(isGood)]),
);

export const anyContent: fc.Arbitrary<OutgoingContent> = fc.oneof(...contentByKind.values());

function isGood(value: unknown): value is OutgoingContent {
  return checkOutgoing(value).length === 0;
}

export function alternatives(schema: Schema): Schema[] {
  const choices = schema["anyOf"] as readonly Schema[] | undefined;
  return choices === undefined ? [schema] : choices.flatMap(alternatives);
}

function kindOf(schema: Schema): string {
  const { type, subtype } = schema["properties"] as Record<string, { const: string }>;
  return subtype === undefined ? (type?.const ?? "") : `${type?.const}.${subtype.const}`;
}

export function anyOf(schema: Schema): fc.Arbitrary<unknown> {
  if (Array.isArray(schema["anyOf"])) return fc.oneof(...alternatives(schema).map(anyOf));
  if (schema["const"] !== undefined) return fc.constant(schema["const"]);
  if (Array.isArray(schema["enum"])) return fc.constantFrom(...(schema["enum"] as unknown[]));
  const { minimum, maximum, minItems = 0, maxItems = 3, items } = schema as Record<string, number>;
  switch (schema["type"]) {
    case "object":
      return anyObject(schema);
    case "array":
      return fc.array(anyOf(items as unknown as Schema), { minLength: minItems, maxLength: Math.min(maxItems, minItems + 2) });
    case "string":
      return anyText(schema);
    case "boolean":
      return fc.boolean();
    case "integer":
      return fc.integer({ min: minimum ?? -1_000_000, max: Math.min(maximum ?? 1_000_000, 2 ** 31 - 1) });
    case "number":
      // JSON has no minus zero.
      return fc.double({ min: minimum ?? -180, max: maximum ?? 180, noNaN: true }).map((value) => value + 0);
    default:
      return fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);
  }
}

function anyObject(schema: Schema): fc.Arbitrary<unknown> {
  const properties = schema["properties"] as Record<string, Schema>;
  const required = (schema["required"] ?? []) as string[];
  const fields = Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, anyOf(property)]));
  return fc.record(fields, { requiredKeys: required }).map((value) => ({ ...value }));
}

function anyText(schema: Schema): fc.Arbitrary<string> {
  if (schema["format"] === "uuid") return fc.uuid();
  const known = patterns.get(String(schema["pattern"]));
  if (known !== undefined) return known;
  const { minLength = 0, maxLength = 30 } = schema as Record<string, number>;
  const text = fc.string({ unit: "grapheme", minLength, maxLength: Math.min(maxLength, 30) });
  return text.filter((value) => !value.includes("\0") && Array.from(value).length <= maxLength);
}
