/** Pieces of which the contract's schemas are made. */
import { Type, type Static, type TSchema } from "typebox";
import { limits } from "../limits.ts";

/** Times are ISO 8601 in UTC with milliseconds. */
export const Time = Type.String({ format: "date-time", examples: ["2026-11-22T15:08:48.123Z"] });
export const Id = Type.String({ format: "uuid" });
/** What better-auth takes for an address when somebody signs in (zod 4): who had another one could never come back. */
export const Email = Type.String({
  minLength: 3,
  maxLength: limits.emailCharsMax,
  pattern: "^(?:[A-Za-z0-9_'+-]+\\.)*[A-Za-z0-9_'+-]*[A-Za-z0-9_+-]@(?:[A-Za-z0-9][A-Za-z0-9-]*\\.)+[A-Za-z]{2,}$",
  examples: ["noa@example.com"],
});
/** Anything; written as it is stored. */
export const AnyJson = Type.Unsafe<unknown>({});

/** A text that PostgreSQL takes: no U+0000. */
export function Text(options: { maxLength?: number; minLength?: number; description?: string } = {}) {
  return Type.String({ minLength: 1, maxLength: limits.apiTextCharsMax, pattern: "^[^\\u0000]*$", ...options });
}

/** The mark of `Name`, which `http/validate.ts` looks for. */
export const nameMark = "x-kesher-name";

/** A name that somebody gives to something: taken without hidden characters and marks of direction (`core/text.ts`), in one line. */
export function Name(options: { maxLength?: number; description?: string } = {}) {
  const marked = { ...options, [nameMark]: true };
  return Text(marked);
}

/** `type: [T, "null"]`: the form that serialises without a second validation, and that OpenAPI 3.1 knows. */
export function Nullable<Schema extends TSchema>(schema: Schema) {
  const { type } = schema as { type?: unknown };
  if (typeof type !== "string") throw new Error("Nullable takes a schema with a single type");
  return Type.Unsafe<Static<Schema> | null>({ ...schema, type: [type, "null"] });
}

export function OneOf<const Words extends readonly string[]>(words: Words, options: { description?: string } = {}) {
  return Type.Unsafe<Words[number]>({ type: "string", enum: [...words], ...options });
}

export function ListOf<Item extends TSchema>(item: Item) {
  return Type.Object({ data: Type.Array(item), next: Nullable(Type.String({ description: "Give it as `after` to go on." })) });
}

/** A list as the services return it. */
export type Page<Item> = { data: Item[]; next: string | null };

export const ListQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.listLimitMax, default: limits.listLimitDefault })),
  after: Type.Optional(Type.String({ minLength: 1, maxLength: limits.cursorCharsMax, description: "`next` of the page before" })),
});
export type ListQuery = Static<typeof ListQuery>;

/** For the admin key, which reads as a tenant; a tenant's own key needs none. */
export const TenantQuery = Type.Object({ tenantId: Type.Optional(Id) });

export const IdParams = Type.Object({ id: Type.String({ description: "The id" }) });
