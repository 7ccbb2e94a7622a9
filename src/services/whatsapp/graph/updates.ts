/**
 * Meta's webhook in our own words: the closed set of shapes that every later stage works on.
 * `decode.ts` makes them; nothing here knows the database.
 */

import type { JsonValue } from "../../../core/text.ts";

/** Which worker an update belongs to. One delivery may hold updates of several lanes. */
export type Lane = "whatsapp-messages" | "whatsapp-statuses" | "whatsapp-account";

/** One element of a webhook body, located but not yet decoded. Cheap: made while the request waits. */
export type LocatedUpdate = {
  /** Ordinal within the body, over all lanes; stable for the same bytes. */
  index: number;
  lane: Lane;
  source: "message" | "status" | "echo" | "call" | "call_status" | "preference" | "error" | "change" | "body";
  /** Under `standby` another responder owns the thread: store, mark, never answer. */
  standby: boolean;
  field: string;
  wabaId: string | null;
  /** When Meta made the body's entry, milliseconds since 1970; the only time that account-level values have. */
  entryAtMs: number | null;
  phoneNumberId: string | null;
  /** Digits only; account-level values name their number by nothing else. */
  displayPhoneNumber: string | null;
  /** `contacts` of the surrounding value, as they came. */
  contacts: readonly unknown[];
  /** Whether the value held no other element. Only then may a sole contact that shares no id with it be its sender. */
  alone: boolean;
  /** The element as `JSON.parse` gave it. */
  element: unknown;
};

export type Update =
  | MessageUpdate
  | EchoUpdate
  | CallUpdate
  | CallStatusUpdate
  | PreferenceUpdate
  | StatusUpdate
  | AccountUpdate
  | BadUpdate;

/** A customer (or group participant) as one element names them. At least one of phone and userId is set. */
export type Peer = {
  /** wa_id: digits only. Absent when the user hides it behind a username. */
  phone: string | null;
  /** Business-scoped user id (BSUID), e.g. `US.80214467730951`. */
  userId: string | null;
  parentUserId: string | null;
  profileName: string | null;
  username: string | null;
};

/** What an element says about two identities being one person. */
export type IdentityLink =
  | { by: "previous_user_id"; previousUserId: string; userId: string | null; phone: string | null }
  | { by: "previous_phone"; previousPhone: string; userId: string | null; phone: string | null }
  | { by: "contact_request"; phone: string };

/**
 * What a row in `whatsapp_messages` is to the conversation.
 * `message` counts and opens the window; `system` is listed, counts nothing, opens nothing;
 * `reaction`, `edit` and `revoke` point at another message and are not listed.
 */
export type Role = "message" | "system" | "reaction" | "edit" | "revoke" | "call";

export type MessageUpdate = {
  kind: "message";
  waMessageId: string;
  /** Meta's time, milliseconds since 1970. Not clamped. */
  atMs: number;
  /** Meta's own word, or `unrecognised`. */
  type: string;
  role: Role;
  from: Peer;
  groupId: string | null;
  content: Content;
  /** The message this one answers, reacts to, edits or revokes. */
  targetWaMessageId: string | null;
  links: readonly IdentityLink[];
  /** Code of the first entry of `errors`, e.g. 131051 or 131060. */
  errorCode: number | null;
};

/**
 * A message that the business sent from its own phone (coexistence) or through another app.
 * `to` has neither phone nor user id only when `groupId` is set.
 */
export type EchoUpdate = Omit<MessageUpdate, "kind" | "from" | "links"> & { kind: "echo"; to: Peer };

export type CallUpdate = {
  kind: "call";
  callId: string;
  event: string;
  atMs: number;
  direction: "user" | "business";
  /** Whether Meta lets this event open the customer service window. */
  opensWindow: boolean;
  peer: Peer;
  content: Content;
};

export type CallStatusUpdate = {
  kind: "call_status";
  callId: string;
  status: string;
  atMs: number;
  /** A business call that the user accepted opens the window. */
  opensWindow: boolean;
  peer: Peer | null;
  content: Content;
};

export type PreferenceUpdate = {
  kind: "preference";
  peer: Peer;
  category: string;
  value: string;
  atMs: number;
};

export type StatusUpdate = {
  kind: "status";
  waMessageId: string;
  /** Meta's own word, or `unrecognised` when there is none; only `sent, delivered, read, played, failed` move a tick. */
  status: string;
  atMs: number;
  recipient: Peer | null;
  groupId: string | null;
  /** Participant of a group (BSUID or phone), or the empty string. */
  participant: string;
  error: StatusError | null;
  pricing: Pricing | null;
  /** Free entry point expiry that Meta reported, milliseconds, if any. */
  freeEntryPointExpiresAtMs: number | null;
  /** biz_opaque_callback_data as it came back. */
  callback: string | null;
};

export type StatusError = { code: number; title: string | null; details: string | null };
export type Pricing = { type: string | null; category: string | null; model: string | null; billable: boolean | null };

/** Everything that concerns the account rather than a conversation; kept whole and shown in activity. */
export type AccountUpdate = {
  kind: "account";
  field: string;
  /** Short word for the list, e.g. the `event` of an account_update; empty when there is none. */
  event: string;
  content: Content;
};

/** An unusable id, time or sender, or a body that cannot be read: parked, never dropped. */
export type BadUpdate = { kind: "bad"; reason: "unreadable" | "bad_update"; detail: string };

/** Stored as `content`; `v` is the version of this shape, `kind` its discriminator. The kinds are listed in `content.ts`. */
export type Content = { v: 1; kind: string } & { [key: string]: Json };
export type Json = JsonValue;
