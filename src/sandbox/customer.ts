/**
 * What a customer's phone sends, in the words of Meta's webhooks (field `messages`, inbound types). One builder for each kind; what the
 * element carries beside its sender, id and time.
 */
import type { Wire } from "../services/whatsapp/graph/wire.ts";

export type CustomerMessage = {
  /** One of `customerMessageTypes`; any other word is sent as a type that nobody knows yet. */
  type: string;
  /** Digits of the customer's phone. */
  from: string;
  name: string;
  text?: string;
  /** The message that is quoted, reacted to, edited, revoked or answered by a tap. */
  targetWaMessageId?: string;
  emoji?: string;
  /** The customer has a username: phone and wa_id are left out. */
  hidesPhone?: boolean;
};

/** A file that the webhook tells of. `sha256` is in base64 there, unlike in Graph's answers. */
export type MediaFact = { id: string; mimeType: string; sha256: string; url: string; filename: string };
type Builder = (message: CustomerMessage, media: MediaFact) => Wire;

const captioned = (text: string | undefined): Wire => (text === undefined || text === "" ? {} : { caption: text });
const targeted = (message: CustomerMessage): Wire =>
  message.targetWaMessageId === undefined ? {} : { context: { id: message.targetWaMessageId } };
const fileOf = ({ id, mimeType, sha256, url }: MediaFact): Wire => ({ id, mime_type: mimeType, sha256, url });

const builders = new Map<string, Builder>([
  ["text", (m) => ({ type: "text", text: { body: m.text ?? "" }, ...targeted(m) })],
  ["image", (m, file) => ({ type: "image", image: { ...fileOf(file), ...captioned(m.text) }, ...targeted(m) })],
  ["audio", (m, file) => ({ type: "audio", audio: { ...fileOf(file), voice: true }, ...targeted(m) })],
  ["video", (m, file) => ({ type: "video", video: { ...fileOf(file), ...captioned(m.text) }, ...targeted(m) })],
  [
    "document",
    (m, file) => ({ type: "document", document: { ...fileOf(file), filename: file.filename, ...captioned(m.text) }, ...targeted(m) }),
  ],
  ["sticker", (m, file) => ({ type: "sticker", sticker: { ...fileOf(file), animated: false }, ...targeted(m) })],
  ["location", () => ({ type: "location", location: { latitude: 31.7767, longitude: 35.2345, name: "Jerusalem", address: "Jaffa St 1" } })],
  [
    "contacts",
    (m) => ({
      type: "contacts",
      contacts: [
        { origin: "other", name: { formatted_name: m.text ?? m.name }, phones: [{ phone: `+${m.from}`, wa_id: m.from, type: "CELL" }] },
      ],
    }),
  ],
  ["reaction", (m) => ({ type: "reaction", reaction: { message_id: m.targetWaMessageId ?? "", emoji: m.emoji ?? "👍" } })],
  ["reaction_removed", (m) => ({ type: "reaction", reaction: { message_id: m.targetWaMessageId ?? "" } })],
  ["button", (m) => ({ type: "button", button: { payload: "SANDBOX", text: m.text ?? "OK" }, ...targeted(m) })],
  [
    "button_reply",
    (m) => ({
      type: "interactive",
      interactive: { type: "button_reply", button_reply: { id: "yes", title: m.text ?? "Yes" } },
      ...targeted(m),
    }),
  ],
  [
    "list_reply",
    (m) => ({
      type: "interactive",
      interactive: { type: "list_reply", list_reply: { id: "row-2", title: m.text ?? "Express", description: "1 day" } },
      ...targeted(m),
    }),
  ],
  [
    "flow_reply",
    (m) => ({
      type: "interactive",
      interactive: {
        type: "nfm_reply",
        nfm_reply: { name: "flow", body: m.text ?? "Sent", response_json: '{"flow_token":"sandbox","size":"M"}' },
      },
      ...targeted(m),
    }),
  ],
  [
    "order",
    (m) => ({
      type: "order",
      order: {
        catalog_id: "55",
        text: m.text ?? "",
        product_items: [{ product_retailer_id: "sku-1", quantity: 2, item_price: 9.5, currency: "ILS" }],
      },
    }),
  ],
  [
    "unsupported",
    () => ({ type: "unsupported", unsupported: { type: "poll_creation" }, errors: [metaError(131_051, "Message type unknown")] }),
  ],
  ["unavailable", () => ({ type: "unsupported", errors: [metaError(131_060, "This message is unavailable")] })],
  [
    "edit",
    (m) => ({
      type: "edit",
      edit: { original_message_id: m.targetWaMessageId ?? "", message: { type: "text", text: { body: m.text ?? "" } } },
    }),
  ],
  ["revoke", (m) => ({ type: "revoke", revoke: { original_message_id: m.targetWaMessageId ?? "" } })],
  ["system", (m) => ({ type: "system", system: { type: "customer_identity_changed", body: m.text ?? "The customer changed device" } })],
]);

/** The kinds that the form offers. `unavailable` is what an ad's first message to a coexistence number looks like (131060). */
export const customerMessageTypes: readonly string[] = [...builders.keys()];

const fileTypes: ReadonlySet<string> = new Set(["image", "audio", "video", "document", "sticker"]);

export function carriesFile(type: string): boolean {
  return fileTypes.has(type);
}

/** Kinds that refer to another message. */
const opensNoWindow: ReadonlySet<string> = new Set(["reaction", "reaction_removed", "edit", "revoke", "system"]);

export function opensWindow(type: string): boolean {
  return !opensNoWindow.has(type);
}

/** `extra` is laid over what the kind has: a referral, or a shape of the test's own. */
export function contentOf(message: CustomerMessage, media: MediaFact, extra: Wire = {}): Wire {
  const content = builders.get(message.type)?.(message, media) ?? { type: message.type, [message.type]: { body: message.text ?? "" } };
  return { ...content, ...extra };
}

function metaError(code: number, title: string): Wire {
  return { code, title, message: title, error_data: { details: title } };
}
