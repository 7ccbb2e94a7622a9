/** Whom an update is about, and under which key its message is stored. */
import { clampedTime } from "../../core/window.ts";
import type { Sighting } from "../../services/whatsapp/contacts/contacts.ts";
import type { Peer, Update } from "../../services/whatsapp/graph/updates.ts";
import type { RoutedItem } from "../work.ts";

export function sightingOf(item: RoutedItem): Sighting | null {
  const peer = peerOf(item.update);
  if (peer === null) return null;
  const { update, route } = item;
  return {
    tenantId: route.tenantId,
    scope: route.userIdScope,
    // Clamped, so that a clock which runs ahead cannot own an address for ever.
    atMs: "atMs" in update ? clampedTime(update.atMs, item.receivedAtMs) : item.receivedAtMs,
    waMessageId: waMessageIdOf(update),
    phone: peer.phone,
    userId: peer.userId,
    parentUserId: peer.parentUserId,
    profileName: peer.profileName,
    username: peer.username,
    links: update.kind === "message" ? update.links : [],
    identityVersion: route.identityVersion,
  };
}

export function peerOf(update: Update): Peer | null {
  switch (update.kind) {
    case "message":
      return update.from;
    case "echo":
      return update.groupId === null ? update.to : null;
    case "call":
    case "call_status":
    case "preference":
      return update.peer;
    case "status":
    case "account":
    case "bad":
      return null;
    default:
      return update satisfies never;
  }
}

/** Calls have no wamid: (id, event) is their key. */
export function waMessageIdOf(update: Update): string {
  switch (update.kind) {
    case "message":
    case "echo":
    case "status":
      return update.waMessageId;
    case "call":
      return `${update.callId}:${update.event}`;
    case "call_status":
      return `${update.callId}:status:${update.status}`;
    case "preference":
    case "account":
    case "bad":
      return "";
    default:
      return update satisfies never;
  }
}
