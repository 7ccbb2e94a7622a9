/** What is left of an update, of the people beside it, and of a whole body, without those whom `isMarked` knows. */
import { erased, isErased, scrub } from "../../core/erased.ts";
import { limits } from "../../limits.ts";
import { decodeUpdate } from "../whatsapp/graph/decode.ts";
import { locateUpdates } from "../whatsapp/graph/locate.ts";
import type { LocatedUpdate, Update } from "../whatsapp/graph/updates.ts";
import { readRecord } from "../whatsapp/graph/wire.ts";
import { addressNames, namesInside, namesOfLeaf, ownNames, timeOf, type Name, type Suspect } from "./names.ts";

export type IsMarked = (name: Name) => boolean;

/** `element`: what stands where the update stood. */
export type Cleaned = { kind: "whole" } | { kind: "part"; element: unknown } | { kind: "erased"; element: unknown };

/** Every name by which something of the update may have to go: to be looked up before `cleanUpdate`. */
export function namesToAsk(suspect: Suspect): Name[] {
  const { located, receivedAtMs } = suspect;
  const atMs = timeOf(located, receivedAtMs);
  if (isKeptWhole(located.source) || suspect.update.kind === "account") return namesInside(located.element, atMs);
  return [...ownNames(suspect), ...contextNames(located.element, atMs)];
}

export function cleanUpdate(suspect: Suspect, isMarked: IsMarked): Cleaned {
  const { located, receivedAtMs } = suspect;
  const { element, source, field } = located;
  if (isErased(element)) return { kind: "whole" };
  const atMs = timeOf(located, receivedAtMs);
  const isNamed = (leaf: string): boolean => namesOfLeaf(leaf, atMs).some(isMarked);
  if (isKeptWhole(source)) {
    const { value, hits } = scrub(element, isNamed, limits.jsonDepthMax);
    if (hits === 0) return { kind: "whole" };
    const isGone = isErased(value) || isErased(readRecord(value)?.["value"]);
    return isGone ? { kind: "erased", element: { ...erased, field } } : { kind: "part", element: value };
  }
  // Not decoded, since it may have ended a process: then whatever it names is taken for its own.
  const names = suspect.update.kind === "account" ? namesInside(element, atMs) : ownNames(suspect);
  if (names.some(isMarked)) return { kind: "erased", element: { ...erased } };
  const context = readRecord(readRecord(element)?.["context"]);
  if (context === null || !contextNames(element, atMs).some(isMarked)) return { kind: "whole" };
  return { kind: "part", element: { ...readRecord(element), context: withoutNamed(context, isNamed) } };
}

/** Somebody else's answer to the person: it stays, and does not say to whom it was. */
function contextNames(element: unknown, atMs: number | null): Name[] {
  const context = readRecord(readRecord(element)?.["context"]);
  return context === null ? [] : namesInside(context, atMs);
}

export function withoutNamed(fields: { readonly [key: string]: unknown }, isNamed: (leaf: string) => boolean): { [key: string]: unknown } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !(typeof value === "string" && isNamed(value))));
}

/** Not an element of a list that has one person at its head. */
function isKeptWhole(source: LocatedUpdate["source"]): boolean {
  return source === "change" || source === "error" || source === "body";
}

export type ReadBody = {
  suspects: Suspect[];
  /** What may have to be asked for all of it: updates, and people beside them. */
  names: Name[];
  /** Null: nothing of it is marked. */
  clean(isMarked: IsMarked): { body: unknown; messageIds: string[] } | null;
};

/**
 * A parsed body, seen as updates of the accounts that `isOurs` knows. It is rewritten in its own place: every update keeps its ordinal, since
 * results and parked updates know it by that.
 */
export function readBody(body: unknown, receivedAtMs: number, isOurs: (wabaId: string | null) => boolean): ReadBody {
  const suspects = locateUpdates(body)
    .filter((located) => isOurs(located.wabaId))
    .map((located): Suspect => ({ located, update: decodeUpdate(located), receivedAtMs }));
  const lists = new Set(suspects.flatMap(({ located }) => (located.contacts.length > 0 ? [located.contacts] : [])));
  const people = [...lists].flatMap((list) => list.flatMap((contact) => contactNames(contact, null)));
  return {
    suspects,
    names: [...suspects.flatMap(namesToAsk), ...people],
    clean(isMarked) {
      const replaced = new Map<unknown, unknown>();
      const kept: Suspect[] = [];
      const messageIds: string[] = [];
      for (const suspect of suspects) {
        const cleaned = cleanUpdate(suspect, isMarked);
        if (cleaned.kind !== "whole") replaced.set(suspect.located.element, cleaned.element);
        if (cleaned.kind === "erased") messageIds.push(...ownMessageIds(suspect.update));
        else kept.push(suspect);
      }
      const isGone = contactsGone(kept, isMarked);
      const hasGone = [...lists].some((list) => list.some(isGone));
      if (replaced.size === 0 && !hasGone) return null;
      return { body: replaced.has(body) ? replaced.get(body) : rebuild(body, { replaced, lists, isGone }), messageIds };
    },
  };
}

/**
 * Who stands beside updates has no time: a person who was erased goes unless an update that stays is theirs. That is then one of the time
 * after the erasure, or of somebody who got the number.
 */
export function contactsGone(kept: readonly Suspect[], isMarked: IsMarked): (contact: unknown) => boolean {
  const here = new Set(kept.flatMap(ownNames).map(({ kind, value }) => `${kind} ${value}`));
  return (contact) => {
    const names = contactNames(contact, null);
    return names.some(isMarked) && !names.some(({ kind, value }) => here.has(`${kind} ${value}`));
  };
}

/** Of an update that names the person as its own; a status of a message to a group says nothing about whose that is. */
function ownMessageIds(update: Update): string[] {
  switch (update.kind) {
    case "message":
    case "echo":
      return [update.waMessageId];
    case "status":
      return update.groupId === null ? [update.waMessageId] : [];
    case "call":
    case "call_status":
      return [update.callId];
    case "preference":
    case "account":
    case "bad":
      return [];
    default:
      return update satisfies never;
  }
}

type Rebuilding = {
  replaced: ReadonlyMap<unknown, unknown>;
  lists: ReadonlySet<readonly unknown[]>;
  isGone: (contact: unknown) => boolean;
};

/** Along the path to the updates only: entry → changes → value → standby → lists. */
function rebuild(node: unknown, how: Rebuilding, depth = 0): unknown {
  if (how.replaced.has(node)) return how.replaced.get(node);
  if (depth > rebuildDepthMax) return node;
  if (Array.isArray(node)) {
    const kept: readonly unknown[] = how.lists.has(node) ? node.filter((contact) => !how.isGone(contact)) : node;
    return kept.map((item) => rebuild(item, how, depth + 1));
  }
  const fields = readRecord(node);
  return fields === null ? node : Object.fromEntries(Object.entries(fields).map(([key, item]) => [key, rebuild(item, how, depth + 1)]));
}

/** body, entries, entry, changes, change, value, standby, list, element. */
const rebuildDepthMax = 9;

export function contactNames(contact: unknown, atMs: number | null): Name[] {
  const fields = readRecord(contact);
  if (fields === null) return [];
  const ids = ["wa_id", "user_id", "parent_user_id", "input"].map((key) => fields[key]);
  return addressNames(
    ids.map((id) => (typeof id === "string" ? id : null)),
    atMs,
  );
}

/** For a body that cannot be parsed: what in its text looks like a name. */
export function namesInText(text: string, atMs: number): Name[] {
  return (text.match(/[A-Za-z0-9.+=_/-]{6,600}/g) ?? []).flatMap((word) => namesOfLeaf(word, atMs));
}

export function withElement(located: LocatedUpdate, element: unknown): { located: LocatedUpdate; update: Update } {
  const changed = { ...located, element };
  return { located: changed, update: decodeUpdate(changed) };
}
