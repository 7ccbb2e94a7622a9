/**
 * Uploads that came through the route in Meta's shape: their ids look like Meta's and are ours. In what is to be sent they become our own, so
 * that the file is brought to Meta first; ids that Meta gave stay as they are.
 */
import type { OutgoingContent } from "../../../contract/outgoing.ts";
import type { TenantScope } from "../../../core/scope.ts";
import { notFound } from "../../../core/rejection.ts";
import { texts, uuids } from "../../../db/arrays.ts";
import { statement } from "../../../db/statement.ts";
import type { Tx } from "../../../db/transaction.ts";
import { mediaIn } from "../graph/encode.ts";

const select = statement(
  "outbox.own_media",
  `select id, wa_media_id as "waMediaId" from whatsapp_media where tenant_id = $1 and direction = 'outbound' and wa_media_id = any ($2::text[])`,
  { id: "uuid", waMediaId: "text" },
);

const selectForeign = statement(
  "outbox.foreign_media",
  `select id from whatsapp_media where tenant_id = $1 and id = any ($2::uuid[]) and connection_id is distinct from $3 limit 1`,
  { id: "uuid" },
);

export async function withOwnMedia(tx: Tx, scope: TenantScope, content: OutgoingContent): Promise<OutgoingContent> {
  const named = mediaIn(content).flatMap(({ ref }) => ("waMediaId" in ref ? [ref.waMediaId] : []));
  if (named.length === 0) return content;
  const rows = await tx.query(select, [scope.tenantId, texts(named)]);
  const ownIds = new Map(rows.map(({ id, waMediaId }) => [waMediaId, id]));
  // One reference to a file takes the place of another.
  return ownIds.size === 0 ? content : (replaced(content, ownIds) as OutgoingContent);
}

/** For callers of one connection: throws `not_found` when what is to be sent holds a file of another one. */
export async function assertMediaOf(tx: Tx, scope: TenantScope, content: OutgoingContent, connectionId: string): Promise<void> {
  const ids = mediaIn(content).flatMap(({ ref }) => ("mediaId" in ref ? [ref.mediaId.toLowerCase()] : []));
  if (ids.length === 0) return;
  if ((await tx.query(selectForeign, [scope.tenantId, uuids(ids), connectionId])).length > 0) throw notFound();
}

function replaced(value: unknown, ownIds: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((item) => replaced(item, ownIds));
  if (typeof value !== "object" || value === null) return value;
  const own = "waMediaId" in value && typeof value.waMediaId === "string" ? ownIds.get(value.waMediaId) : undefined;
  if (own !== undefined) return { mediaId: own };
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaced(item, ownIds)]));
}
