/** The events of the inbox: every visible deed has one, in its own transaction. They hold ids, never what was written. */
import type { InboxEvents } from "../../contract/inbox.ts";
import type { Actor } from "../../core/actor.ts";
import type { ActivityEvent } from "../activity/append.ts";

type Told = keyof InboxEvents;

export function inboxEvent<Type extends Told>(
  type: Type,
  { tenantId, conversationId }: { tenantId: string; conversationId: string | null },
  data: InboxEvents[Type],
): ActivityEvent {
  return { tenantId, type, conversationId, messageId: null, data: { ...data } };
}

/** Without address and request: every reader of the tenant's activity sees it. */
export function eventActor({ kind, id, name }: Actor): { kind: Actor["kind"]; id: string | null; name: string } {
  return { kind, id, name };
}
