/** Numbers at Meta: what one is, which an account has, its registration, and what the Business app hands over (PLATFORM section 9). */
import type { Asked, NumberFacts } from "../../../core/connection-health.ts";
import { limits } from "../../../limits.ts";
import { askedOf, readSuccess } from "./asked.ts";
import { callGraph, type AccessToken, type Graph, type GraphCall } from "./call.ts";
import { readFlag, readList, readName, readRecord, readText, readWord, type Wire } from "./wire.ts";

/** A number with a token that reaches it. */
export type NumberAccess = Pick<GraphCall, "appSecret" | "timeoutMs"> & { phoneNumberId: string; accessToken: AccessToken | string };

const plainFields = ["display_phone_number", "verified_name", "quality_rating", "status", "name_status"];
/** Missing from Meta's newest reference, in places, though still answered (2026-10): one that is gone makes Graph refuse all. */
const allFields = [
  ...plainFields,
  "throughput",
  "is_on_biz_app",
  "whatsapp_business_manager_messaging_limit",
  "webhook_configuration",
  "health_status",
];

export async function readNumber(graph: Graph, { phoneNumberId, ...access }: NumberAccess): Promise<Asked<NumberFacts>> {
  const ask = async (fields: readonly string[]): Promise<Asked<NumberFacts>> => {
    const answer = await callGraph(graph, { method: "GET", path: [phoneNumberId], query: { fields: fields.join(",") }, ...access });
    return askedOf(answer, factsOf);
  };
  const asked = await ask(allFields);
  return asked.kind === "refused" && asked.code === badParameter ? ask(plainFields) : asked;
}

/** Also of a field that is gone. */
const badParameter = 100;

function factsOf(wire: Wire): NumberFacts {
  const callbacks = readRecord(wire["webhook_configuration"]);
  return {
    displayPhoneNumber: readName(wire["display_phone_number"]),
    verifiedName: readName(wire["verified_name"]),
    quality: readWord(wire["quality_rating"]),
    status: readWord(wire["status"]),
    nameStatus: readWord(wire["name_status"]),
    throughput: readWord(readRecord(wire["throughput"])?.["level"]),
    messagingLimit: readWord(wire["whatsapp_business_manager_messaging_limit"]),
    isOnBizApp: readFlag(wire["is_on_biz_app"]) === true,
    webhook:
      callbacks === null
        ? null
        : {
            application: readName(callbacks["application"]),
            account: readName(callbacks["whatsapp_business_account"]),
            number: readName(callbacks["phone_number"]),
          },
    health: healthOf(readRecord(wire["health_status"])),
  };
}

function healthOf(health: Wire | null): NumberFacts["health"] {
  const canSend = readWord(health?.["can_send_message"]);
  if (health === null || canSend === null) return null;
  const entities = readList(health["entities"])
    .slice(0, limits.healthEntitiesMax)
    .map((one) => {
      const entity = readRecord(one) ?? {};
      const errors = readList(entity["errors"]).map((error) => readName(readRecord(error)?.["error_description"]));
      const more = readList(entity["additional_info"]).map(readName);
      return {
        kind: readWord(entity["entity_type"]) ?? "",
        id: readText(entity["id"]),
        canSend: readWord(entity["can_send_message"]) ?? "",
        reasons: [...errors, ...more].filter((reason) => reason !== null).slice(0, limits.healthEntitiesMax),
      };
    });
  return { canSend, entities };
}

export type ListedNumber = { phoneNumberId: string; displayPhoneNumber: string | null };

/** All numbers of an account: page by page, by cursor, since Meta's own link to the next page may lead anywhere. */
export async function listNumbers(
  graph: Graph,
  { wabaId, ...access }: Omit<NumberAccess, "phoneNumberId"> & { wabaId: string },
): Promise<Asked<readonly ListedNumber[]>> {
  const found: ListedNumber[] = [];
  let after: string | null = null;
  for (let pages = 0; pages < limits.numberPagesMax; pages += 1) {
    const answer = await callGraph(graph, {
      method: "GET",
      path: [wabaId, "phone_numbers"],
      query: { fields: "id,display_phone_number", limit: String(limits.numbersPerPageMax), ...(after === null ? {} : { after }) },
      ...access,
    });
    const page: Asked<{ numbers: ListedNumber[]; next: string | null }> = askedOf(answer, pageOf);
    if (page.kind !== "answered") return page;
    found.push(...page.facts.numbers);
    after = page.facts.next;
    if (after === null) return { kind: "answered", facts: found };
  }
  return { kind: "unreached", reason: "too_many_pages" };
}

function pageOf({ data, paging }: Wire): { numbers: ListedNumber[]; next: string | null } | null {
  if (!Array.isArray(data)) return null;
  const numbers = readList(data).flatMap((line): ListedNumber[] => {
    const phoneNumberId = readText(readRecord(line)?.["id"]);
    return phoneNumberId === null ? [] : [{ phoneNumberId, displayPhoneNumber: readName(readRecord(line)?.["display_phone_number"]) }];
  });
  const hasNext = readRecord(paging)?.["next"] !== undefined;
  const next = hasNext ? readText(readRecord(readRecord(paging)?.["cursors"])?.["after"]) : null;
  return hasNext && next === null ? null : { numbers, next };
}

/** `pin`: six digits; it becomes the number's, where the number has none yet. Ten times in 72 hours at most. */
export async function registerNumber(graph: Graph, { phoneNumberId, ...access }: NumberAccess, pin: string): Promise<Asked<true>> {
  const body = { messaging_product: "whatsapp", pin };
  return askedOf(await callGraph(graph, { method: "POST", path: [phoneNumberId, "register"], body, ...access }), readSuccess);
}

/** Coexistence: contacts and history of the Business app come as webhooks. Once each, within 24 h of onboarding. */
export async function requestAppData(
  graph: Graph,
  { phoneNumberId, ...access }: NumberAccess,
  kind: "smb_app_state_sync" | "history",
): Promise<Asked<true>> {
  const body = { messaging_product: "whatsapp", sync_type: kind };
  const answer = await callGraph(graph, { method: "POST", path: [phoneNumberId, "smb_app_data"], body, ...access });
  return askedOf(answer, (value) => (readText(value["request_id"]) === null ? readSuccess(value) : true));
}
