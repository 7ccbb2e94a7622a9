/**
 * What a customer's phone sends, in the words of Meta's webhooks (field `messages`, inbound types). One builder for each kind; `fields` is
 * what the element carries beside its sender, id and time.
 */
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

type Fields = { readonly [key: string]: unknown };
type Builder = (message: CustomerMessage, mediaId: string) => Fields;

const captioned = (text: string | undefined): Fields => (text === undefined || text === "" ? {} : { caption: text });
const targeted = (message: CustomerMessage): Fields =>
  message.targetWaMessageId === undefined ? {} : { context: { id: message.targetWaMessageId } };

const builders = new Map<string, Builder>([
  ["text", (m) => ({ type: "text", text: { body: m.text ?? "" }, ...targeted(m) })],
  ["image", (m, id) => ({ type: "image", image: { id, mime_type: "image/jpeg", sha256: "c2FuZGJveA==", ...captioned(m.text) } })],
  ["audio", (_, id) => ({ type: "audio", audio: { id, mime_type: "audio/ogg; codecs=opus", sha256: "c2FuZGJveA==", voice: true } })],
  ["video", (m, id) => ({ type: "video", video: { id, mime_type: "video/mp4", sha256: "c2FuZGJveA==", ...captioned(m.text) } })],
  [
    "document",
    (m, id) => ({
      type: "document",
      document: { id, mime_type: "application/pdf", sha256: "c2FuZGJveA==", filename: "order.pdf", ...captioned(m.text) },
    }),
  ],
  ["sticker", (_, id) => ({ type: "sticker", sticker: { id, mime_type: "image/webp", sha256: "c2FuZGJveA==", animated: false } })],
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

/** Kinds that refer to another message. */
const opensNoWindow: ReadonlySet<string> = new Set(["reaction", "reaction_removed", "edit", "revoke", "system"]);

export function opensWindow(type: string): boolean {
  return !opensNoWindow.has(type);
}

/** The BSUID that the sandbox gives this phone's owner: the same each time. */
export function sandboxUserId(phone: string): string {
  return `IL.8${phone.padStart(15, "0")}`;
}

export type Envelope = { wabaId: string; phoneNumberId: string; displayPhoneNumber: string };

/** The whole body of the webhook. `atMs` is told in seconds, as Meta does. */
export function customerWebhook(
  to: Envelope,
  message: CustomerMessage,
  ids: { waMessageId: string; mediaId: string; atMs: number },
): Fields {
  const userId = sandboxUserId(message.from);
  const fields = builders.get(message.type)?.(message, ids.mediaId) ?? { type: message.type, [message.type]: { body: message.text ?? "" } };
  const sender = message.hidesPhone === true ? { from_user_id: userId } : { from: message.from, from_user_id: userId };
  const element = { ...sender, id: ids.waMessageId, timestamp: String(Math.floor(ids.atMs / 1000)), ...fields };
  const contact =
    message.hidesPhone === true
      ? { profile: { name: message.name, username: `user${message.from.slice(-4)}` }, user_id: userId }
      : { profile: { name: message.name }, wa_id: message.from, user_id: userId };
  const contacts = message.type === "system" ? {} : { contacts: [contact] };
  return webhook(to, { ...contacts, messages: [element] });
}

export function webhook(to: Envelope, value: Fields): Fields {
  const metadata = { display_phone_number: to.displayPhoneNumber, phone_number_id: to.phoneNumberId };
  const change = { field: "messages", value: { messaging_product: "whatsapp", metadata, ...value } };
  return { object: "whatsapp_business_account", entry: [{ id: to.wabaId, changes: [change] }] };
}

/** Meta escapes what is not ASCII, and slashes; signatures are over that form. */
export function metaJson(value: Fields): Buffer {
  const text = JSON.stringify(value).replaceAll("/", String.raw`\/`);
  const escaped = text.replaceAll(/[^\0-\x7f]/g, (unit) => String.raw`\u` + unit.charCodeAt(0).toString(16).padStart(4, "0"));
  return Buffer.from(escaped, "ascii");
}

function metaError(code: number, title: string): Fields {
  return { code, title, message: title, error_data: { details: title } };
}
