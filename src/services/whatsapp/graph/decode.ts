/**
 * From Meta's JSON to our own words, one update at a time, in a worker. Pure: the same located update always gives the same result.
 * Only an unusable id, time or sender makes an update bad; whatever else is strange is stored as it is (DESIGN section 12, Parking).
 */
import { cleanText, jsonText } from "../../../core/text.ts";
import { limits } from "../../../limits.ts";
import { decodeChange, decodeError, decodePreference } from "./decode/account.ts";
import { decodeCall, decodeCallStatus } from "./decode/call.ts";
import { decodeEcho, decodeMessage } from "./decode/message.ts";
import { decodeStatus } from "./decode/status.ts";
import type { BadUpdate, LocatedUpdate, Update } from "./updates.ts";
import { readRecord, type Wire } from "./wire.ts";

/** Never throws: a fault of our own becomes a parked update too, so that its neighbours live (I8). */
export function decodeUpdate(located: LocatedUpdate): Update {
  try {
    const update = decodeBySource(located, readRecord(located.element));
    return typeof update === "string" ? bad(update) : update;
  } catch (error) {
    return bad(`the decoder failed: ${error instanceof Error ? error.name : "unknown"}`);
  }
}

function decodeBySource(located: LocatedUpdate, wire: Wire | null): Update | string {
  switch (located.source) {
    case "error":
      return decodeError(located);
    case "change":
      return decodeChange(located);
    case "body":
      return { kind: "bad", reason: "unreadable", detail: "the body has no changes" };
    case "message":
    case "status":
    case "echo":
    case "call":
    case "call_status":
    case "preference":
      return wire === null ? `the ${located.source} is not an object` : decodeElement(located, located.source, wire);
    default:
      return located.source satisfies never;
  }
}

type ElementSource = Exclude<LocatedUpdate["source"], "error" | "change" | "body">;

function decodeElement(located: LocatedUpdate, source: ElementSource, wire: Wire): Update | string {
  switch (source) {
    case "message":
      return decodeMessage(located, wire);
    case "status":
      return decodeStatus(located, wire);
    case "echo":
      return decodeEcho(located, wire);
    case "call":
      return decodeCall(located, wire);
    case "call_status":
      return decodeCallStatus(located, wire);
    case "preference":
      return decodePreference(located, wire);
    default:
      return source satisfies never;
  }
}

function bad(detail: string): BadUpdate {
  return { kind: "bad", reason: "bad_update", detail };
}

/**
 * The element as compact JSON, to store and to compare. Escapes of U+0000 and of unpaired surrogates remain escapes: fit for text, not
 * for jsonb. Parts nested deeper than `limits.jsonDepthMax` are cut. Never throws.
 */
export function updateText(located: LocatedUpdate): string {
  return jsonText(located.element, limits.jsonDepthMax);
}

/** The first 2 kB of a body that is not JSON, as clean text that ends with a whole character. */
export function previewOf(bytes: Uint8Array): string {
  const head = bytes.subarray(0, limits.parkedPreviewBytesMax);
  // As a stream the decoder keeps back a sequence that the cut split, instead of replacing it.
  return cleanText(new TextDecoder().decode(head, { stream: bytes.length > head.length }));
}
