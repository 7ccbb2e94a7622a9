/** Activity: what happened, in order and without gaps. On the stream `id` is the seq, `event` the type, `data` this JSON. */
import { Type, type Static } from "typebox";
import { limits } from "../limits.ts";
import { AnyJson, Id, Nullable, Time } from "./json.ts";

export const ActivityEvent = Type.Object({
  seq: Type.Integer(),
  type: Type.String({ examples: ["message.received", "message.status_changed", "window.opened"] }),
  conversationId: Nullable(Id),
  messageId: Nullable(Id),
  data: AnyJson,
  createdAt: Time,
});
export type ActivityEvent = Static<typeof ActivityEvent>;

const Seq = Type.String({ pattern: "^[0-9]{1,15}$", description: "The last seq that was read" });

export const ActivityQuery = Type.Object({
  after: Type.Optional(Seq),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.listLimitMax, default: limits.listLimitDefault })),
});
export const StreamQuery = Type.Object({ after: Type.Optional(Seq) });
export const StreamHeaders = Type.Object({ "last-event-id": Type.Optional(Seq) });
