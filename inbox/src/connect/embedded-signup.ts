/**
 * What Meta's dialogue (Embedded Signup v4) says to the page that opened it. Any window may post a message to ours, so the origin must be
 * exactly one of Meta's: a suffix is not enough, since `evilfacebook.com` and `facebook.com.evil.example` would do, too. The ids are a claim
 * all the same: the server believes only what the code's token opens. Pure: it is given the event, and touches nothing.
 */

/** Meta's own dialogue opens on either, by where the person is signed in (developer pages as of October 2026). */
const origins: ReadonlySet<string> = new Set(["https://www.facebook.com", "https://web.facebook.com"]);

export type SignupEvent =
  /** `phoneNumberId` null: the dialogue ended with an account only. */
  | { kind: "finished"; wabaId: string; phoneNumberId: string | null; portfolioId: string | null; isCoexistence: boolean }
  /** The person closed it, on this step. */
  | { kind: "cancelled"; step: string | null }
  | { kind: "failed"; message: string | null; errorId: string | null; sessionId: string | null };

/** Null for whatever is not Meta's word about a dialogue: another window's message, another kind of message, one that cannot be read. */
export function readSignupEvent({ origin, data }: { origin: string; data: unknown }): SignupEvent | null {
  if (!origins.has(origin)) return null;
  const message = readRecord(typeof data === "string" ? parse(data) : data);
  if (message?.["type"] !== "WA_EMBEDDED_SIGNUP") return null;
  const facts = readRecord(message["data"]) ?? {};
  switch (message["event"]) {
    case "FINISH":
    case "FINISH_ONLY_WABA":
    case "FINISH_WHATSAPP_BUSINESS_APP_ONBOARDING":
      return finished(facts, message["event"]);
    case "CANCEL":
      return cancelled(facts);
    default:
      return null;
  }
}

function finished(facts: Facts, event: string): SignupEvent | null {
  const wabaId = readId(facts["waba_id"]);
  const phoneNumberId = readId(facts["phone_number_id"]);
  // Without an account there is nothing to connect; a number may be missing only where the event says so, or in coexistence.
  if (wabaId === null || (event === "FINISH" && phoneNumberId === null)) return null;
  const isCoexistence = event === "FINISH_WHATSAPP_BUSINESS_APP_ONBOARDING";
  return { kind: "finished", wabaId, phoneNumberId, portfolioId: readId(facts["business_id"]), isCoexistence };
}

function cancelled(facts: Facts): SignupEvent {
  const [message, errorId] = [readText(facts["error_message"]), readText(facts["error_id"]) ?? readText(facts["error_code"])];
  if (message !== null || errorId !== null) return { kind: "failed", message, errorId, sessionId: readText(facts["session_id"]) };
  return { kind: "cancelled", step: readText(facts["current_step"]) };
}

type Facts = { readonly [key: string]: unknown };

function readRecord(value: unknown): Facts | null {
  return isRecord(value) ? value : null;
}

function isRecord(value: unknown): value is Facts {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Meta's ids are digits, as text or as a number that has not lost any. */
function readId(value: unknown): string | null {
  const text = typeof value === "number" && Number.isSafeInteger(value) ? String(value) : value;
  return typeof text === "string" && /^\d{1,32}$/.test(text) ? text : null;
}

const textCharsMax = 500;

function readText(value: unknown): string | null {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value.slice(0, textCharsMax) : null;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
