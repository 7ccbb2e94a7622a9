/** `?fields=a,b{c}`: what of a node is shown. */
import type { Wire } from "../../services/whatsapp/graph/wire.ts";

/** Null where nothing is asked for in particular. What stands in braces or brackets is not looked at. */
export function fieldsOf(query: URLSearchParams): string[] | null {
  const fields = query.get("fields");
  if (fields === null || fields === "") return null;
  let plain = fields;
  // From the innermost out.
  for (let before = ""; before !== plain;) {
    before = plain;
    plain = plain.replaceAll(/\{[^{}]*\}|\([^()]*\)|\.\w+/g, "");
  }
  return plain.split(",").map((field) => field.trim());
}

/** Unknown fields are left out; the id is always shown. */
export function pick(node: Wire, fields: readonly string[]): Wire {
  const shown: Record<string, unknown> = {};
  for (const field of fields) if (node[field] !== undefined) shown[field] = node[field];
  return { ...shown, id: node["id"] };
}
