/** Files that were uploaded and sent to the person: they go unless somebody else was sent them, too. And exports of the person. */
import { uuidV7Floor } from "../../core/ids.ts";
import { texts, uuids } from "../../db/arrays.ts";
import { statement } from "../../db/statement.ts";
import { limits } from "../../limits.ts";
import { removeContents } from "./erase-messages.ts";
import type { Portion, Progress } from "./erase.ts";

/** Nobody can have been sent a file before it was there. */
const selectSince = statement(
  "erase_uploads.since",
  `select min(received_at) as "sinceMs" from whatsapp_media where tenant_id = $1 and id = any($2::uuid[])`,
  { sinceMs: "time?" },
);
const selectPage = statement(
  "erase_uploads.page",
  `select m.id, array(select u from unnest($3::text[]) u where position(u in m.content::text) > 0) as used
   from (select * from whatsapp_messages where tenant_id = $1 and id > $2::uuid order by id limit $4) m`,
  { id: "uuid", used: "texts" },
);
const keepUploads = statement(
  "erase_uploads.keep",
  `update privacy_jobs set upload_ids = array(select x from unnest(upload_ids) x where x <> all ($3::uuid[])) where tenant_id = $1 and id = $2`,
  {},
);
const deleteUploads = statement(
  "erase_uploads.delete",
  `delete from whatsapp_media where tenant_id = $1 and id = any($2::uuid[]) and message_id is null returning sha256`,
  { sha256: "text?" },
);

/** The cursor is the last message looked at. */
export async function eraseUploads({ tx, scope, job, deps }: Portion): Promise<Progress> {
  const { tenantId } = scope;
  if (job.uploadIds.length === 0) return { cursor: null };
  const [{ sinceMs } = { sinceMs: null }] = await tx.query(selectSince, [tenantId, uuids(job.uploadIds)]);
  if (sinceMs === null) return { cursor: null };
  const after = job.cursor === "" ? uuidV7Floor(sinceMs - skewMs) : job.cursor;
  const rows = await tx.query(selectPage, [tenantId, after, texts(job.uploadIds), limits.privacyRowsMax]);
  const used = [...new Set(rows.flatMap((row) => row.used))];
  if (used.length > 0) await tx.query(keepUploads, [tenantId, job.id, uuids(used)]);
  const last = rows.at(-1);
  if (last !== undefined && rows.length === limits.privacyRowsMax) return { cursor: last.id };
  const left = job.uploadIds.filter((id) => !used.includes(id));
  const removed = await tx.query(deleteUploads, [tenantId, uuids(left)]);
  await removeContents(
    tx,
    scope,
    removed.flatMap(({ sha256 }) => sha256 ?? []),
    deps.store,
  );
  return { cursor: null, counts: { uploads: removed.length } };
}

const skewMs = 60 * 60_000;

const endExports = statement(
  "erase_uploads.end_exports",
  `update privacy_jobs set expires_at = null, bytes = null, counts = '{}', error = case when state in ('queued', 'running') then 'erased' end,
     state = case when state in ('queued', 'running') then 'failed' else state end
   where tenant_id = $1 and kind = 'export' and contact_id = any($2::uuid[]) returning id`,
  { id: "uuid" },
);

/** One that is being written finds its job ended, and leaves nothing. */
export async function dropExports({ tx, scope, job, deps }: Portion): Promise<Progress> {
  const ended = await tx.query(endExports, [scope.tenantId, uuids([job.contactId, ...job.contactIds])]);
  for (const { id } of ended) await deps.exports.remove(scope, id);
  return { cursor: null, counts: { exports: ended.length } };
}
