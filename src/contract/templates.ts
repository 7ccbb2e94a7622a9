/** Message templates as they are read, searched and tried out. */
import { Type, type Static } from "typebox";
import { limits } from "../limits.ts";
import { AnyJson, Id, Nullable, OneOf, Text, Time } from "./json.ts";
import { OutgoingTemplate } from "./outgoing-template.ts";

/**
 * In the order of a template's life. At one and the same time (Meta's times are whole seconds) the later word counts, whichever came first.
 */
export const templateStatuses = [
  "unknown",
  "pending",
  "approved",
  "flagged",
  "locked",
  "limit_exceeded",
  "rejected",
  "in_appeal",
  "paused",
  "archived",
  "disabled",
  "pending_deletion",
  "deleted",
] as const;
export type TemplateStatus = (typeof templateStatuses)[number];

const Header = Nullable(Type.Object({ kind: Type.String(), text: Type.Optional(Type.String()), format: Type.Optional(Type.String()) }));
const Button = Type.Object({
  kind: Type.String({ description: "quick_reply, url, phone_number, copy_code, otp, flow, …" }),
  text: Type.String(),
  url: Type.Optional(Type.String()),
  phone: Type.Optional(Type.String()),
  type: Type.Optional(Type.String()),
});

/** Three sentences, for people. */
const Sentence = Type.Object({ he: Type.String(), en: Type.String(), ar: Type.String() });

const facts = {
  id: Id,
  accountId: Id,
  name: Type.String(),
  language: Type.String({ examples: ["en_US"] }),
  waTemplateId: Nullable(Type.String()),
  status: OneOf(templateStatuses, { description: "`unknown` until Meta has said" }),
  usable: Type.Boolean({ description: "It is offered: approved, and its parts are known" }),
  sentence: Nullable(Sentence),
  reason: Nullable(Type.String({ description: "Why Meta rejected or paused it, in Meta's words" })),
  pausedUntil: Nullable(Time),
  quality: Nullable(Type.String({ description: "GREEN, YELLOW, RED or UNKNOWN" })),
  category: Nullable(Type.String({ description: "MARKETING, UTILITY or AUTHENTICATION" })),
  previousCategory: Nullable(Type.String()),
  correctCategory: Nullable(Type.String({ description: "What Meta takes it to be" })),
  categoryChangesAt: Nullable(Time),
};

export const Template = Type.Object({
  ...facts,
  parameterFormat: Nullable(OneOf(["positional", "named"])),
  header: Header,
  body: Nullable(Type.String()),
  footer: Nullable(Type.String()),
  buttons: Type.Array(Button),
  cards: Type.Array(Type.Object({ header: Header, body: Nullable(Type.String()), buttons: Type.Array(Button) })),
  offer: Nullable(Type.Object({ text: Type.String(), expires: Type.Boolean() })),
  unrecognised: Type.Array(AnyJson, { description: "Parts that this version does not know" }),
  syncedAt: Nullable(Time),
  createdAt: Time,
});
export type Template = Static<typeof Template>;

const Flag = Type.Union([Type.Boolean(), Type.Literal("true"), Type.Literal("false")]);

export const TemplateFilter = Type.Object({
  search: Type.Optional(Text({ maxLength: limits.nameCharsMax, description: "Part of the name or of the body" })),
  status: Type.Optional(OneOf(templateStatuses)),
  category: Type.Optional(Text({ maxLength: limits.wordCharsMax })),
  language: Type.Optional(Text({ maxLength: limits.wordCharsMax })),
  connectionId: Type.Optional(Id),
  accountId: Type.Optional(Id),
  usable: Type.Optional(Flag),
});
export type TemplateFilter = Static<typeof TemplateFilter>;

const { type: _type, name: _name, language: _language, ...fill } = OutgoingTemplate.properties;
export const PreviewTemplate = Type.Object(
  {
    parameters: Type.Optional(
      Type.Object(fill, { additionalProperties: false, description: "As in a message's content, without type, name and language" }),
    ),
  },
  { additionalProperties: false },
);
export type PreviewTemplate = Static<typeof PreviewTemplate>;

const RenderedHeader = Nullable(Type.Object({ kind: Type.String(), text: Nullable(Type.String()) }));
const RenderedButton = Type.Object({
  kind: Type.String(),
  text: Type.String(),
  value: Nullable(Type.String({ description: "Where it leads, or what it copies" })),
});
const Fault = Type.Object({ field: Type.String(), detail: Type.String() });

export const TemplatePreview = Type.Object({
  ...facts,
  header: RenderedHeader,
  body: Nullable(Type.String()),
  footer: Nullable(Type.String()),
  buttons: Type.Array(RenderedButton),
  cards: Type.Array(Type.Object({ header: RenderedHeader, body: Nullable(Type.String()), buttons: Type.Array(RenderedButton) })),
  missing: Type.Array(Fault, { description: "What is still to be filled in" }),
  faults: Type.Array(Fault, { description: "What does not fit the template" }),
});
export type TemplatePreview = Static<typeof TemplatePreview>;

export const SyncTemplates = Type.Object(
  { accountId: Type.Optional(Type.String({ format: "uuid", description: "Needed where the tenant has several accounts" })) },
  { additionalProperties: false },
);

export const SyncedTemplates = Type.Object({
  accountId: Id,
  listed: Type.Integer(),
  added: Type.Integer(),
  changed: Type.Integer({ description: "Status, quality, category or parts" }),
  removed: Type.Integer(),
  unusable: Type.Integer({ description: "Lines of Meta's list without a name or a language" }),
});
export type SyncedTemplates = Static<typeof SyncedTemplates>;
