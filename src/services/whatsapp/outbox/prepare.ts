/** From a claimed message to the body of its request. What it shows is brought to Meta first; nothing here could send it. */
import { outgoingOf } from "../../../core/outgoing.ts";
import { encodeMessage, mediaAtMeta, mediaIn } from "../graph/encode.ts";
import type { MediaKind } from "../graph/shape.ts";
import type { ClaimedSend } from "./claim.ts";
import type { AttemptOutcome } from "./outcome.ts";

export type Prepared =
  | { kind: "ready"; body: { readonly [key: string]: unknown } }
  | Extract<AttemptOutcome, { kind: "unsendable" | "not_ready" | "refused" }>;
export type PrepareBody = (send: ClaimedSend) => Promise<Prepared>;

/** Brings a file that was uploaded here to Meta, once per number. */
export type ResolveMedia = (send: ClaimedSend, file: { mediaId: string; kind: MediaKind }) => Promise<ResolvedMedia>;
export type ResolvedMedia = { kind: "ready"; waMediaId: string } | Exclude<Prepared, { kind: "ready" }>;

export function createPrepareBody(resolveMedia: ResolveMedia): PrepareBody {
  return async (send) => {
    const content = outgoingOf(send.content);
    if (content === null) return unsendable("What is stored of it is nothing that can be sent", "Send it again.");
    const to = send.groupId === null ? { phone: send.phone, userId: send.userId } : { groupId: send.groupId };
    if (!("groupId" in to) && to.phone === null && to.userId === null) {
      return unsendable("Nobody knows where it should go", "No phone and no user id of this customer is known.");
    }
    const uploaded = new Map<string, string>();
    for (const { ref, kind } of mediaIn(content)) {
      if (!("mediaId" in ref) || uploaded.has(ref.mediaId)) continue;
      const media = await resolveMedia(send, { mediaId: ref.mediaId, kind });
      if (media.kind !== "ready") return media;
      uploaded.set(ref.mediaId, media.waMediaId);
    }
    const body = encodeMessage({
      to,
      content,
      replyTo: send.replyTo,
      callback: send.messageId,
      media: (ref) => ("mediaId" in ref ? { id: uploaded.get(ref.mediaId) ?? "" } : mediaAtMeta(ref)),
    });
    return { kind: "ready", body };
  };
}

/** Files of ours in a message: what Graph says about its media may be about them. */
export function ownMediaIn(send: ClaimedSend): string[] {
  const content = outgoingOf(send.content);
  return content === null ? [] : mediaIn(content).flatMap(({ ref }) => ("mediaId" in ref ? [ref.mediaId] : []));
}

function unsendable(title: string, details: string): Prepared {
  return { kind: "unsendable", error: { code: null, title, details } };
}
