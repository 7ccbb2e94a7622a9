/**
 * Whether a customer's message gets the automatic reply "we can only handle text and images for now". The cap per conversation is judged
 * here for the common case and claimed again in the statement that writes, which alone decides between two workers.
 */
export type AutoReplyFacts = {
  update: {
    /** Only a customer's own message is answered; echoes, calls and the rest are not. */
    kind: string;
    /** Meta's own word, or `unrecognised`. */
    type: string;
    role: string;
    groupId: string | null;
    /** Another responder owns the thread. */
    isStandby: boolean;
    /** Code of the message's first error. */
    errorCode: number | null;
    /** The sender is one of our own numbers: two such programs would answer each other for ever. */
    isFromOwnNumber: boolean;
  };
  tenant: {
    autoReplyEnabled: boolean;
    supportedTypes: readonly string[];
    autoReplyIntervalMs: number;
    locale: string;
  };
  conversation: {
    autoRepliedAtMs: number | null;
    /** By the database's clock and with the margin of promise I7. */
    isWindowOpen: boolean;
    /** A discovered connection has no token to send with. */
    canSend: boolean;
  };
  nowMs: number;
};

export type AutoReplyDecision =
  | { reply: true; locale: string }
  | {
      reply: false;
      reason:
        | "switched_off"
        | "not_a_message"
        | "supported"
        | "message_unavailable"
        | "group"
        | "standby"
        | "own_number"
        | "no_token"
        | "window_closed"
        | "replied_lately";
    };

/** Taps and the like need no support: they answer what we asked, or change what was said. */
const neverUnsupported: ReadonlySet<string> = new Set(["interactive", "button", "reaction", "edit", "revoke", "system", "call"]);

/** Meta holds the message back for now; typical of an ad's first lead, who must not be told off. */
const messageUnavailable = 131_060;

export function autoReplyDecision({ update, tenant, conversation, nowMs }: AutoReplyFacts): AutoReplyDecision {
  if (!tenant.autoReplyEnabled) return { reply: false, reason: "switched_off" };
  if (update.kind !== "message" || update.role !== "message") return { reply: false, reason: "not_a_message" };
  if (neverUnsupported.has(update.type) || tenant.supportedTypes.includes(update.type)) return { reply: false, reason: "supported" };
  if (update.errorCode === messageUnavailable) return { reply: false, reason: "message_unavailable" };
  if (update.groupId !== null) return { reply: false, reason: "group" };
  if (update.isStandby) return { reply: false, reason: "standby" };
  if (update.isFromOwnNumber) return { reply: false, reason: "own_number" };
  if (!conversation.canSend) return { reply: false, reason: "no_token" };
  if (!conversation.isWindowOpen) return { reply: false, reason: "window_closed" };
  const { autoRepliedAtMs } = conversation;
  if (autoRepliedAtMs !== null && nowMs - autoRepliedAtMs < tenant.autoReplyIntervalMs) return { reply: false, reason: "replied_lately" };
  return { reply: true, locale: tenant.locale };
}
