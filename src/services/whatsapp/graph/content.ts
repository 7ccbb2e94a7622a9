/**
 * The shapes of `content`: everything that Kesher stores about what a message says, in our own words. `v` is the version of the set.
 * A field marked `?` is left out when Meta did not send it; `null` means that it belongs to the shape and was missing or unusable.
 */
import type { Json } from "./updates.ts";

/** May accompany any message. */
export type Extras = {
  /** The quoted or answered message. `from` is its sender: digits, or a user id. */
  context?: { waMessageId: string | null; from: string | null };
  forwarded?: true;
  frequentlyForwarded?: true;
  /** The catalogue item from which the customer wrote. */
  referredProduct?: { catalogId: string | null; productRetailerId: string | null };
  /** The ad or post that brought the customer. `sourceType` is `ad` or `post`. */
  referral?: Referral;
  /** What another responder's conversation was about (Conversation Routing). */
  conversationSummary?: string;
  /** Identity check of the number; `hash` changes when the customer's device does. */
  identity?: { acknowledged: boolean | null; createdAtMs: number | null; hash: string | null };
  errors?: ContentError[];
};

export type Referral = {
  sourceUrl?: string;
  sourceId?: string;
  sourceType?: string;
  headline?: string;
  body?: string;
  mediaType?: string;
  imageUrl?: string;
  videoUrl?: string;
  thumbnailUrl?: string;
  ctwaClid?: string;
  welcomeMessage?: string;
};

export type ContentError = { code: number | null; title: string | null; details: string | null };

type Message<Kind extends string> = Extras & { v: 1; kind: Kind };

export type TextContent = Message<"text"> & { body: string };

/** `mediaId` is good for 7 days, `url` for minutes. `mediaId` is null only beside `url` or `errors`. */
export type MediaContent = Message<"image" | "video" | "audio" | "document" | "sticker"> & {
  mediaId: string | null;
  mimeType: string | null;
  sha256: string | null;
  caption?: string;
  filename?: string;
  /** A voice note. */
  voice?: boolean;
  animated?: boolean;
  url?: string;
};

export type LocationContent = Message<"location"> & {
  latitude: number;
  longitude: number;
  name: string | null;
  address: string | null;
  url: string | null;
};

export type ContactsContent = Message<"contacts"> & { contacts: SharedContact[] };
export type SharedContact = {
  name: string | null;
  phones: { phone: string | null; waId: string | null; type: string | null }[];
  emails: string[];
  org: string | null;
  /** `contact_request`: the sender shared the own number by Meta's button. */
  origin: string | null;
  vcard?: string;
};

/** Answers to interactive messages; the message's `type` is `interactive` for all. */
export type InteractiveContent =
  | (Message<"button_reply"> & { id: string | null; title: string | null })
  | (Message<"list_reply"> & { id: string | null; title: string | null; description: string | null })
  /** `response` is the JSON that the flow gave; where that cannot be read, `responseText` is what came. */
  | (Message<"flow_reply"> & { name: string | null; body: string | null; response: Json; responseText?: string })
  | (Message<"call_permission_reply"> & {
      response: string | null;
      isPermanent: boolean | null;
      expiresAtMs: number | null;
      responseSource: string | null;
    })
  /** Any other, or one of the above in another shape. */
  | (Message<"interactive"> & { subtype: string | null; payload: Json });

/** A tap on a template's quick reply. */
export type ButtonContent = Message<"button"> & { text: string | null; payload: string | null };

/** `emoji` null: the reaction was taken back. The message it belongs to is the update's target. */
export type ReactionContent = Message<"reaction"> & { emoji: string | null };

export type OrderContent = Message<"order"> & {
  catalogId: string | null;
  text: string | null;
  items: { productRetailerId: string | null; quantity: number | null; itemPrice: number | null; currency: string | null }[];
};

/** `waId` and `userId` are the new ones. `body` is Meta's sentence, for people only. */
export type SystemContent = Message<"system"> & {
  subtype: string | null;
  body: string | null;
  waId?: string;
  userId?: string;
  parentUserId?: string;
  previousUserId?: string;
  /** The old number, in older payloads. */
  customer?: string;
};

/** Meta could not show the message. `unsupportedType` says what it was, where Meta does. */
export type UnsupportedContent = Message<"unsupported"> & { unsupportedType: string | null };

/** `message` is the new version. */
export type EditContent = Message<"edit"> & { message: MessageContent };
export type RevokeContent = Message<"revoke">;

/** A type that we do not know, or a known one in a shape that we cannot read; `payload` is what stands under its name. */
export type UnrecognisedContent = Message<"unrecognised"> & { originalType: string | null; payload: Json };

export type MessageContent =
  | TextContent
  | MediaContent
  | LocationContent
  | ContactsContent
  | InteractiveContent
  | ButtonContent
  | ReactionContent
  | OrderContent
  | SystemContent
  | UnsupportedContent
  | EditContent
  | RevokeContent
  | UnrecognisedContent;

/** Session descriptions (SDP) are left out: large, and of no use once the call is over. */
export type CallContent = {
  v: 1;
  kind: "call" | "call_status";
  status?: string;
  durationSeconds?: number;
  startedAtMs?: number;
  endedAtMs?: number;
  /** biz_opaque_callback_data. */
  callback?: string;
  /** What the call button or link carried. */
  payload?: string;
  recording?: CallMedia;
  transcript?: CallMedia;
  errors?: ContentError[];
};

export type CallMedia = { mediaId: string | null; mimeType: string | null; sha256: string | null; url?: string };

/** An element of `value.errors`. `value` is the whole element. */
export type ErrorContent = { v: 1; kind: "error"; code: number | null; title: string | null; details: string | null; value: Json };

/** A change that concerns the account; `value` is Meta's own, cleaned. */
export type ChangeContent = { v: 1; kind: "change"; value: Json };
