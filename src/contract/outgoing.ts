/**
 * What can be sent: every type of message that Meta's send API takes (developer pages as of October 2026), in our own words. Limits are
 * Meta's. What no schema can say is in `core/outgoing-rules.ts`; who validates calls `checkOutgoing` there, which does both.
 */
import { Type, type Static } from "typebox";
import { limits } from "../limits.ts";
import { Text } from "./json.ts";
import { OutgoingInteractive } from "./outgoing-interactive.ts";
import { Closed, MediaRef } from "./outgoing-media.ts";
import { OutgoingTemplate } from "./outgoing-template.ts";

const Caption = Type.Optional(Text({ maxLength: limits.metaCaptionCharsMax }));
const Filename = Type.Optional(Text({ maxLength: limits.metaFilenameCharsMax }));

const OutgoingText = Closed({
  type: Type.Literal("text"),
  body: Text({ maxLength: limits.metaTextCharsMax }),
  previewUrl: Type.Optional(Type.Boolean({ description: "Show a preview of the first address in the text" })),
});
const OutgoingImage = Closed({ type: Type.Literal("image"), media: MediaRef, caption: Caption });
const OutgoingVideo = Closed({ type: Type.Literal("video"), media: MediaRef, caption: Caption });
const OutgoingAudio = Closed({
  type: Type.Literal("audio"),
  media: MediaRef,
  voice: Type.Optional(Type.Boolean({ description: "Show it as a voice note (ogg with opus)" })),
});
const OutgoingDocument = Closed({ type: Type.Literal("document"), media: MediaRef, caption: Caption, filename: Filename });
const OutgoingSticker = Closed({ type: Type.Literal("sticker"), media: MediaRef });

const OutgoingLocation = Closed({
  type: Type.Literal("location"),
  latitude: Type.Number({ minimum: -90, maximum: 90 }),
  longitude: Type.Number({ minimum: -180, maximum: 180 }),
  name: Type.Optional(Text({ maxLength: limits.metaPlaceCharsMax })),
  address: Type.Optional(Text({ maxLength: limits.metaPlaceCharsMax })),
});

const Word = Type.Optional(Text());
const entries = { minItems: 1, maxItems: limits.metaContactEntriesMax };
const ContactCard = Closed({
  name: Closed({ formattedName: Text(), firstName: Word, lastName: Word, middleName: Word, prefix: Word, suffix: Word }),
  phones: Type.Optional(Type.Array(Closed({ phone: Word, waId: Word, type: Word }), entries)),
  emails: Type.Optional(Type.Array(Closed({ email: Word, type: Word }), entries)),
  urls: Type.Optional(Type.Array(Closed({ url: Word, type: Word }), entries)),
  addresses: Type.Optional(
    Type.Array(Closed({ street: Word, city: Word, state: Word, zip: Word, country: Word, countryCode: Word, type: Word }), entries),
  ),
  org: Type.Optional(Closed({ company: Word, department: Word, title: Word })),
  birthday: Type.Optional(Type.String({ pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" })),
});
export type ContactCard = Static<typeof ContactCard>;
const OutgoingContacts = Closed({
  type: Type.Literal("contacts"),
  contacts: Type.Array(ContactCard, { minItems: 1, maxItems: limits.metaContactsMax }),
});

const OutgoingReaction = Closed({
  type: Type.Literal("reaction"),
  waMessageId: Text({ maxLength: limits.waIdCharsMax, description: "Meta's id of the message that is reacted to" }),
  emoji: Type.String({ maxLength: limits.metaEmojiCharsMax, pattern: "^[^\\s\\u0000]*$", description: "Empty takes the reaction back" }),
});

export const OutgoingContent = Type.Union([
  OutgoingText,
  OutgoingImage,
  OutgoingVideo,
  OutgoingAudio,
  OutgoingDocument,
  OutgoingSticker,
  OutgoingLocation,
  OutgoingContacts,
  OutgoingReaction,
  OutgoingTemplate,
  OutgoingInteractive,
]);
export type OutgoingContent = Static<typeof OutgoingContent>;
