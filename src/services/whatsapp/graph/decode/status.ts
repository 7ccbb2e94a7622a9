/** Message statuses: ticks, failures, prices. */
import { readError } from "./errors.ts";
import { readIds, resolvePeer } from "./peer.ts";
import type { LocatedUpdate, Peer, Pricing, StatusError, StatusUpdate } from "../updates.ts";
import { readFlag, readId, readList, readName, readPhone, readRecord, readTimeMs, readUserId, readWord, type Wire } from "../wire.ts";

/** The update, or why it is unusable. */
export function decodeStatus(located: LocatedUpdate, wire: Wire): StatusUpdate | string {
  const waMessageId = readId(wire["id"]);
  if (waMessageId === null) return "the status has no usable message id";
  const atMs = readTimeMs(wire["timestamp"]);
  if (atMs === null) return "the status has no usable time";
  const groupId = readGroupId(wire);
  return {
    kind: "status",
    waMessageId,
    status: readWord(wire["status"]) ?? "unrecognised",
    atMs,
    recipient: groupId === null ? readRecipient(located, wire) : null,
    groupId,
    participant: readParticipant(wire),
    error: readStatusError(wire["errors"]),
    pricing: readPricing(wire["pricing"]),
    freeEntryPointExpiresAtMs: readFreeEntryPoint(wire),
    callback: readName(wire["biz_opaque_callback_data"]),
  };
}

/** Who a status is about; `recipient_parent_user_id` was named the other way round until 2026-05-05. */
export function readRecipient(located: LocatedUpdate, wire: Wire): Peer | null {
  const parent = wire["recipient_parent_user_id"] ?? wire["parent_recipient_user_id"];
  return resolvePeer(located, readIds(wire["recipient_id"], wire["recipient_user_id"], parent));
}

function readGroupId(wire: Wire): string | null {
  const explicit = readId(wire["group_id"]);
  if (explicit !== null) return explicit;
  const recipientId = readId(wire["recipient_id"]);
  return wire["recipient_type"] === "group" || recipientId?.endsWith("@g.us") === true ? recipientId : null;
}

function readParticipant(wire: Wire): string {
  const plain = wire["recipient_participant_id"];
  return readUserId(wire["recipient_participant_user_id"]) ?? readPhone(plain) ?? readUserId(plain) ?? "";
}

/** The first listed error that has a code. */
function readStatusError(value: unknown): StatusError | null {
  for (const item of readList(value)) {
    const { code, title, details } = readError(readRecord(item) ?? {});
    if (code !== null) return { code, title, details };
  }
  return null;
}

function readPricing(value: unknown): Pricing | null {
  const wire = readRecord(value);
  if (wire === null) return null;
  return {
    type: readWord(wire["type"]),
    category: readWord(wire["category"]),
    model: readWord(wire["pricing_model"]),
    billable: readFlag(wire["billable"]),
  };
}

/** Up to v23 every conversation has an expiry; only that of a free entry point is one. */
function readFreeEntryPoint(wire: Wire): number | null {
  const conversation = readRecord(wire["conversation"]);
  if (conversation === null) return null;
  const origin = readRecord(conversation["origin"])?.["type"];
  const isFreeEntryPoint =
    origin === "referral_conversion" || origin === "free_entry_point" || readRecord(wire["pricing"])?.["type"] === "free_entry_point";
  return isFreeEntryPoint ? readTimeMs(conversation["expiration_timestamp"]) : null;
}
