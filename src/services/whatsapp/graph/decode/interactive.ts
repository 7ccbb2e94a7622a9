/** Answers to interactive messages. An unknown subtype, or a known one in another shape, stays `interactive` with its payload. */
import { cleanJson } from "../../../../core/text.ts";
import { limits } from "../../../../limits.ts";
import type { InteractiveContent } from "../content.ts";
import type { Json } from "../updates.ts";
import { readFlag, readRecord, readText, readTimeMs, readWord, type Wire } from "../wire.ts";

export function readInteractive(wire: Wire | null): InteractiveContent | null {
  if (wire === null) return null;
  const subtype = readWord(wire["type"]);
  const reply = subtype === null ? null : readReply(subtype, readRecord(wire[subtype]));
  if (reply !== null) return reply;
  const payload = subtype !== null && Object.hasOwn(wire, subtype) ? wire[subtype] : wire;
  return { v: 1, kind: "interactive", subtype, payload: cleanJson(payload, limits.jsonDepthMax) };
}

function readReply(subtype: string, reply: Wire | null): InteractiveContent | null {
  if (reply === null) return null;
  switch (subtype) {
    case "button_reply":
      return { v: 1, kind: "button_reply", id: readText(reply["id"]), title: readText(reply["title"]) };
    case "list_reply": {
      const description = readText(reply["description"]);
      return { v: 1, kind: "list_reply", id: readText(reply["id"]), title: readText(reply["title"]), description };
    }
    case "nfm_reply":
      return readFlowReply(reply);
    case "call_permission_reply":
      return {
        v: 1,
        kind: "call_permission_reply",
        response: readWord(reply["response"]),
        isPermanent: readFlag(reply["is_permanent"]),
        expiresAtMs: readTimeMs(reply["expiration_timestamp"]),
        responseSource: readWord(reply["response_source"]),
      };
    default:
      return null;
  }
}

function readFlowReply(reply: Wire): InteractiveContent {
  const name = readText(reply["name"]);
  const body = readText(reply["body"]);
  const raw = reply["response_json"];
  if (typeof raw !== "string") {
    return { v: 1, kind: "flow_reply", name, body, response: cleanJson(raw ?? null, limits.jsonDepthMax) };
  }
  const parsed = parseJson(raw);
  return parsed === undefined
    ? { v: 1, kind: "flow_reply", name, body, response: null, responseText: readText(raw) ?? "" }
    : { v: 1, kind: "flow_reply", name, body, response: parsed };
}

/** JSON inside JSON, written by the customer's phone: undefined when it is none. */
function parseJson(text: string): Json | undefined {
  try {
    return cleanJson(JSON.parse(text), limits.jsonDepthMax);
  } catch {
    return undefined;
  }
}
