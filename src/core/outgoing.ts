/**
 * What is stored of a message that is sent, and the way back. The stored form has the kinds of the inbound decoder
 * (`services/whatsapp/graph/content.ts`), so that an inbox shows both alike; nothing of what was asked for is lost, since the worker that
 * sends it encodes from the stored row.
 */
import type { ContactCard, OutgoingContent } from "../contract/outgoing.ts";
import type { OutgoingInteractive } from "../contract/outgoing-interactive.ts";
import type { MediaRef } from "../contract/outgoing-media.ts";
import type { OutgoingTemplate } from "../contract/outgoing-template.ts";
import { checkOutgoing } from "./outgoing-rules.ts";

/** As inbound media, with `media`, the reference to send. `mediaId` is Meta's id, where there is one already. */
type StoredMedia = {
  media: MediaRef;
  mediaId: string | null;
  mimeType: null;
  sha256: null;
  url?: string;
  caption?: string;
  filename?: string;
  voice?: boolean;
};
/** As inbound contacts; `card` is what was asked for. */
type StoredContact = {
  name: string;
  phones: { phone: string | null; waId: string | null; type: string | null }[];
  emails: string[];
  org: string | null;
  origin: null;
  card: ContactCard;
};

export type StoredOutgoing = { v: 1 } & (
  | { kind: "text"; body: string; previewUrl?: boolean }
  | ({ kind: "image" | "video" | "audio" | "document" | "sticker" } & StoredMedia)
  | { kind: "location"; latitude: number; longitude: number; name: string | null; address: string | null; url: null }
  | { kind: "contacts"; contacts: StoredContact[] }
  | { kind: "reaction"; emoji: string | null; waMessageId: string }
  /** `body`: what the customer reads, where the template's text is known. */
  | { kind: "template"; name: string; language: string; body?: string; parameters: TemplateParameters }
  | ({ kind: "interactive" } & DistributiveOmit<OutgoingInteractive, "type">)
);
type TemplateParameters = Omit<OutgoingTemplate, "type" | "name" | "language">;
type DistributiveOmit<Union, Key extends PropertyKey> = Union extends unknown ? Omit<Union, Key> : never;

/** `body` is the filled-in text of a template. Fit for `whatsapp_messages.content`. */
export function storedContent(content: OutgoingContent, shown: { body?: string | null } = {}): StoredOutgoing {
  switch (content.type) {
    case "text": {
      const { type: kind, ...fields } = content;
      return { v: 1, kind, ...fields };
    }
    case "image":
    case "video":
    case "audio":
    case "document":
    case "sticker": {
      const { type: kind, media, ...fields } = content;
      const mediaId = "waMediaId" in media ? media.waMediaId : null;
      const url = "link" in media ? { url: media.link } : {};
      return { v: 1, kind, media, mediaId, mimeType: null, sha256: null, ...url, ...fields };
    }
    case "location": {
      const { latitude, longitude, name = null, address = null } = content;
      return { v: 1, kind: "location", latitude, longitude, name, address, url: null };
    }
    case "contacts":
      return { v: 1, kind: "contacts", contacts: content.contacts.map(storedContact) };
    case "reaction":
      return { v: 1, kind: "reaction", emoji: content.emoji === "" ? null : content.emoji, waMessageId: content.waMessageId };
    case "template": {
      const { type: kind, name, language, ...parameters } = content;
      const body = typeof shown.body === "string" ? { body: shown.body } : {};
      return { v: 1, kind, name, language, ...body, parameters };
    }
    case "interactive": {
      const { type: kind, ...fields } = content;
      return { v: 1, kind, ...fields };
    }
    default:
      return content satisfies never;
  }
}

function storedContact(card: ContactCard): StoredContact {
  return {
    name: card.name.formattedName,
    phones: (card.phones ?? []).map(({ phone = null, waId = null, type = null }) => ({ phone, waId, type })),
    emails: (card.emails ?? []).flatMap(({ email }) => email ?? []),
    org: card.org?.company ?? null,
    origin: null,
    card,
  };
}

/** Null when what is stored is nothing that can be sent. */
export function outgoingOf(stored: unknown): OutgoingContent | null {
  const content = isRecord(stored) ? contentOf(stored) : null;
  // The check leaves exactly what the schema describes.
  return content !== null && checkOutgoing(content).length === 0 ? (content as OutgoingContent) : null;
}

function contentOf(stored: Fields): Fields | null {
  const { v: _v, kind, ...fields } = stored;
  switch (kind) {
    case "text":
    case "interactive":
      return { type: kind, ...fields };
    case "image":
    case "video":
    case "audio":
    case "document":
    case "sticker": {
      const { media, caption, filename, voice } = fields;
      return defined({ type: kind, media, caption, filename, voice });
    }
    case "location": {
      const { latitude, longitude, name, address } = fields;
      return defined({ type: kind, latitude, longitude, name, address });
    }
    case "contacts": {
      const contacts: unknown[] = Array.isArray(fields["contacts"]) ? fields["contacts"] : [];
      return { type: kind, contacts: contacts.map((contact) => (isRecord(contact) ? contact["card"] : null)) };
    }
    case "reaction":
      return { type: kind, waMessageId: fields["waMessageId"], emoji: fields["emoji"] ?? "" };
    case "template": {
      const { name, language, parameters } = fields;
      return { type: kind, name, language, ...(isRecord(parameters) ? parameters : {}) };
    }
    default:
      return null;
  }
}

/** Meta's own word for the column `type`. */
export function typeOf(content: OutgoingContent): string {
  return content.type;
}

/** What the row is to the conversation; the message that a reaction is about is `targetOf`. */
export function roleOf(content: OutgoingContent): "message" | "reaction" {
  return content.type === "reaction" ? "reaction" : "message";
}

/** The message that a reaction belongs to. */
export function targetOf(content: OutgoingContent): string | null {
  return content.type === "reaction" ? content.waMessageId : null;
}

/** Whether it may be sent inside the window only. */
export function isFreeform(content: OutgoingContent): boolean {
  return content.type !== "template";
}

function defined(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));
}

type Fields = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
