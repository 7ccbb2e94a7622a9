/** What a caller asks to be sent, checked field by field. */
import type { OutgoingContent } from "../../../contract/outgoing.ts";
import { SendEnvelope, type SendMessage } from "../../../contract/sends.ts";
import { checkOutgoing } from "../../../core/outgoing-rules.ts";
import { invalidFields } from "../../../core/rejection.ts";
import { shapeFaults } from "../../../core/shape-faults.ts";
import { time } from "../../../db/statement.ts";
import { limits } from "../../../limits.ts";
import type { Named } from "./recipients.ts";

/** What is to be sent, whoever asks: our own route, the one in Meta's shape, a person who sends anew. */
export type Wish = Named & {
  origin: "api" | "inbox";
  content: OutgoingContent;
  replyTo: { messageId: string } | { waMessageId: string } | null;
  sendAtMs: number | null;
  whenTheyWrite: { expiresAtMs: number } | null;
  callback: string | null;
  resendOf: string | null;
  /** The caller may send from this connection only. */
  onlyConnectionId?: string | null;
};

/** From a body in our own shape. Throws `invalid_request` that names every field. */
export function readWish(body: unknown, nowMs: number): Omit<Wish, "origin"> {
  return wishOf(checked(body), nowMs);
}

function checked(body: unknown): SendMessage {
  const { content, ...envelope } =
    typeof body === "object" && body !== null && !Array.isArray(body) ? { content: undefined, ...body } : { content: undefined };
  const faults = [...shapeFaults(SendEnvelope, envelope, "message"), ...checkOutgoing(content)];
  if (faults.length > 0) throw invalidFields(faults.map(({ field, detail }) => ({ field: field.replace(/^message\./, ""), detail })));
  // Without faults it is what the schema describes.
  return body as SendMessage;
}

const dayMs = 24 * 60 * 60 * 1_000;

function wishOf(body: SendMessage, nowMs: number): Omit<Wish, "origin"> {
  const { sendAt, whenTheyWrite, replyToMessageId, callback = null, content, ...named } = body;
  const latestMs = nowMs + limits.whenTheyWriteDaysMax * dayMs;
  return {
    ...named,
    content,
    replyTo: replyToMessageId === undefined ? null : { messageId: replyToMessageId.toLowerCase() },
    sendAtMs:
      sendAt === undefined ? null : timeIn("sendAt", sendAt, { nowMs, latestMs: nowMs + limits.sendAtDaysMax * dayMs, isPastFine: true }),
    whenTheyWrite:
      whenTheyWrite === undefined
        ? null
        : {
            expiresAtMs:
              whenTheyWrite.expiresAt === undefined
                ? latestMs
                : timeIn("whenTheyWrite.expiresAt", whenTheyWrite.expiresAt, { nowMs, latestMs, isPastFine: false }),
          },
    callback,
    resendOf: null,
  };
}

function timeIn(
  field: string,
  text: string,
  { nowMs, latestMs, isPastFine }: { nowMs: number; latestMs: number; isPastFine: boolean },
): number {
  const atMs = Date.parse(text);
  if (Number.isNaN(atMs)) throw invalidFields([{ field, detail: "is not a time (ISO 8601)" }]);
  if (atMs > latestMs) throw invalidFields([{ field, detail: `is too far ahead: at most ${time(latestMs)}` }]);
  if (atMs <= nowMs && !isPastFine) throw invalidFields([{ field, detail: "has passed" }]);
  return atMs;
}
