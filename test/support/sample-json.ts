/** The least value that a schema of the API takes, for tests that are made from its description. */

export type Schema = {
  type?: string | string[];
  format?: string;
  pattern?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  examples?: unknown[];
  minimum?: number;
  minLength?: number;
  minItems?: number;
  required?: string[];
  properties?: Record<string, Schema>;
  patternProperties?: Record<string, Schema>;
  minProperties?: number;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
};

/** `values` by the name of a property come before what its schema would give. */
export function sampleOf(schema: Schema, values: Readonly<Record<string, unknown>>, id = "00000000-0000-4000-8000-000000000000"): unknown {
  const { enum: words, const: only, default: usual, examples, anyOf, oneOf } = schema;
  if (only !== undefined) return only;
  if (words !== undefined) return words[0];
  if (examples?.[0] !== undefined) return examples[0];
  if (usual !== undefined) return usual;
  const [first] = anyOf ?? oneOf ?? [];
  if (first !== undefined) return sampleOf(first, values, id);
  const type = [schema.type].flat()[0];
  switch (type) {
    case "object":
    case undefined:
      return objectOf(schema, values, id);
    case "array":
      return Array.from({ length: schema.minItems ?? 0 }, () => sampleOf(schema.items ?? {}, values, id));
    case "string":
      return textOf(schema, id);
    case "integer":
    case "number":
      return schema.minimum ?? 1;
    case "boolean":
      return true;
    default:
      return null;
  }
}

function objectOf(
  { properties = {}, required = [], patternProperties, minProperties }: Schema,
  values: Readonly<Record<string, unknown>>,
  id: string,
): object {
  const entries = required.map((name) => [name, name in values ? values[name] : sampleOf(properties[name] ?? {}, values, id)]);
  const [pattern] = Object.entries(patternProperties ?? {});
  if (minProperties !== undefined && pattern !== undefined)
    entries.push([textOf({ pattern: pattern[0] }, id), sampleOf(pattern[1], values, id)]);
  return Object.fromEntries(entries) as object;
}

const texts = [
  "x",
  "1",
  "he",
  "a-b",
  "x.y",
  "12345",
  "972501234567",
  "x@example.com",
  "https://example.com/",
  "A".repeat(43),
  "sample-text-sample-text",
];

function textOf({ format, pattern, minLength = 0 }: Schema, id: string): string {
  if (format === "uuid") return id;
  if (format === "date-time") return "2030-01-01T00:00:00.000Z";
  const fits = new RegExp(pattern ?? "", "u");
  const found = texts.find((text) => text.length >= minLength && fits.test(text)) ?? "x".repeat(minLength);
  if (!fits.test(found)) throw new Error(`No text for the pattern ${pattern}`);
  return found;
}
