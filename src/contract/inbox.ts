/** What people do with conversations in the inbox: views, labels, notes to colleagues, canned replies. */
import { Type, type Static } from "typebox";
import { limits } from "../limits.ts";
import { Id, Name, Nullable, OneOf, Text, Time } from "./json.ts";
import { Closed } from "./outgoing-media.ts";

const optional = Type.Optional;

/** Derived: a conversation that is done or snoozed is open again as soon as the customer writes or calls. */
export const conversationStates = ["open", "done", "snoozed"] as const;
export type ConversationState = (typeof conversationStates)[number];

/**
 * `mine` and `unassigned` by assignee; `waiting`: the customer has the last word and no person or bot has answered since (an automatic
 * reply is no answer); `closing_soon`: waiting, and the window ends within `closingWithinHours`. All of them show open conversations
 * unless `state` asks for others; without a view all states are listed.
 */
export const conversationViews = ["mine", "unassigned", "all", "waiting", "closing_soon"] as const;
export type ConversationView = (typeof conversationViews)[number];

/** For the current person; each is counted up to `limits.viewCountMax` and then stays there. */
export const ViewCounts = Type.Object({
  mine: Type.Integer(),
  unassigned: Type.Integer(),
  all: Type.Integer(),
  waiting: Type.Integer(),
  closing_soon: Type.Integer(),
  snoozed: Type.Integer(),
  countMax: Type.Integer({ description: "Counts stop here: show it as `999+`" }),
});
export type ViewCounts = Static<typeof ViewCounts>;

export const ViewCountsQuery = Type.Object({
  closingWithinHours: optional(Type.Integer({ minimum: 1, maximum: 24, default: limits.closingWithinHoursDefault })),
});
export type ViewCountsQuery = Static<typeof ViewCountsQuery>;

/** `snoozed` needs `snoozedUntil`; `assigneeId: null` gives the conversation back. Activity: `conversation.changed`, `conversation.assigned`. */
export const ChangeConversation = Closed({
  state: optional(OneOf(conversationStates)),
  snoozedUntil: optional(Type.String({ maxLength: 40, format: "date-time", description: "When it comes back by itself" })),
  assigneeId: optional(Nullable(Id)),
});
export type ChangeConversation = Static<typeof ChangeConversation>;

/** What was seen: later messages stay unread. Left out: everything that is there. Nothing is told to the customer (see `POST /messages/{id}/read`). */
export const ReadConversation = Closed({ messageId: optional(Id) });
export const ReadState = Type.Object({ unreadCount: Type.Integer() });
export type ReadState = Static<typeof ReadState>;

/** A fixed palette, so that every label is readable in both themes. */
export const labelColours = ["grey", "red", "orange", "amber", "green", "teal", "blue", "indigo", "violet", "pink"] as const;
export type LabelColour = (typeof labelColours)[number];

export const Label = Type.Object({ id: Id, name: Type.String(), colour: OneOf(labelColours), createdAt: Time });
export type Label = Static<typeof Label>;

const LabelName = Name({ maxLength: limits.labelNameCharsMax });
export const CreateLabel = Closed({ name: LabelName, colour: OneOf(labelColours) });
export type CreateLabel = Static<typeof CreateLabel>;
export const ChangeLabel = Closed({ name: optional(LabelName), colour: optional(OneOf(labelColours)) });
export type ChangeLabel = Static<typeof ChangeLabel>;

/** Adds and takes away, so that two people at once undo nothing of each other's. Activity: `conversation.labelled`. */
const LabelIds = Type.Array(Id, { maxItems: limits.labelsPerConversationMax, uniqueItems: true });
export const LabelConversation = Closed({ add: optional(LabelIds), remove: optional(LabelIds) });
export type LabelConversation = Static<typeof LabelConversation>;
export const ConversationLabels = Type.Object({ labelIds: Type.Array(Id) });
export type ConversationLabels = Static<typeof ConversationLabels>;

/** Seen by colleagues only. `author.id` is a person's, or null where a program wrote it. */
export const Note = Type.Object({
  id: Id,
  conversationId: Id,
  body: Type.String(),
  mentions: Type.Array(Id, { description: "People it is meant for" }),
  author: Type.Object({ id: Nullable(Id), name: Type.String() }),
  createdAt: Time,
  editedAt: Nullable(Time),
});
export type Note = Static<typeof Note>;

const NoteBody = Text({ maxLength: limits.noteCharsMax });
const Mentions = Type.Array(Id, { maxItems: limits.noteMentionsMax, uniqueItems: true });
export const CreateNote = Closed({ body: NoteBody, mentions: optional(Mentions) });
export type CreateNote = Static<typeof CreateNote>;
export const ChangeNote = Closed({ body: optional(NoteBody), mentions: optional(Mentions) });
export type ChangeNote = Static<typeof ChangeNote>;
export const NoteParams = Type.Object({ id: Type.String(), noteId: Type.String() });

/** Typed as `/shortcut` in the composer. `{{name}}` and the like are filled in by the client: see `cannedVariables`. */
export const cannedVariables = ["name", "phone", "agent", "business"] as const;
export type CannedVariable = (typeof cannedVariables)[number];

const Shortcut = Type.String({
  minLength: 1,
  maxLength: limits.cannedShortcutCharsMax,
  pattern: "^[\\p{L}\\p{N}_-]+$",
  description: "Letters of any script, digits, - and _",
});
const CannedTexts = Type.Record(
  Type.String({ pattern: "^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$" }),
  Text({ maxLength: limits.cannedTextCharsMax }),
  { minProperties: 1, maxProperties: limits.cannedLanguagesMax, additionalProperties: false, description: "By language: he, en, ar, …" },
);
export const CannedReply = Type.Object({
  id: Id,
  shortcut: Type.String(),
  texts: Type.Record(Type.String(), Type.String()),
  createdAt: Time,
  changedAt: Time,
});
export type CannedReply = Static<typeof CannedReply>;
export const CreateCannedReply = Closed({ shortcut: Shortcut, texts: CannedTexts });
export type CreateCannedReply = Static<typeof CreateCannedReply>;
export const ChangeCannedReply = Closed({ shortcut: optional(Shortcut), texts: optional(CannedTexts) });
export type ChangeCannedReply = Static<typeof ChangeCannedReply>;

/**
 * Events of the inbox. `by` is who did it: `{kind, id, name}`, so that a client knows its own deeds. They hold no text of notes, labels or replies:
 * a client asks for what it shows.
 */
export type InboxEvents = {
  "conversation.changed": { state: ConversationState; previousState: ConversationState; snoozedUntil: string | null; by: EventActor };
  "conversation.assigned": { assigneeId: string | null; previousAssigneeId: string | null; by: EventActor };
  "conversation.labelled": { labelIds: string[]; added: string[]; removed: string[]; by: EventActor };
  "conversation.read": { unreadCount: number };
  "note.created": { noteId: string; mentions: string[]; by: EventActor };
  "note.changed": { noteId: string; mentions: string[]; by: EventActor };
  "note.deleted": { noteId: string; by: EventActor };
  "label.created": { labelId: string; by: EventActor };
  "label.changed": { labelId: string; by: EventActor };
  "label.deleted": { labelId: string; by: EventActor };
  "canned_reply.created": { cannedReplyId: string; by: EventActor };
  "canned_reply.changed": { cannedReplyId: string; by: EventActor };
  "canned_reply.deleted": { cannedReplyId: string; by: EventActor };
};
export type EventActor = { kind: "person" | "api_key" | "operator" | "system"; id: string | null; name: string };
