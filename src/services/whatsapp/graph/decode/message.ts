/** Messages of customers, and echoes of what the business sent from its phone or through another app. */
import { decodeContent, type Decoded } from "./content.ts";
import { firstCode } from "./errors.ts";
import { readLinks } from "./links.ts";
import { readIds, resolvePeer } from "./peer.ts";
import type { EchoUpdate, LocatedUpdate, MessageUpdate, Peer } from "../updates.ts";
import { readId, readRecord, readTimeMs, type Wire } from "../wire.ts";

/** The update, or why it is unusable. */
export function decodeMessage(located: LocatedUpdate, wire: Wire): MessageUpdate | string {
  const waMessageId = readId(wire["id"]);
  if (waMessageId === null) return "the message has no usable id";
  const atMs = readTimeMs(wire["timestamp"]);
  if (atMs === null) return "the message has no usable time";
  const decoded = decodeContent(wire);
  const from = decoded.content.kind === "system" ? readSystemSender(located, wire) : readSender(located, wire);
  if (from === null) return "the message has no usable sender";
  return {
    kind: "message",
    waMessageId,
    atMs,
    type: decoded.type,
    role: decoded.role,
    from,
    groupId: readId(wire["group_id"]),
    content: decoded.content,
    targetWaMessageId: decoded.targetWaMessageId,
    links: readLinks(wire, decoded),
    errorCode: firstCode(wire["errors"]),
  };
}

/** The update, or why it is unusable. Under standby the message is wrapped: `{id, timestamp, message: {to, …}}`. */
export function decodeEcho(located: LocatedUpdate, wire: Wire): EchoUpdate | string {
  const message = wire["type"] === undefined ? (readRecord(wire["message"]) ?? wire) : wire;
  const waMessageId = readId(wire["id"]) ?? readId(message["id"]);
  if (waMessageId === null) return "the echo has no usable id";
  const atMs = readTimeMs(wire["timestamp"] ?? message["timestamp"]);
  if (atMs === null) return "the echo has no usable time";
  const decoded: Decoded = decodeContent(message);
  const plainTo = message["to"] ?? wire["to"];
  const groupId = readId(message["group_id"]) ?? readId(wire["group_id"]) ?? readGroup(plainTo);
  const to = groupId === null ? readReceiver(located, message, wire) : { ...nobody };
  if (to === null) return "the echo has no usable receiver";
  return {
    kind: "echo",
    waMessageId,
    atMs,
    type: decoded.type,
    role: decoded.role,
    to,
    groupId,
    content: decoded.content,
    targetWaMessageId: decoded.targetWaMessageId,
    errorCode: firstCode(message["errors"]),
  };
}

const nobody: Peer = { phone: null, userId: null, parentUserId: null, profileName: null, username: null };

function readSender(located: LocatedUpdate, wire: Wire): Peer | null {
  return resolvePeer(located, readIds(wire["from"], wire["from_user_id"], wire["from_parent_user_id"]));
}

/**
 * System messages may come without `from` and `contacts`: then the new identity is the sender. Contacts beside them may already bear
 * the new ids while `from` has the old phone, so they give a name at most and never join the two; the links do that.
 */
function readSystemSender(located: LocatedUpdate, wire: Wire): Peer | null {
  const own = readIds(wire["from"], wire["from_user_id"], wire["from_parent_user_id"]);
  const system = readRecord(wire["system"]) ?? {};
  const hasOwn = own.phone !== null || own.userId !== null;
  const changed = readIds(system["wa_id"] ?? system["new_wa_id"], system["user_id"], system["parent_user_id"]);
  const ids = hasOwn ? own : changed;
  if (own.isGarbled && changed.phone === null && changed.userId === null) return null;
  const peer = resolvePeer(located, ids);
  if (peer === null || (ids.phone === null && ids.userId === null)) return peer;
  return { ...peer, phone: ids.phone, userId: ids.userId, parentUserId: ids.parentUserId };
}

function readReceiver(located: LocatedUpdate, message: Wire, wire: Wire): Peer | null {
  const user = message["to_user_id"] ?? wire["to_user_id"];
  const parent = message["to_parent_user_id"] ?? wire["to_parent_user_id"];
  return resolvePeer(located, readIds(message["to"] ?? wire["to"], user, parent));
}

function readGroup(to: unknown): string | null {
  const id = readId(to);
  return id?.endsWith("@g.us") === true ? id : null;
}
