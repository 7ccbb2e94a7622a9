/** Our messages in Meta's words. */
import assert from "node:assert/strict";

/** Where a message goes: digits of a phone, or a business-scoped user id. With both the phone is used, as Meta does. */
export type Address = { phone: string | null; userId: string | null };

export type TextMessage = {
  to: Address;
  text: string;
  /** Our message id; it comes back with every status, also when the answer to the request is lost. */
  messageId: string;
};

/** The body of `POST /{phone_number_id}/messages`. Without a plus Meta may prepend the country code of the business number. */
export function encodeTextMessage({ to, text, messageId }: TextMessage): { [key: string]: unknown } {
  return {
    messaging_product: "whatsapp",
    recipient_type: "individual",
    ...encodeAddress(to),
    type: "text",
    text: { body: text, preview_url: false },
    biz_opaque_callback_data: messageId,
  };
}

function encodeAddress({ phone, userId }: Address): { to: string } | { recipient: string } {
  if (phone !== null) return { to: `+${phone}` };
  assert(userId !== null, "a message needs a phone or a user id to go to");
  return { recipient: userId };
}
