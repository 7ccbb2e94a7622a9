/** Files of messages: their rows, and the bytes behind them. Fetching is in `media/fetch.ts`, sending in `media/send.ts`. */
import type { ReadStream } from "node:fs";
import type { Media } from "../../../contract/media.ts";
import { isUuid } from "../../../core/ids.ts";
import { notFound, Rejection } from "../../../core/rejection.ts";
import type { TenantScope } from "../../../core/scope.ts";
import type { Db } from "../../../db/pool.ts";
import { texts, uuids } from "../../../db/arrays.ts";
import { statement, time, type RowOf } from "../../../db/statement.ts";
import { tenantTransaction, type Tx } from "../../../db/transaction.ts";
import type { MediaStore } from "../../media-store.ts";
import { lockClasses } from "../lock-classes.ts";
import { mediaKeysOf, showMediaIn, type ShownMedia } from "./content.ts";

const mediaRow = {
  id: "uuid",
  connectionId: "uuid?",
  messageId: "uuid?",
  direction: "text",
  kind: "text?",
  waMediaId: "text",
  declaredMimeType: "text?",
  mimeType: "text?",
  fileName: "text?",
  sha256: "text?",
  isSha256Different: "bool",
  bytes: "bigint?",
  state: "text",
  errorCode: "int?",
  errorReason: "text?",
  attempts: "int",
  receivedAtMs: "time",
  storedAtMs: "time?",
} as const;
export type MediaRow = RowOf<typeof mediaRow>;

const select = `select id, connection_id as "connectionId", message_id as "messageId", direction, kind, wa_media_id as "waMediaId",
    declared_mime_type as "declaredMimeType", mime_type as "mimeType", file_name as "fileName", sha256, is_sha256_different as "isSha256Different", bytes,
    state, error_code as "errorCode", error_reason as "errorReason", attempts, received_at as "receivedAtMs", stored_at as "storedAtMs"
  from whatsapp_media`;
const selectById = statement("media.by_id", `${select} where tenant_id = $1 and id = $2`, mediaRow);
/** Meta may tell of one file twice; the one that is there comes first. */
const selectByWaId = statement(
  "media.by_wa_id",
  `${select} where tenant_id = $1 and wa_media_id = $2 order by (state = 'stored') desc, id desc limit 1`,
  mediaRow,
);
const selectShown = statement(
  "media.shown",
  `select id, wa_media_id as "waMediaId", state, bytes from whatsapp_media
    where tenant_id = $1 and (id = any ($2::uuid[]) or wa_media_id = any ($3::text[])) order by (state = 'stored'), id`,
  { id: "uuid", waMediaId: "text", state: "text", bytes: "bigint?" },
);
const lockContent = statement("media.lock_content", `select pg_advisory_xact_lock($1, hashtext($2))::text as done`, { done: "text" });
const deleteRows = statement("media.delete", `delete from whatsapp_media where tenant_id = $1 and id = any ($2::uuid[]) returning sha256`, {
  sha256: "text?",
});
const selectUse = statement("media.content_use", `select id from whatsapp_media where tenant_id = $1 and sha256 = $2 limit 1`, {
  id: "uuid",
});

/** Throws `not_found` for what does not exist and for another tenant's alike. */
export async function getMedia(app: Db, scope: TenantScope, id: string): Promise<Media> {
  return shownMedia(await tenantTransaction(app, scope, (tx) => findMediaRow(tx, scope, id)));
}

/** Throws `not_found`. */
export async function findMediaRow(tx: Tx, scope: TenantScope, id: string): Promise<MediaRow> {
  const [row] = isUuid(id) ? await tx.query(selectById, [scope.tenantId, id]) : [];
  if (row === undefined) throw notFound();
  return row;
}

/**
 * The file behind an id as Meta writes it: of an upload through the route in Meta's shape, or of a customer's file that we were told of. Null
 * when it is not ours: then it may be one that the tenant uploaded to Meta directly.
 */
export async function mediaByWaId(tx: Tx, scope: TenantScope, waMediaId: string): Promise<MediaRow | null> {
  return (await tx.query(selectByWaId, [scope.tenantId, waMediaId]))[0] ?? null;
}

export type OpenedMedia = { row: MediaRow; bytes: number; open: (part?: { first: number; last: number }) => Promise<ReadStream> };

/** Throws `not_found`, `conflict` while the file is not here, and `unavailable` when its bytes cannot be found on this node. */
export async function openMedia(deps: { app: Db; store: MediaStore }, scope: TenantScope, id: string): Promise<OpenedMedia> {
  const row = await tenantTransaction(deps.app, scope, (tx) => findMediaRow(tx, scope, id));
  const { sha256, bytes } = row;
  if (row.state !== "stored" || sha256 === null || bytes === null) {
    throw new Rejection("conflict", 409, `The file is not here: its state is ${row.state}`);
  }
  return {
    row,
    bytes,
    async open(part) {
      const stream = await deps.store.open({ tenantId: scope.tenantId, sha256 }, part);
      if (stream === null) throw new Rejection("unavailable", 503, "The file cannot be read on this node right now");
      return stream;
    },
  };
}

/** Aligned with `contents`: what is shown of each. One statement, none where no content has a file. */
export async function showMedia(tx: Tx, scope: TenantScope, contents: readonly unknown[]): Promise<unknown[]> {
  const keys = contents.map(mediaKeysOf);
  const ids = keys.flatMap((key) => key.ids.filter(isUuid));
  const waMediaIds = keys.flatMap((key) => key.waMediaIds);
  const byId = new Map<string, ShownMedia>();
  const byWaId = new Map<string, ShownMedia>();
  if (ids.length + waMediaIds.length > 0) {
    for (const row of await tx.query(selectShown, [scope.tenantId, uuids(ids), texts(waMediaIds)])) {
      byId.set(row.id, row);
      byWaId.set(row.waMediaId, row);
    }
  }
  return contents.map((content) => showMediaIn(content, (key) => ("id" in key ? byId.get(key.id) : byWaId.get(key.waMediaId))));
}

/** Whoever makes a content count or removes it holds this, so that a file is not removed while a row for it is being committed. */
export async function lockMediaContent(tx: Tx, scope: TenantScope, sha256: string): Promise<void> {
  await tx.query(lockContent, [lockClasses.mediaContents, `${scope.tenantId} ${sha256}`]);
}

/**
 * Forgets files, for an erasure: their rows, then bytes that no other row of the tenant names. Killed in between, it leaves bytes that nothing
 * names, never a row without bytes. Jobs and requests under way find nothing. Answers how many rows there were.
 */
export async function removeMedia(deps: { app: Db; store: MediaStore }, scope: TenantScope, ids: readonly string[]): Promise<number> {
  const { app, store } = deps;
  const removed = await tenantTransaction(app, scope, (tx) => tx.query(deleteRows, [scope.tenantId, uuids(ids)]));
  for (const sha256 of new Set(removed.flatMap((row) => row.sha256 ?? []))) {
    await tenantTransaction(app, scope, async (tx) => {
      await lockMediaContent(tx, scope, sha256);
      const [use] = await tx.query(selectUse, [scope.tenantId, sha256]);
      if (use === undefined) await store.remove({ tenantId: scope.tenantId, sha256 });
    });
  }
  return removed.length;
}

export function shownMedia(row: MediaRow): Media {
  return {
    id: row.id,
    messageId: row.messageId,
    connectionId: row.connectionId,
    // The columns' CHECKs allow no other words.
    direction: row.direction as Media["direction"],
    kind: row.kind as Media["kind"],
    state: row.state as Media["state"],
    mimeType: row.mimeType ?? row.declaredMimeType,
    fileName: row.fileName,
    bytes: row.bytes,
    sha256: row.sha256,
    isSha256Different: row.isSha256Different,
    error: row.errorReason === null ? null : { code: row.errorCode, reason: row.errorReason },
    attempts: row.attempts,
    waMediaId: row.waMediaId,
    receivedAt: time(row.receivedAtMs),
    storedAt: time(row.storedAtMs),
  };
}
