/** Pages of a list with Graph's cursors. */
import type { Wire } from "../../services/whatsapp/graph/wire.ts";
import type { Call } from "./call.ts";

const limitMax = 1_000;

/** `next` is there while there is more. A cursor names the last element that was shown, so that it survives changes before it. */
export function pageOf<Item extends { id: string }>(call: Call, all: readonly Item[], show: (item: Item) => Wire): Wire {
  const limit = Math.min(Math.max(1, Number(call.query.get("limit") ?? 25) || 25), limitMax);
  const after = call.query.get("after");
  const start = after === null ? 0 : all.findIndex(({ id }) => cursorOf(id) === after) + 1;
  const items = all.slice(start, start + limit);
  const [first, last] = [items[0], items.at(-1)];
  if (first === undefined || last === undefined) return { data: [] };
  const cursors = { before: cursorOf(first.id), after: cursorOf(last.id) };
  if (start + limit >= all.length) return { data: items.map(show), paging: { cursors } };
  const next = new URL(call.url);
  next.searchParams.set("after", cursors.after);
  return { data: items.map(show), paging: { cursors, next: next.href } };
}

function cursorOf(id: string): string {
  return Buffer.from(id).toString("base64url");
}
