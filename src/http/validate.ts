/** Checks requests against the contract's schemas, and takes what they call a name (`Name`) as it may be shown: one rule for every input. */
import { TypeBoxValidatorCompiler } from "@fastify/type-provider-typebox";
import { nameMark } from "../contract/json.ts";
import { cleanName } from "../core/text.ts";

type Compiler = typeof TypeBoxValidatorCompiler;
/** Gives the value back, or what to put in its place. */
type Clean = (value: unknown) => unknown;

/** Cleans first, so that a name of nothing but hidden characters is too short. Compiles with a route's first request: a start has hundreds of them. */
export const compileValidator: Compiler = (route) => {
  let validate: ReturnType<Compiler> | null = null;
  const clean = route.httpPart === "body" ? cleanerOf(route.schema) : null;
  return (value: unknown) => (validate ??= TypeBoxValidatorCompiler(route))(clean === null ? value : clean(value));
};

/** Null where the schema holds no name. Schemas are finite: a reference is not followed. */
function cleanerOf(schema: unknown): Clean | null {
  if (!isObject(schema)) return null;
  if (schema[nameMark] === true) return (value) => (typeof value === "string" ? cleanName(value) : value);
  const members = new Map<string, Clean>();
  for (const [key, member] of isObject(schema["properties"]) ? Object.entries(schema["properties"]) : []) {
    const clean = cleanerOf(member);
    if (clean !== null) members.set(key, clean);
  }
  const item = cleanerOf(schema["items"]);
  const others = ["anyOf", "oneOf", "allOf"].flatMap((word) => (Array.isArray(schema[word]) ? schema[word].map(cleanerOf) : []));
  const steps = [item === null ? null : cleanItems(item), members.size === 0 ? null : cleanMembers(members), ...others].filter(
    (step) => step !== null,
  );
  return steps.length === 0 ? null : (value) => steps.reduce((cleaned, step) => step(cleaned), value);
}

function cleanItems(clean: Clean): Clean {
  return (value) => (Array.isArray(value) ? value.map(clean) : value);
}

function cleanMembers(members: ReadonlyMap<string, Clean>): Clean {
  return (value) => {
    if (!isObject(value)) return value;
    const cleaned = { ...value };
    for (const [key, clean] of members) if (Object.hasOwn(cleaned, key)) cleaned[key] = clean(cleaned[key]);
    return cleaned;
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
