/**
 * Reactions, edits and revokes are rows of their own that name another message by its wamid; they are resolved when that message is
 * read, so that they may have come first (I3). Of a sender's reactions to one message only the latest counts; an edit or revoke counts
 * only when it comes from the message's own side.
 */
import type { Reaction } from "../../contract/messages.ts";
import { previewText } from "../../core/preview.ts";
import { texts, uuids } from "../../db/arrays.ts";
import { statement, time, type RowOf } from "../../db/statement.ts";
import type { Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";

/** Enough of a message to look up what points at it and what it points at. */
export type Referable = {
  connectionId: string;
  waMessageId: string | null;
  direction: string;
  role: string;
  type: string;
  content: unknown;
  targetWaMessageId: string | null;
};

export type Resolved = {
  content: unknown;
  reactions: Reaction[];
  editedAt: string | null;
  revokedAt: string | null;
  replyTo: { waMessageId: string; id: string | null; preview: string | null } | null;
};

const referenceRow = {
  connectionId: "uuid",
  target: "text",
  role: "text",
  direction: "text",
  content: "json",
  senderPhone: "text?",
  senderUserId: "text?",
  atMs: "time",
} as const;
type Reference = RowOf<typeof referenceRow>;

/** One row per target, role and sender: the latest. In a conversation of two, each side is one sender, however it is known. */
const selectReferences = statement(
  "message_references.select",
  `select "connectionId", target, role, direction, content, "senderPhone", "senderUserId", "atMs" from (
     select distinct on (r.connection_id, r.target_wa_message_id, r.role, r.direction,
         case when r.role = 'reaction' and c.group_id is not null then coalesce(r.sender_user_id, r.sender_phone, '') else '' end)
       r.connection_id as "connectionId", r.target_wa_message_id as target, r.role, r.direction, r.content,
       r.sender_phone as "senderPhone", r.sender_user_id as "senderUserId", r.wa_timestamp as "atMs", r.wa_message_id
     from (select distinct * from unnest($2::uuid[], $3::text[]) as t (connection_id, wa_message_id)) t
     join whatsapp_messages r on r.tenant_id = $1 and r.connection_id = t.connection_id and r.target_wa_message_id = t.wa_message_id
       and r.role in ('reaction', 'edit', 'revoke')
     join whatsapp_conversations c on c.tenant_id = r.tenant_id and c.id = r.conversation_id
     order by r.connection_id, r.target_wa_message_id, r.role, r.direction,
       case when r.role = 'reaction' and c.group_id is not null then coalesce(r.sender_user_id, r.sender_phone, '') else '' end,
       r.wa_timestamp desc, r.wa_message_id desc
   ) latest order by "atMs", wa_message_id limit $4`,
  referenceRow,
);
const targetRow = {
  id: "uuid",
  connectionId: "uuid",
  waMessageId: "text",
  direction: "text",
  type: "text",
  content: "json",
} as const;
const selectTargets = statement(
  "message_references.targets",
  `select m.id, m.connection_id as "connectionId", m.wa_message_id as "waMessageId", m.direction, m.type, m.content
   from (select distinct * from unnest($2::uuid[], $3::text[]) as t (connection_id, wa_message_id)) t
   join whatsapp_messages m on m.tenant_id = $1 and m.connection_id = t.connection_id and m.wa_message_id = t.wa_message_id`,
  targetRow,
);

/** Aligned with `messages`. Two statements, whatever their number. */
export async function resolveReferences(tx: Tx, tenantId: string, messages: readonly Referable[]): Promise<Resolved[]> {
  const quoted = messages.filter((message) => message.role === "message" && message.targetWaMessageId !== null);
  const targets =
    quoted.length === 0
      ? []
      : await tx.query(selectTargets, [
          tenantId,
          uuids(quoted.map((message) => message.connectionId)),
          texts(quoted.map((message) => message.targetWaMessageId)),
        ]);
  const named = [...messages.filter((message) => message.waMessageId !== null), ...targets];
  const references =
    named.length === 0
      ? []
      : await tx.query(selectReferences, [
          tenantId,
          uuids(named.map((message) => message.connectionId)),
          texts(named.map((message) => message.waMessageId)),
          limits.messageReferencesMax,
        ]);
  const byTarget = Map.groupBy(references, (reference) => keyOf(reference.connectionId, reference.target));
  const targetByKey = new Map(targets.map((target) => [keyOf(target.connectionId, target.waMessageId), target]));
  return messages.map((message) => {
    const own = message.waMessageId === null ? [] : (byTarget.get(keyOf(message.connectionId, message.waMessageId)) ?? []);
    const waMessageId = message.role === "message" ? message.targetWaMessageId : null;
    if (waMessageId === null) return { ...applied(message, own), replyTo: null };
    const key = keyOf(message.connectionId, waMessageId);
    const target = targetByKey.get(key);
    const preview = target === undefined ? null : previewText(target.type, applied(target, byTarget.get(key) ?? []).content);
    return { ...applied(message, own), replyTo: { waMessageId, id: target?.id ?? null, preview } };
  });
}

/** A revoke is the last word, also over an edit that claims a later time: what somebody took back is not shown. */
function applied(message: { direction: string; content: unknown }, references: readonly Reference[]): Omit<Resolved, "replyTo"> {
  const own = references.filter((reference) => reference.direction === message.direction);
  const revoke = own.find((reference) => reference.role === "revoke");
  const edit = own.find((reference) => reference.role === "edit");
  const editedContent = edit === undefined ? null : fieldOf(edit.content, "message");
  const isEdited = editedContent !== null && typeof editedContent === "object";
  return {
    content: revoke !== undefined ? { v: 1, kind: "revoked" } : isEdited ? editedContent : message.content,
    reactions: references.flatMap(reactionOf),
    editedAt: edit !== undefined && isEdited ? time(edit.atMs) : null,
    revokedAt: revoke === undefined ? null : time(revoke.atMs),
  };
}

function reactionOf(reference: Reference): Reaction[] {
  const emoji = reference.role === "reaction" ? fieldOf(reference.content, "emoji") : null;
  if (typeof emoji !== "string" || emoji === "") return [];
  const isCustomer = reference.direction === "inbound";
  return [
    {
      emoji,
      from: isCustomer ? "customer" : "business",
      waId: isCustomer ? reference.senderPhone : null,
      userId: isCustomer ? reference.senderUserId : null,
      at: time(reference.atMs),
    },
  ];
}

function fieldOf(content: unknown, name: string): unknown {
  return typeof content === "object" && content !== null ? ((content as Readonly<Record<string, unknown>>)[name] ?? null) : null;
}

function keyOf(connectionId: string, waMessageId: string): string {
  return `${connectionId} ${waMessageId}`;
}
