/** `@name` in a note: whom it is meant for, and who fits what is being typed. */
import type { Person } from "../../../src/contract/people.ts";

type Named = Pick<Person, "id" | "name">;
const shownMax = 6;
/** As the contract says of a note. */
const mentionsMax = 20;

export function mentionsIn(body: string, people: readonly Named[]): string[] {
  // Of `Dan` and `Dana` the longer one is meant.
  const longestFirst = people.filter(({ name }) => name !== "").toSorted((a, b) => b.name.length - a.name.length);
  const places = Array.from(body.matchAll(/@/g), ({ index }) => index + 1);
  const found = places.flatMap((at) => longestFirst.find(({ name }) => body.startsWith(name, at))?.id ?? []);
  return [...new Set(found)].slice(0, mentionsMax);
}

export type Typed<One> = { from: number; matches: One[] };

/** Null while no name is being typed. `from` is the place of the `@` before the cursor. */
export function mentionTyped<One extends Named>(written: string, cursor: number, people: readonly One[]): Typed<One> | null {
  const from = written.lastIndexOf("@", cursor - 1);
  if (from === -1 || /[\p{L}\p{N}]/u.test(written[from - 1] ?? "")) return null;
  const typed = written.slice(from + 1, cursor).toLocaleLowerCase();
  if (typed.includes("\n") || typed.length > 40) return null;
  const matches = people.filter(({ name }) => [name, ...name.split(" ")].some((part) => part.toLocaleLowerCase().startsWith(typed)));
  return matches.length === 0 ? null : { from, matches: matches.slice(0, shownMax) };
}
