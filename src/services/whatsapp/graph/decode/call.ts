/** Calls and the statuses of calls. */
import type { CallContent, CallMedia } from "../content.ts";
import { readErrors } from "./errors.ts";
import { readIds, resolvePeer, type Ids } from "./peer.ts";
import { readRecipient } from "./status.ts";
import type { CallStatusUpdate, CallUpdate, LocatedUpdate } from "../updates.ts";
import { readId, readName, readNumber, readRecord, readText, readTimeMs, readWord, type Wire } from "../wire.ts";

/** The update, or why it is unusable. */
export function decodeCall(located: LocatedUpdate, wire: Wire): CallUpdate | string {
  const callId = readId(wire["id"]) ?? readId(wire["wacid"]);
  if (callId === null) return "the call has no usable id";
  const atMs = readTimeMs(wire["timestamp"]);
  if (atMs === null) return "the call has no usable time";
  const direction = readDirection(located, wire);
  const peer = resolvePeer(located, direction === "user" ? readCaller(wire) : readCallee(wire));
  if (peer === null) return "the call has no usable customer";
  const event = readWord(wire["event"]) ?? "unrecognised";
  return {
    kind: "call",
    callId,
    event,
    atMs,
    direction,
    // Answered or not. Only where Meta says itself that the customer called: a guessed window would break I7.
    opensWindow: wire["direction"] === "USER_INITIATED" && event === "connect",
    peer,
    content: contentOfCall("call", wire),
  };
}

/** The update, or why it is unusable. A business call that is accepted opens the window; an incoming one has no such status. */
export function decodeCallStatus(located: LocatedUpdate, wire: Wire): CallStatusUpdate | string {
  const callId = readId(wire["id"]) ?? readId(wire["wacid"]);
  if (callId === null) return "the call status has no usable id";
  const atMs = readTimeMs(wire["timestamp"]);
  if (atMs === null) return "the call status has no usable time";
  const status = readWord(wire["status"]) ?? "unrecognised";
  const peer = readRecipient(located, wire);
  return {
    kind: "call_status",
    callId,
    status,
    atMs,
    opensWindow: status.toUpperCase() === "ACCEPTED",
    peer,
    content: contentOfCall("call_status", wire),
  };
}

/** Recordings and transcripts come without a direction: then it was the business if its own number stands in `from`. */
function readDirection(located: LocatedUpdate, wire: Wire): "user" | "business" {
  if (wire["direction"] === "BUSINESS_INITIATED") return "business";
  if (wire["direction"] === "USER_INITIATED") return "user";
  const { phone } = readCaller(wire);
  return phone !== null && phone === located.displayPhoneNumber ? "business" : "user";
}

function readCaller(wire: Wire): Ids {
  return readIds(wire["from"], wire["from_user_id"], wire["from_parent_user_id"]);
}

function readCallee(wire: Wire): Ids {
  return readIds(wire["to"], wire["to_user_id"], wire["to_parent_user_id"]);
}

function contentOfCall(kind: CallContent["kind"], wire: Wire): CallContent {
  const content: CallContent = { v: 1, kind };
  const status = readWord(wire["status"]);
  if (status !== null) content.status = status;
  const durationSeconds = readNumber(wire["duration"]);
  if (durationSeconds !== null) content.durationSeconds = durationSeconds;
  const startedAtMs = readTimeMs(wire["start_time"]);
  if (startedAtMs !== null) content.startedAtMs = startedAtMs;
  const endedAtMs = readTimeMs(wire["end_time"]);
  if (endedAtMs !== null) content.endedAtMs = endedAtMs;
  const callback = readName(wire["biz_opaque_callback_data"]);
  if (callback !== null) content.callback = callback;
  const payload = readName(wire["cta_payload"]) ?? readName(wire["deeplink_payload"]);
  if (payload !== null) content.payload = payload;
  const recording = readCallMedia(readRecord(wire["call_recording"])?.["audio"]);
  if (recording !== null) content.recording = recording;
  const transcript = readCallMedia(readRecord(wire["call_transcript"])?.["document"]);
  if (transcript !== null) content.transcript = transcript;
  const errors = readErrors(wire["errors"]);
  if (errors.length > 0) content.errors = errors;
  return content;
}

function readCallMedia(value: unknown): CallMedia | null {
  const wire = readRecord(value);
  if (wire === null) return null;
  const url = readText(wire["url"]);
  const media = { mediaId: readText(wire["id"]), mimeType: readText(wire["mime_type"]), sha256: readText(wire["sha256"]) };
  return url === null ? media : { ...media, url };
}
