/** `GET|POST /{phone}`, its registration, and `GET /{waba}/phone_numbers`. */
import { readRecord, readText, type Wire } from "../../services/whatsapp/graph/wire.ts";
import type { PhoneNumber } from "../accounts.ts";
import type { World } from "../world.ts";
import { GraphRefusal, json, refuseParameter, type Reply } from "./answer.ts";
import type { Call } from "./call.ts";
import { fieldsOf, pick } from "./fields.ts";
import { pageOf } from "./paging.ts";
import { readCallbackUrl } from "./subscriptions.ts";

const usualFields = ["verified_name", "code_verification_status", "display_phone_number", "quality_rating", "platform_type", "throughput"];
const registrationsMax = 10;
const registrationsMs = 72 * 60 * 60 * 1_000;

export function answerNumber(world: World, call: Call, number: PhoneNumber): Promise<Reply> | Reply | null {
  const [, edge] = call.segments;
  if (call.method === "GET" && edge === undefined) return json(pick(wireOf(world, number), fieldsOf(call.query) ?? usualFields));
  if (call.method !== "POST") return null;
  if (edge === undefined) return configure(call, number);
  if (edge === "register") return register(world, call, number);
  if (edge === "smb_app_data") return handOver(world, call, number);
  if (edge !== "deregister") return null;
  countRegistration(world, number);
  number.status = "DISCONNECTED";
  return json({ success: true });
}

export function listNumbers(world: World, call: Call, wabaId: string): Reply {
  const fields = fieldsOf(call.query) ?? usualFields;
  const numbers = world.accounts.numbers().filter((number) => number.wabaId === wabaId);
  const items = numbers.map((number) => ({ id: number.phoneNumberId, number }));
  return json(pageOf(call, items, ({ number }) => pick(wireOf(world, number), fields)));
}

async function configure(call: Call, number: PhoneNumber): Promise<Reply> {
  const configuration = readRecord(call.body?.["webhook_configuration"]);
  if (configuration === null) throw refuseParameter("The parameter webhook_configuration is required.");
  number.overrideUrl = await readCallbackUrl(configuration);
  return json({ success: true });
}

function register(world: World, call: Call, number: PhoneNumber): Reply {
  if (call.body?.["messaging_product"] !== "whatsapp") throw refuseParameter("The parameter messaging_product is required.");
  const pin = readText(call.body["pin"]) ?? "";
  if (!/^\d{6}$/.test(pin)) throw refuseParameter("Param pin must be 6 digits.");
  countRegistration(world, number);
  if (number.pin !== null && number.pin !== pin) throw new GraphRefusal(133_005);
  number.pin = pin;
  number.status = "CONNECTED";
  return json({ success: true });
}

/** What the Business app has goes out as webhooks. */
function handOver(world: World, call: Call, number: PhoneNumber): Reply {
  const kind = readText(call.body?.["sync_type"]) ?? "";
  if (!number.isOnBizApp) throw refuseParameter("The phone number is not a WhatsApp Business app number.");
  if (kind !== "smb_app_state_sync" && kind !== "history") throw refuseParameter("Param sync_type must be smb_app_state_sync or history.");
  const isLate = world.nowMs() - number.onboardedAtMs > handOverMs;
  if (isLate || number.handedOver.includes(kind))
    throw refuseParameter("The sync can be requested only once, within 24 hours of onboarding.");
  number.handedOver.push(kind);
  const value = kind === "history" ? { history: [] } : { state_sync: [] };
  world.webhooks.deliver({ wabaId: number.wabaId, number, field: kind, value });
  return json({ messaging_product: "whatsapp", request_id: `${number.phoneNumberId}-${kind}` });
}

const handOverMs = 24 * 60 * 60 * 1_000;

function countRegistration(world: World, number: PhoneNumber): void {
  const nowMs = world.nowMs();
  number.registeredAtMs = number.registeredAtMs.filter((atMs) => nowMs - atMs < registrationsMs);
  if (number.registeredAtMs.length >= registrationsMax) throw new GraphRefusal(133_016);
  number.registeredAtMs.push(nowMs);
}

function wireOf(world: World, number: PhoneNumber): Wire {
  const account = world.accounts.account(number.wabaId);
  const application = account?.app.url() ?? "";
  const wabaCallback = account?.overrideUrl ?? null;
  return {
    id: number.phoneNumberId,
    display_phone_number: `+${number.displayPhoneNumber}`,
    verified_name: number.verifiedName,
    quality_rating: number.qualityRating,
    status: number.status,
    name_status: number.nameStatus,
    code_verification_status: number.codeVerificationStatus,
    throughput: { level: (number.throughputPerSecond ?? Infinity) > 80 ? "HIGH" : "STANDARD" },
    account_mode: number.accountMode,
    is_on_biz_app: number.isOnBizApp,
    is_pin_enabled: number.pin !== null,
    is_official_business_account: false,
    platform_type: number.platformType,
    whatsapp_business_manager_messaging_limit: number.messagingLimit,
    messaging_limit_tier: number.messagingLimit,
    webhook_configuration: {
      application,
      ...(wabaCallback === null ? {} : { whatsapp_business_account: wabaCallback }),
      ...(number.overrideUrl === null ? {} : { phone_number: number.overrideUrl }),
    },
    health_status: healthOf(number),
  };
}

function healthOf(number: PhoneNumber): Wire {
  const can = number.canSend ?? (number.status === "CONNECTED" ? "AVAILABLE" : "BLOCKED");
  const errors = [{ error_code: 141_000, error_description: "The phone number cannot send.", possible_solution: "See WhatsApp Manager." }];
  return {
    can_send_message: can,
    entities: [
      { entity_type: "PHONE_NUMBER", id: number.phoneNumberId, can_send_message: can, ...(can === "AVAILABLE" ? {} : { errors }) },
      { entity_type: "WABA", id: number.wabaId, can_send_message: "AVAILABLE" },
    ],
  };
}
