/** What concerns the account, and the marketing preferences of its customers. */
import { cleanJson } from "../../../../core/text.ts";
import { limits } from "../../../../limits.ts";
import type { ChangeContent, ErrorContent } from "../content.ts";
import { readError } from "./errors.ts";
import { readIds, resolvePeer } from "./peer.ts";
import type { AccountUpdate, LocatedUpdate, PreferenceUpdate } from "../updates.ts";
import { readList, readRecord, readTimeMs, readWord, type Wire } from "../wire.ts";

/** The update, or why it is unusable. The customer is named by `wa_id` and `user_id` here. */
export function decodePreference(located: LocatedUpdate, wire: Wire): PreferenceUpdate | string {
  const atMs = readTimeMs(wire["timestamp"]);
  if (atMs === null) return "the preference has no usable time";
  const peer = resolvePeer(located, readIds(wire["wa_id"], wire["user_id"], wire["parent_user_id"]));
  if (peer === null) return "the preference has no usable customer";
  return { kind: "preference", peer, category: readWord(wire["category"]) ?? "", value: readWord(wire["value"]) ?? "", atMs };
}

/** An element of `value.errors`, of whatever shape. */
export function decodeError(located: LocatedUpdate): AccountUpdate {
  const error = readError(readRecord(located.element) ?? {});
  const content: ErrorContent = { v: 1, kind: "error", ...error, value: cleanJson(located.element, limits.jsonDepthMax) };
  return { kind: "account", field: located.field, event: error.code === null ? "" : String(error.code), content };
}

/** A change that holds no known element, of whatever shape. */
export function decodeChange(located: LocatedUpdate): AccountUpdate {
  const value = readRecord(located.element)?.["value"];
  const content: ChangeContent = { v: 1, kind: "change", value: cleanJson(value, limits.jsonDepthMax) };
  return { kind: "account", field: located.field, event: readEvent(readRecord(value) ?? {}), content };
}

/** The word that says what happened stands in another place in almost every field. */
function readEvent(value: Wire): string {
  const action = readRecord(readList(value["user_actions"])[0]);
  const group = readRecord(readList(value["groups"])[0]);
  return (
    readPlainWord(value["event"]) ??
    readPlainWord(value["decision"]) ??
    readPlainWord(value["type"]) ??
    readPlainWord(value["status"]) ??
    readPlainWord(readRecord(value["alert_info"])?.["alert_type"]) ??
    readPlainWord(action?.["action_type"]) ??
    readPlainWord(group?.["type"]) ??
    ""
  );
}

function readPlainWord(value: unknown): string | null {
  return typeof value === "string" ? readWord(value) : null;
}
