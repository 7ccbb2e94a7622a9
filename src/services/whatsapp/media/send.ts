/**
 * Files that a tenant sends: taken in here, checked by their bytes against what Meta takes, and brought to Meta once for each number that
 * sends them. Meta keeps an upload for 30 days; its id is remembered for a day less.
 */
import { randomInt } from "node:crypto";
import type { UploadedMedia } from "../../../contract/media.ts";
import { safeFileName } from "../../../core/file-name.ts";
import { fitsKind, judgeUpload, plainMimeType, type MediaKind } from "../../../core/media-type.ts";
import { invalidRequest, Rejection } from "../../../core/rejection.ts";
import { tenantScope, type TenantScope } from "../../../core/scope.ts";
import type { Db } from "../../../db/pool.ts";
import { newId } from "../../../db/new-id.ts";
import { statement, time } from "../../../db/statement.ts";
import { tenantTransaction } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import { sniff } from "../../media-sniff.ts";
import { TooLarge, type MediaStore, type StagedFile } from "../../media-store.ts";
import type { Graph } from "../graph/call.ts";
import { uploadMedia } from "../graph/media-client.ts";
import { lockMediaContent } from "./media.ts";
import type { SendError } from "../outbox/outcome.ts";
import type { AccessTokens } from "../outbox/access-tokens.ts";

const selectConnection = statement("media_send.connection", `select id from whatsapp_connections where tenant_id = $1 and id = $2`, {
  id: "uuid",
});
const insert = statement(
  "media_send.insert",
  `insert into whatsapp_media (tenant_id, id, connection_id, direction, wa_media_id, declared_mime_type, mime_type, file_name, sha256, bytes, state,
                               received_at, stored_at)
   values ($1, $2, $3, 'outbound', $4, $5, $6, $7, $8, $9, 'stored', $10::timestamptz, $10::timestamptz)`,
  {},
);
const selectSource = statement(
  "media_send.source",
  `select f.state, f.mime_type as "mimeType", f.sha256, f.file_name as "fileName", c.phone_number_id as "phoneNumberId", u.wa_media_id as "uploadedId",
          u.expires_at as "expiresAtMs"
     from whatsapp_media f
     join whatsapp_connections c on c.tenant_id = f.tenant_id and c.id = $3
     left join whatsapp_media_uploads u on u.tenant_id = f.tenant_id and u.media_id = f.id and u.connection_id = c.id
    where f.tenant_id = $1 and f.id = $2`,
  {
    state: "text",
    mimeType: "text?",
    sha256: "text?",
    fileName: "text?",
    phoneNumberId: "text",
    uploadedId: "text?",
    expiresAtMs: "time?",
  },
);
const remember = statement(
  "media_send.remember",
  `insert into whatsapp_media_uploads (tenant_id, media_id, connection_id, wa_media_id, expires_at)
   select tenant_id, id, $3, $4, $5::timestamptz from whatsapp_media where tenant_id = $1 and id = $2
   on conflict (tenant_id, media_id, connection_id) do update set wa_media_id = excluded.wa_media_id, expires_at = excluded.expires_at`,
  {},
);
const forget = statement(
  "media_send.forget",
  `delete from whatsapp_media_uploads where tenant_id = $1 and media_id = $2 and connection_id = $3`,
  {},
);

export type UploadDeps = { app: Db; store: MediaStore; nowMs: () => number };
export type Upload = {
  file: StagedFile;
  declaredMimeType: string | null;
  fileName: string | null;
  connectionId: string | null;
};
/** `waMediaId` is ours, shaped as Meta's: for callers that speak to the route in Meta's shape. */
export type Uploaded = UploadedMedia & { waMediaId: string };

/** To the disk, not yet counting. Throws `too_large`, and `unavailable` on a full disk. */
export async function stageUpload(store: MediaStore, chunks: AsyncIterable<Uint8Array>): Promise<StagedFile> {
  try {
    return await store.stage(chunks, limits.mediaBytesMax);
  } catch (error) {
    if (error instanceof TooLarge) throw new Rejection("too_large", 413, `A file may have ${limits.mediaBytesMax} bytes`);
    if (error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT")) {
      throw new Rejection("unavailable", 503, "There is no room for the file right now");
    }
    throw error;
  }
}

/** Takes a file in. Throws `too_large`, `unsupported_media_type` (what Meta would not take), `invalid_request` for an unknown connection. */
export async function storeUpload(deps: UploadDeps, scope: TenantScope, upload: Upload): Promise<Uploaded> {
  const { file } = upload;
  const { mimeType: sniffed, isText } = await sniff(file.path);
  const declared = plainMimeType(upload.declaredMimeType);
  const verdict = judgeUpload({ sniffed, declared, isText, bytes: file.bytes });
  if (verdict.kind === "refused") throw refusedUpload(verdict);
  return keepUpload(deps, scope, { ...upload, mimeType: verdict.mimeType });
}

function refusedUpload({ field, detail }: { field: "type" | "size"; detail: string }): Rejection {
  return field === "size" ? new Rejection("too_large", 413, detail) : new Rejection("unsupported_media_type", 415, detail);
}

async function keepUpload(
  deps: UploadDeps,
  scope: TenantScope,
  { file, mimeType, connectionId, declaredMimeType, fileName }: Upload & { mimeType: string },
): Promise<Uploaded> {
  const nowMs = deps.nowMs();
  const kept = {
    id: newId(nowMs),
    waMediaId: newWaMediaId(),
    mimeType,
    bytes: file.bytes,
    sha256: file.sha256,
    fileName: safeFileName(fileName),
  };
  await tenantTransaction(deps.app, scope, async (tx) => {
    if (connectionId !== null && (await tx.query(selectConnection, [scope.tenantId, connectionId])).length === 0) {
      throw invalidRequest("connectionId names no connection");
    }
    await lockMediaContent(tx, scope, file.sha256);
    await file.keep(scope.tenantId);
    const declared = plainMimeType(declaredMimeType);
    const values = [kept.waMediaId, declared, mimeType, kept.fileName, file.sha256, file.bytes, time(nowMs)] as const;
    await tx.query(insert, [scope.tenantId, kept.id, connectionId, ...values]);
  });
  return kept;
}

/** Meta's have 15 or 16 digits; with 17 and a 9 in front they do not meet. */
function newWaMediaId(): string {
  const part = (): string => String(randomInt(10 ** 8)).padStart(8, "0");
  return `9${part()}${part()}`;
}

export type OutgoingMediaDeps = UploadDeps & { graph: Graph; tokens: Pick<AccessTokens, "read" | "forget"> };

export type ResolvedMedia =
  | { kind: "ready"; waMediaId: string }
  | { kind: "refused"; error: SendError }
  /** Right now: another try may work. */
  | { kind: "unavailable"; reason: string };

export type WantedMedia = {
  tenantId: string;
  connectionId: string;
  /** Ours. */
  mediaId: string;
  /** As what it is to be sent; left out, it is not checked. */
  kind?: MediaKind;
};

export type OutgoingMedia = {
  /** Meta's id for a file of ours on this number; uploads it if need be. Whoever asks for the same at the same time shares one upload. */
  resolve: (wanted: WantedMedia) => Promise<ResolvedMedia>;
  /** Meta has said that it does not know the id that `resolve` gave: the next one uploads anew. */
  forget: (wanted: WantedMedia) => Promise<void>;
};

export function createOutgoingMedia(deps: OutgoingMediaDeps): OutgoingMedia {
  const underWay = new Map<string, Promise<ResolvedMedia>>();
  return {
    resolve(wanted) {
      const key = `${wanted.tenantId} ${wanted.connectionId} ${wanted.mediaId} ${wanted.kind ?? ""}`;
      const known = underWay.get(key);
      if (known !== undefined) return known;
      const resolving = resolveOutgoingMedia(deps, wanted).finally(() => underWay.delete(key));
      underWay.set(key, resolving);
      return resolving;
    },
    async forget({ tenantId, mediaId, connectionId }) {
      const scope = tenantScope(tenantId);
      await tenantTransaction(deps.app, scope, (tx) => tx.query(forget, [tenantId, mediaId, connectionId]));
    },
  };
}

/** Rejects when the database cannot be reached. */
async function resolveOutgoingMedia(deps: OutgoingMediaDeps, wanted: WantedMedia): Promise<ResolvedMedia> {
  const { tenantId, connectionId, mediaId, kind } = wanted;
  const scope = tenantScope(tenantId);
  const [source] = await tenantTransaction(deps.app, scope, (tx) => tx.query(selectSource, [tenantId, mediaId, connectionId]));
  if (source === undefined) return refused("There is no file under this mediaId");
  if (source.state === "pending") return { kind: "unavailable", reason: "still_being_fetched" };
  const { sha256, mimeType, phoneNumberId, uploadedId, expiresAtMs } = source;
  if (source.state !== "stored" || sha256 === null || mimeType === null)
    return refused(`The file is not here: its state is ${source.state}`);
  if (kind !== undefined && !fitsKind(mimeType, kind)) return refused(`A file of type ${mimeType} cannot be sent as ${kind}`);
  if (uploadedId !== null && expiresAtMs !== null && deps.nowMs() < expiresAtMs) return { kind: "ready", waMediaId: uploadedId };

  const accessToken = await deps.tokens.read(tenantId, connectionId);
  if (accessToken === null) return { kind: "unavailable", reason: "no_token" };
  const file = await deps.store.openAsBlob({ tenantId, sha256 }, mimeType);
  if (file === null) return { kind: "unavailable", reason: "file_not_on_this_node" };
  const began = deps.nowMs();
  const answer = await uploadMedia(deps.graph, { phoneNumberId, accessToken, file, mimeType, fileName: source.fileName ?? "file" });
  switch (answer.kind) {
    case "uploaded": {
      const values = [tenantId, mediaId, connectionId, answer.waMediaId, time(began + limits.mediaUploadKeptMs)];
      await tenantTransaction(deps.app, scope, (tx) => tx.query(remember, values));
      return { kind: "ready", waMediaId: answer.waMediaId };
    }
    case "refused": {
      const { code, title, details, retryable } = answer.error;
      if (answer.error.class === "token") deps.tokens.forget(connectionId);
      return retryable ? { kind: "unavailable", reason: `graph_${code}` } : { kind: "refused", error: { code, title, details } };
    }
    case "unavailable":
      return answer;
    default:
      return answer satisfies never;
  }
}

/** Meta's own code for media that it cannot take. */
function refused(details: string): ResolvedMedia {
  return { kind: "refused", error: { code: 131_053, title: "Media upload error", details } };
}
