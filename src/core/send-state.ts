/**
 * The life of a message that we send, as a total table: every state names what every event makes of it. `null` means that the event
 * cannot happen there or comes too late, and changes nothing. Two promises live here: nothing leads from `dispatching` back to the
 * queue unless none of the request can have arrived or Graph itself asked for another try (I6), and nothing leaves an end.
 */
export const sendStates = [
  "scheduled",
  "waiting",
  "behind",
  "queued",
  "dispatching",
  "accepted",
  "unknown",
  "failed",
  "cancelled",
] as const;
export type SendState = (typeof sendStates)[number];

export const sendEvents = [
  /** Its time has come, or the customer has written. */
  "due",
  /** The message before it in the conversation has ended. */
  "promoted",
  /** A node has taken it: the request may start. */
  "claimed",
  /** The node gave it back before the request started. */
  "released",
  /** Graph took it. */
  "accepted",
  /** Graph refuses it for good. */
  "refused",
  /** Graph refuses it for now and takes no harm from another try. */
  "postponed",
  /** The request failed before any of it left. */
  "not_sent",
  /** Nobody can know whether it arrived. */
  "lost",
  /** The node that had it is gone. */
  "abandoned",
  /** At the last look the window was closed; nothing was sent. */
  "window_closed",
  /** A status webhook names it by our id. */
  "reported",
  "cancelled",
  "marked_failed",
  /** It waited for the customer for too long. */
  "expired",
] as const;
export type SendEvent = (typeof sendEvents)[number];

/** Events that a state does not know change nothing. */
const ignored = {
  due: null,
  promoted: null,
  claimed: null,
  released: null,
  accepted: null,
  refused: null,
  postponed: null,
  not_sent: null,
  lost: null,
  abandoned: null,
  window_closed: null,
  reported: null,
  cancelled: null,
  marked_failed: null,
  expired: null,
} as const satisfies Record<SendEvent, null>;

export const sendTransitions: Readonly<Record<SendState, Readonly<Record<SendEvent, SendState | null>>>> = {
  scheduled: { ...ignored, due: "queued", cancelled: "cancelled" },
  waiting: { ...ignored, due: "queued", expired: "cancelled", cancelled: "cancelled" },
  behind: { ...ignored, promoted: "queued", cancelled: "cancelled" },
  queued: { ...ignored, claimed: "dispatching", window_closed: "failed", cancelled: "cancelled" },
  dispatching: {
    ...ignored,
    released: "queued",
    accepted: "accepted",
    refused: "failed",
    postponed: "queued",
    not_sent: "queued",
    lost: "unknown",
    abandoned: "unknown",
    window_closed: "failed",
    reported: "accepted",
  },
  accepted: ignored,
  // A late answer of Graph to the node that was thought dead is the truth, too.
  unknown: { ...ignored, accepted: "accepted", refused: "failed", reported: "accepted", marked_failed: "failed" },
  failed: ignored,
  cancelled: ignored,
};

/** What the event makes of the state; null when it changes nothing. */
export function nextSendState(state: SendState, event: SendEvent): SendState | null {
  return sendTransitions[state][event];
}
