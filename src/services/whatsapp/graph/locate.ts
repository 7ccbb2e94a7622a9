/**
 * First look at a webhook body, in the request path before COMMIT: which updates it holds, of which lane and account. Makes one small
 * object for each update and copies nothing; `decode.ts` does the reading later, in a worker. Lists are found by their names, not
 * by `field`, which Meta's own examples omit or misname.
 */
import type { Lane, LocatedUpdate } from "./updates.ts";
import { readList, readLooseId, readPhone, readRecord, readTimeMs, readWord, type Wire } from "./wire.ts";

const decoder = new TextDecoder();

/** Reads JSON of UTF-8. A byte order mark is skipped, invalid bytes become U+FFFD, of duplicate keys the last wins. Never throws. */
export function parseBody(bytes: Uint8Array): { ok: true; body: unknown } | { ok: false; detail: string } {
  try {
    return { ok: true, body: JSON.parse(decoder.decode(bytes)) };
  } catch (error) {
    // The engine's own message quotes the body, which must not reach a log.
    const position = error instanceof Error ? / at position \d+/.exec(error.message)?.[0] : undefined;
    return { ok: false, detail: bytes.length === 0 ? "the body is empty" : `the body is not JSON${position ?? ""}` };
  }
}

/**
 * All updates of all changes of all entries, list by list; never empty. A change without a known element is one update
 * itself, and so is a body without changes.
 */
export function locateUpdates(body: unknown): LocatedUpdate[] {
  const found: LocatedUpdate[] = [];
  for (const entry of readList(readRecord(body)?.["entry"])) {
    const wire = readRecord(entry);
    if (wire === null) continue;
    const wabaId = readLooseId(wire["id"]);
    const entryAtMs = readTimeMs(wire["time"]);
    for (const change of readList(wire["changes"])) locateChange(found, { wabaId, entryAtMs }, change);
  }
  if (found.length === 0) append(found, nowhere, "body", [body]);
  return found;
}

/** What all elements of one list have in common. */
type Place = Pick<
  LocatedUpdate,
  "standby" | "field" | "wabaId" | "entryAtMs" | "phoneNumberId" | "displayPhoneNumber" | "contacts" | "alone"
>;
type Source = LocatedUpdate["source"];

const nowhere: Place = {
  standby: false,
  field: "",
  wabaId: null,
  entryAtMs: null,
  phoneNumberId: null,
  displayPhoneNumber: null,
  contacts: [],
  alone: true,
};

const lanes: Record<Source, Lane> = {
  message: "whatsapp-messages",
  echo: "whatsapp-messages",
  call: "whatsapp-messages",
  call_status: "whatsapp-messages",
  preference: "whatsapp-messages",
  status: "whatsapp-statuses",
  error: "whatsapp-account",
  change: "whatsapp-account",
  body: "whatsapp-account",
};

function locateChange(found: LocatedUpdate[], entry: Pick<Place, "wabaId" | "entryAtMs">, change: unknown): void {
  const wire = readRecord(change);
  const rawField = wire?.["field"];
  const field = typeof rawField === "string" ? (readWord(rawField) ?? "") : "";
  const value = readRecord(wire?.["value"]) ?? {};
  const place = placeOf(value, value, { field, ...entry, standby: field === "standby" });
  const before = found.length;
  locateLists(found, value, place);
  const standby = readRecord(value["standby"]);
  if (standby !== null) locateLists(found, standby, placeOf(standby, value, { field, ...entry, standby: true }));
  if (found.length === before) append(found, place, "change", [change]);
}

function placeOf(holder: Wire, value: Wire, known: Pick<Place, "field" | "wabaId" | "entryAtMs" | "standby">): Place {
  const metadata = readRecord(holder["metadata"]) ?? readRecord(value["metadata"]);
  const contacts = readList(holder["contacts"]);
  return {
    standby: known.standby,
    field: known.field,
    wabaId: known.wabaId,
    entryAtMs: known.entryAtMs,
    phoneNumberId: readLooseId(metadata?.["phone_number_id"]) ?? readLooseId(readRecord(value["recipient"])?.["phone_number_id"]),
    displayPhoneNumber:
      readPhone(metadata?.["display_phone_number"]) ?? readPhone(value["display_phone_number"]) ?? readPhone(value["phone_number"]),
    contacts: contacts.length > 0 ? contacts : readList(value["contacts"]),
    alone: countPeople(holder) <= 1,
  };
}

/** Elements that a contact beside them may belong to. */
function countPeople(holder: Wire): number {
  const written = readList(holder["messages"]).length + readList(holder["message_echoes"]).length + readList(holder["calls"]).length;
  return written + readList(holder["statuses"]).length + readList(holder["user_preferences"]).length;
}

function locateLists(found: LocatedUpdate[], holder: Wire, place: Place): void {
  const before = found.length;
  append(found, place, "message", holder["messages"]);
  append(found, place, "status", holder["statuses"]);
  append(found, place, "echo", holder["message_echoes"]);
  append(found, place, "call", holder["calls"]);
  append(found, place, "preference", holder["user_preferences"]);
  const countsErrors =
    place.standby || place.field === "messages" || (place.field === "" && looksLikeMessages(holder, found.length > before));
  if (countsErrors) append(found, place, "error", holder["errors"]);
}

/** Account-level values, whose `errors` are no updates of their own, carry neither of these. */
function looksLikeMessages(holder: Wire, hasElements: boolean): boolean {
  return hasElements || holder["messaging_product"] !== undefined || holder["metadata"] !== undefined;
}

function append(found: LocatedUpdate[], place: Place, listed: Source, list: unknown): void {
  for (const element of readList(list)) {
    const source = listed === "status" && isOfCall(place, element) ? "call_status" : listed;
    // The one literal, so that all located updates share a hidden class.
    found.push({
      index: found.length,
      lane: lanes[source],
      source,
      standby: place.standby,
      field: place.field,
      wabaId: place.wabaId,
      entryAtMs: place.entryAtMs,
      phoneNumberId: place.phoneNumberId,
      displayPhoneNumber: place.displayPhoneNumber,
      contacts: place.contacts,
      alone: place.alone,
      element,
    });
  }
}

/** Call statuses share the list of message statuses but say nothing about a message. */
function isOfCall(place: Place, status: unknown): boolean {
  return place.field === "calls" || readRecord(status)?.["type"] === "call";
}
