/** A file that could not be fetched, asked for again by a person: after a token was mended, or a disk emptied. */
import type { Media } from "../../../contract/media.ts";
import { Rejection } from "../../../core/rejection.ts";
import type { TenantScope } from "../../../core/scope.ts";
import type { Db } from "../../../db/pool.ts";
import { statement } from "../../../db/statement.ts";
import { tenantTransaction } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import { appendActivity } from "../../activity/append.ts";
import { appendAudit, type By } from "../../audit/append.ts";
import { enqueue } from "../../jobs.ts";
import { findMediaRow, shownMedia, type MediaRow } from "./media.ts";

/** The number of the attempt grows, too: whoever was taken for dead at the last one still changes nothing. */
const reopen = statement(
  "media_again.reopen",
  `update whatsapp_media f set state = 'pending', attempts = f.attempts + 1, started_at = null, crashes = 0, error_code = null, error_reason = null
     from whatsapp_messages m
    where f.tenant_id = $1 and f.id = $2 and (f.state in ('failed', 'refused') or f.state = 'pending' and f.started_at is null) and m.tenant_id = f.tenant_id and m.id = f.message_id
    returning m.connection_id as "connectionId", m.id as "messageId", m.conversation_id as "conversationId"`,
  { connectionId: "uuid", messageId: "uuid", conversationId: "uuid" },
);

/**
 * The file as it is then: `pending`, also when it was so before. Throws `not_found`, and `conflict` for what is here already or what Meta
 * keeps no longer. How often calls may fail stays as it is (`media/calls.ts`), so this may be asked as often as one likes.
 */
export async function fetchMediaAgain(app: Db, scope: TenantScope, id: string, { actor, nowMs }: By): Promise<Media> {
  const { tenantId } = scope;
  return tenantTransaction(app, scope, async (tx) => {
    const before = await findMediaRow(tx, scope, id);
    refuseUseless(before, nowMs);
    await appendAudit(tx, actor, [{ tenantId, action: "media.fetched_again", subject: { kind: "media", id } }], nowMs);
    for (const { connectionId, messageId, conversationId } of await tx.query(reopen, [tenantId, id])) {
      // Where a job waits already this adds none.
      await enqueue(tx, "media-fetch", [{ tenantId, connectionId, mediaId: id }]);
      if (before.state === "pending") continue;
      const data = { mediaId: id, state: "pending" };
      await appendActivity(tx, [{ tenantId, type: "message.media_changed", conversationId, messageId, data }], nowMs);
    }
    return shownMedia(await findMediaRow(tx, scope, id));
  });
}

function refuseUseless({ state, receivedAtMs }: MediaRow, nowMs: number): void {
  if (state === "stored") throw new Rejection("conflict", 409, "The file is here");
  if (state === "expired" || nowMs >= receivedAtMs + limits.mediaKeptByMetaMs) {
    throw new Rejection("conflict", 409, "Meta keeps a file for 7 days, and these are over");
  }
}
