/** Our messages in Meta's words. */
import assert from "node:assert/strict";
import type { OutgoingContent } from "../../../contract/outgoing.ts";
import type { MediaRef } from "../../../contract/outgoing-media.ts";
import { contentShapes } from "./content-shapes.ts";
import type { MediaKind, MediaOf } from "./shape.ts";

/** Where a message goes: digits of a phone, or a business-scoped user id. With both the phone is used, as Meta does. */
export type Address = { phone: string | null; userId: string | null };

export type OutgoingMessage = {
  to: Address | { groupId: string };
  /** Checked by `checkOutgoing`. */
  content: OutgoingContent;
  /** Meta's id of the message that this one answers. */
  replyTo: string | null;
  /** Comes back with every status, also when the answer to the request is lost: our message id. */
  callback: string;
  /** What became of the files at Meta. */
  media: MediaOf;
};

/** The body of `POST /{phone_number_id}/messages`. Without a plus Meta may prepend the country code of the business number. */
export function encodeMessage({ to, content, replyTo, callback, media }: OutgoingMessage): { [key: string]: unknown } {
  return {
    messaging_product: "whatsapp",
    ...encodeAddress(to),
    ...(replyTo === null ? {} : { context: { message_id: replyTo } }),
    type: content.type,
    [content.type]: contentShapes[content.type].write(content, media),
    biz_opaque_callback_data: callback,
  };
}

/** The files that a content names, to be brought to Meta before it is sent. */
export function mediaIn(content: OutgoingContent): { ref: MediaRef; kind: MediaKind }[] {
  const found: { ref: MediaRef; kind: MediaKind }[] = [];
  contentShapes[content.type].write(content, (ref, kind) => {
    found.push({ ref, kind });
    return { id: "" };
  });
  return found;
}

/** For content whose files Meta has or fetches by itself. */
export function mediaAtMeta(ref: MediaRef): { id: string } | { link: string } {
  if ("link" in ref) return { link: ref.link };
  assert("waMediaId" in ref, "a file that was uploaded here must be brought to Meta first");
  return { id: ref.waMediaId };
}

export type TextMessage = { to: Address; text: string; messageId: string };

/** A plain text, as the automatic reply is. */
export function encodeTextMessage({ to, text, messageId }: TextMessage): { [key: string]: unknown } {
  const content = { type: "text", body: text, previewUrl: false } as const;
  return encodeMessage({ to, content, replyTo: null, callback: messageId, media: mediaAtMeta });
}

function encodeAddress(to: Address | { groupId: string }): { [key: string]: string } {
  if ("groupId" in to) return { recipient_type: "group", to: to.groupId };
  const { phone, userId } = to;
  if (phone !== null) return { recipient_type: "individual", to: `+${phone}` };
  assert(userId !== null, "a message needs a phone or a user id to go to");
  return { recipient_type: "individual", recipient: userId };
}
