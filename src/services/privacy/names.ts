/**
 * Whom an update is about, for the question whether that person was erased: by addresses at the update's time, and by the messages that it
 * is, or that it says something about, at any time. One reading for what comes in, for what is parked and for what lies in the journal.
 */
import { leavesOf } from "../../core/erased.ts";
import { clampedTime } from "../../core/window.ts";
import { limits } from "../../limits.ts";
import type { LocatedUpdate, Peer, Update } from "../whatsapp/graph/updates.ts";
import { readPhone, readRecord, readTimeMs, readUserId } from "../whatsapp/graph/wire.ts";

/** `atMs` null: whenever it was. */
export type Name = { kind: "phone" | "user_id" | "message"; value: string; atMs: number | null };

/** One update, as the queue and the journal know it. */
export type Suspect = { located: LocatedUpdate; update: Update; receivedAtMs: number };

/** Any of these erased, and the whole update goes. */
export function ownNames({ located, update, receivedAtMs }: Suspect): Name[] {
  switch (update.kind) {
    case "message": {
      const atMs = clampedTime(update.atMs, receivedAtMs);
      return [...peerNames(update.from, atMs), ...update.links.flatMap((link) => linkNames(link, atMs)), ...messageNames(update)];
    }
    case "echo":
      return [...peerNames(update.to, clampedTime(update.atMs, receivedAtMs)), ...messageNames(update)];
    case "call":
    case "call_status": {
      const word = update.kind === "call" ? update.event : `status:${update.status}`;
      const ids = [messageName(update.callId), messageName(`${update.callId}:${word}`)];
      return [...peerNames(update.peer, clampedTime(update.atMs, receivedAtMs)), ...ids];
    }
    case "preference":
      return peerNames(update.peer, clampedTime(update.atMs, receivedAtMs));
    case "status": {
      const atMs = clampedTime(update.atMs, receivedAtMs);
      return [
        ...peerNames(update.recipient, atMs),
        ...addressNames([update.participant], atMs),
        messageName(update.waMessageId),
        ...(update.callback === null ? [] : [messageName(update.callback)]),
      ];
    }
    case "account":
      return [];
    case "bad":
      // Whatever stands at its edge: an element that cannot be used cannot be read more closely either.
      return looseNames(Object.values(readRecord(located.element) ?? {}), timeOf(located, receivedAtMs));
    default:
      return update satisfies never;
  }
}

/** Names anywhere in a value that is kept whole: of those only the part is taken out that names the person. */
export function namesInside(value: unknown, atMs: number | null): Name[] {
  return looseNames([...leavesOf(value, limits.jsonDepthMax)], atMs);
}

/**
 * When it was said, as far as Meta tells: the element's time, else that of the body's entry. Null where there is none: when it was received
 * says nothing, since Meta delivers again for days.
 */
export function timeOf(located: LocatedUpdate, receivedAtMs: number): number | null {
  const atMs = readTimeMs(readRecord(located.element)?.["timestamp"]) ?? located.entryAtMs;
  return atMs === null ? null : clampedTime(atMs, receivedAtMs);
}

/** As what a single value may name somebody. */
export function namesOfLeaf(leaf: string, atMs: number | null): Name[] {
  if (leaf.length > limits.waIdCharsMax) return [];
  if (leaf.startsWith("wamid.") || leaf.startsWith("wacid.")) return [{ kind: "message", value: leaf, atMs: null }];
  return addressNames([leaf], atMs);
}

function looseNames(leaves: readonly unknown[], atMs: number | null): Name[] {
  return leaves.flatMap((leaf) => (typeof leaf === "string" || typeof leaf === "number" ? namesOfLeaf(String(leaf), atMs) : []));
}

/** Digits that are too few for a phone are a number of something else. */
const phoneDigitsMin = 6;

export function addressNames(values: readonly (string | null)[], atMs: number | null): Name[] {
  return values.flatMap((value): Name[] => {
    const phone = readPhone(value);
    if (phone !== null) return phone.length >= phoneDigitsMin ? [{ kind: "phone", value: phone, atMs }] : [];
    const userId = readUserId(value);
    return userId === null ? [] : [{ kind: "user_id", value: userId, atMs }];
  });
}

function peerNames(peer: Peer | null, atMs: number): Name[] {
  return peer === null ? [] : addressNames([peer.phone, peer.userId, peer.parentUserId], atMs);
}

function linkNames(link: Extract<Update, { kind: "message" }>["links"][number], atMs: number): Name[] {
  switch (link.by) {
    case "previous_user_id":
      return addressNames([link.previousUserId, link.userId, link.phone], atMs);
    case "previous_phone":
      return addressNames([link.previousPhone, link.userId, link.phone], atMs);
    case "contact_request":
      return addressNames([link.phone], atMs);
    default:
      return link satisfies never;
  }
}

const refersOnly: ReadonlySet<string> = new Set(["reaction", "edit", "revoke"]);

/** A reply stands for itself; a reaction, an edit, a revocation are nothing without the message that they are about. */
function messageNames(update: { waMessageId: string; role: string; targetWaMessageId: string | null }): Name[] {
  const target = refersOnly.has(update.role) ? update.targetWaMessageId : null;
  return [messageName(update.waMessageId), ...(target === null ? [] : [messageName(target)])];
}

export function messageName(value: string): Name {
  return { kind: "message", value, atMs: null };
}
