/** Where the path in hands files over: rows for them and jobs to fetch them, in the transaction that stores their messages. */
import { safeFileName } from "../../../core/file-name.ts";
import { texts, times, uuids } from "../../../db/arrays.ts";
import { newId } from "../../../db/new-id.ts";
import { statement } from "../../../db/statement.ts";
import type { Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import { enqueue } from "../../jobs.ts";
import { mediaOf } from "./content.ts";

const insert = statement(
  "media.insert_inbound",
  `insert into whatsapp_media (tenant_id, id, connection_id, message_id, direction, kind, wa_media_id, url, url_expires_at, declared_mime_type,
                               file_name, declared_sha256, state, received_at)
   select tenant_id, id, connection_id, message_id, 'inbound', kind, wa_media_id, url, url_expires_at, mime_type, file_name, sha256, 'pending', received_at
     from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::text[], $10::text[],
                 $11::text[], $12::timestamptz[])
       as m (tenant_id, id, connection_id, message_id, kind, wa_media_id, url, url_expires_at, mime_type, file_name, sha256, received_at)
   on conflict do nothing`,
  {},
);

export type MessageWithMedia = {
  tenantId: string;
  connectionId: string;
  messageId: string;
  content: unknown;
  /** Meta's time: the address in the webhook works for 5 minutes after it. */
  atMs: number;
  receivedAtMs: number;
};

/** Two statements for all of them, none when no message has a file. A message that was there before must not be among them. */
export async function queueMedia(tx: Tx, messages: readonly MessageWithMedia[], nowMs: number): Promise<void> {
  const files = messages.flatMap((message) => mediaOf(message.content).map((media) => ({ ...message, ...media, id: newId(nowMs) })));
  if (files.length === 0) return;
  await tx.query(insert, [
    uuids(files.map((file) => file.tenantId)),
    uuids(files.map((file) => file.id)),
    uuids(files.map((file) => file.connectionId)),
    uuids(files.map((file) => file.messageId)),
    texts(files.map((file) => file.kind)),
    texts(files.map((file) => file.waMediaId)),
    texts(files.map((file) => file.url)),
    times(files.map((file) => (file.url === null ? null : file.atMs + limits.mediaUrlFreshMs))),
    texts(files.map((file) => file.mimeType)),
    texts(files.map((file) => safeFileName(file.fileName))),
    texts(files.map((file) => file.sha256)),
    times(files.map((file) => file.receivedAtMs)),
  ]);
  await enqueue(
    tx,
    "media-fetch",
    files.map(({ tenantId, connectionId, id }) => ({ tenantId, connectionId, mediaId: id })),
  );
}
