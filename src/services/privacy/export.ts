/**
 * Everything about a person, as a ZIP on the disk: read page by page and written as it comes, so that the size of a history is of no matter
 * to the memory. Each page is a transaction of its own; what comes while it is written may be in it or not.
 */
import { Readable } from "node:stream";
import yazl from "yazl";
import type { TenantScope } from "../../core/scope.ts";
import { uuids } from "../../db/arrays.ts";
import { statement, type Statement, type Value } from "../../db/statement.ts";
import { tenantTransaction } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import type { PrivacyDeps } from "./erase.ts";
import { advanceJob, familyOf, finishJob, lockJob, tellState } from "./jobs.ts";

const json = { doc: "json", key: "text" } as const;
/** Each answers documents in the order of their keys, from behind one of them. $2: contacts; $3: the key; $4: how many. */
const ofContacts = (name: string, table: string, order: string, where: string): Statement<{ doc: unknown; key: string }> =>
  statement(
    `export.${name}`,
    `select to_jsonb(x) - 'tenant_id' as doc, ${order}::text as key from ${table} x
     where x.tenant_id = $1 and ${where} and ${order}::text > $3 order by ${order}::text limit $4`,
    json,
  );
const inConversations = (column: string): string =>
  `${column} in (select v.id from whatsapp_conversations v where v.tenant_id = $1 and v.contact_id = any($2::uuid[]))`;
const addressKey = `(x.kind || ' ' || x.value || ' ' || x.scope || ' ' || x.claimant)`;

const contacts = ofContacts("contacts", "whatsapp_contacts", "x.id", "x.id = any($2::uuid[])");
const addresses = ofContacts("addresses", "whatsapp_contact_addresses", addressKey, "x.contact_id = any($2::uuid[])");
const words = ofContacts("marketing", "whatsapp_marketing_words", "x.id", "x.contact_id = any($2::uuid[])");
const conversations = ofContacts("conversations", "whatsapp_conversations", "x.id", "x.contact_id = any($2::uuid[])");
const notes = ofContacts("notes", "conversation_notes", "x.id", inConversations("x.conversation_id"));
const labels = statement(
  "export.labels",
  `select jsonb_build_object('conversation_id', x.conversation_id, 'label', l.name, 'created_at', x.created_at) as doc,
     x.conversation_id::text || ' ' || x.label_id::text as key
   from conversation_labels x join labels l on l.tenant_id = x.tenant_id and l.id = x.label_id
   where x.tenant_id = $1 and ${inConversations("x.conversation_id")} and x.conversation_id::text || ' ' || x.label_id::text > $3
   order by x.conversation_id::text || ' ' || x.label_id::text limit $4`,
  json,
);
/**
 * From the conversations to their messages by the index of the thread, for each page anew; `offset 0` keeps the planner from walking through
 * all messages of the tenant in the order of their ids instead.
 */
const ofTheirs = `(select v.id from whatsapp_conversations v where v.tenant_id = $1 and v.contact_id = any($2::uuid[]) offset 0) c
     cross join lateral (select * from whatsapp_messages m where m.tenant_id = $1 and m.conversation_id = c.id offset 0) x`;
/** What they wrote in groups. */
const ofGroups = `(select v.id from whatsapp_conversations v where v.tenant_id = $1 and v.group_id is not null offset 0) c
     cross join lateral (
       select * from whatsapp_messages m where m.tenant_id = $1 and m.conversation_id = c.id and m.direction = 'inbound'
         and (m.sender_user_id in (select a.value from whatsapp_contact_addresses a where a.tenant_id = $1 and a.kind = 'user_id' and a.contact_id = any($2::uuid[]))
           or m.sender_user_id is null
             and m.sender_phone in (select a.value from whatsapp_contact_addresses a where a.tenant_id = $1 and a.kind = 'phone' and a.contact_id = any($2::uuid[]))) offset 0) x`;
/** By id, which is the order in which they were stored. */
const messages = statement(
  "export.messages",
  `select to_jsonb(m) - 'tenant_id' as doc, m.id::text as key
   from (
     select x.* from ${ofTheirs} where x.id > nullif($3, '')::uuid
     union all
     select x.* from ${ofGroups} where x.id > nullif($3, '')::uuid
   ) m order by m.id limit $4`,
  json,
);
const statuses = statement(
  "export.statuses",
  `select to_jsonb(s) - 'tenant_id' as doc, m.id::text as key
   from (select x.id, x.connection_id, x.wa_message_id from ${ofTheirs}
     where x.id > nullif($3, '')::uuid and x.direction = 'outbound' and x.wa_message_id is not null
     order by x.id limit $4) m
   left join whatsapp_message_statuses s on s.tenant_id = $1 and s.connection_id = m.connection_id and s.wa_message_id = m.wa_message_id
   order by m.id, s.at`,
  { doc: "json?", key: "text" },
);
const events = statement(
  "export.events",
  `select case when x.conversation_id in (select v.id from whatsapp_conversations v where v.tenant_id = $1 and v.contact_id = any($2::uuid[]))
       or x.data ->> 'contactId' = any($2::uuid[]::text[]) then to_jsonb(x) - 'tenant_id' end as doc, lpad(x.seq::text, 20, '0') as key
   from (select * from activity_events where tenant_id = $1 and seq > coalesce(nullif(ltrim($3, '0'), ''), '0')::bigint order by seq limit $4) x order by x.seq`,
  { doc: "json?", key: "text" },
);
const files = statement(
  "export.files",
  `select f.id::text as key, f.sha256, f.mime_type as "mimeType",
     jsonb_build_object('id', f.id, 'message_id', f.message_id, 'kind', f.kind, 'state', f.state, 'mime_type', f.mime_type, 'file_name', f.file_name,
       'sha256', f.sha256, 'bytes', f.bytes, 'received_at', f.received_at) as doc
   from (select x.id from ${ofTheirs} union all select x.id from ${ofGroups}) m
   cross join lateral (select * from whatsapp_media w where w.tenant_id = $1 and w.message_id = m.id offset 0) f
   where f.id > nullif($3, '')::uuid order by f.id limit $4`,
  { key: "text", sha256: "text?", mimeType: "text?", doc: "json" },
);

type Document = { doc: unknown; key: string };
type Source = { deps: PrivacyDeps; scope: TenantScope; contactIds: readonly string[]; signal: AbortSignal };

const firstId = "00000000-0000-0000-0000-000000000000";
const lists: readonly { name: string; wanted: Statement<{ doc: unknown; key: string }>; from: string }[] = [
  { name: "contact", wanted: contacts, from: "" },
  { name: "addresses", wanted: addresses, from: "" },
  { name: "marketing", wanted: words, from: "" },
  { name: "conversations", wanted: conversations, from: "" },
  { name: "notes", wanted: notes, from: "" },
  { name: "labels", wanted: labels, from: "" },
  { name: "messages", wanted: messages, from: firstId },
  { name: "statuses", wanted: statuses, from: firstId },
  { name: "events", wanted: events, from: "0" },
  { name: "media", wanted: files, from: firstId },
];

/** Writes the file and ends the job. Killed in the middle it begins anew. Rejects when the database or the disk fails. */
export async function exportContact(deps: PrivacyDeps, scope: TenantScope, jobId: string, signal: AbortSignal): Promise<void> {
  const { privacy, exports, nowMs } = deps;
  const begun = await tenantTransaction(privacy, scope, async (tx) => {
    const job = await lockJob(tx, scope, jobId);
    if (job === null) return null;
    const contactIds = await familyOf(tx, scope, job.contactIds);
    await advanceJob(tx, scope, jobId, { step: "write", cursor: "", nowMs: nowMs() });
    return { job, contactIds };
  });
  if (begun === null) return;
  const counts: { [list: string]: number } = {};
  const content = archive({ deps, scope, contactIds: begun.contactIds, signal }, counts);
  const bytes = await exports.write(scope, jobId, content, signal);
  const isWanted = await tenantTransaction(privacy, scope, async (tx) => {
    // Ended by an erasure of the person meanwhile: then the file must not stay.
    if ((await lockJob(tx, scope, jobId)) === null) return false;
    await advanceJob(tx, scope, jobId, { step: "write", cursor: "", nowMs: nowMs(), counts });
    await finishJob(tx, scope, jobId, { nowMs: nowMs(), bytes, expiresAtMs: nowMs() + limits.exportKeptDays * 24 * 60 * 60_000 });
    await tellState(tx, scope, { ...begun.job, state: "done" }, nowMs());
    return true;
  });
  if (!isWanted) await exports.remove(scope, jobId);
  deps.onActivity?.([scope.tenantId]);
}

/** One entry after the other; each is read only when its turn has come. */
function archive(source: Source, counts: { [list: string]: number }): Readable {
  const zip = new yazl.ZipFile();
  // The typing says no more than that it can be read; it is a PassThrough.
  const output = zip.outputStream as Readable;
  zip.on("error", (error: Error) => output.destroy(error));
  for (const { name, wanted, from } of lists) {
    zip.addReadStreamLazy(`${name}.json`, (give) => give(null, Readable.from(jsonList(source, wanted, { name, from, counts }))));
  }
  void addFiles(source, zip).catch((error: unknown) =>
    output.destroy(error instanceof Error ? error : new Error("The files cannot be read")),
  );
  return output;
}

async function addFiles({ deps, scope, contactIds, signal }: Source, zip: yazl.ZipFile): Promise<void> {
  let after = firstId;
  for (;;) {
    signal.throwIfAborted();
    const values = [scope.tenantId, uuids(contactIds), after, limits.privacyRowsMax];
    const rows = await tenantTransaction(deps.privacy, scope, (tx) => tx.query(files, values));
    for (const { key, sha256, mimeType } of rows) {
      if (sha256 === null) continue;
      const opened = await deps.store.open({ tenantId: scope.tenantId, sha256 });
      opened?.destroy();
      // Another node's, or gone: the list of files says what it was.
      if (opened === null) continue;
      zip.addReadStreamLazy(`media/${key}${endingOf(mimeType)}`, { compress: false }, (give) => {
        deps.store.open({ tenantId: scope.tenantId, sha256 }).then(
          (stream) => (stream === null ? give(null, Readable.from([])) : give(null, stream)),
          (error: unknown) => give(error, Readable.from([])),
        );
      });
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < limits.privacyRowsMax) break;
    after = last.key;
  }
  zip.end();
}

/** A name from a customer's phone is no name for a file of ours. */
function endingOf(mimeType: string | null): string {
  const ending = /^[a-z]+\/([a-z0-9]{2,5})$/.exec(mimeType ?? "")?.[1];
  return ending === undefined ? "" : `.${ending}`;
}

type Listed = { name: string; from: string; counts: { [list: string]: number } };

async function* jsonList(
  { deps, scope, contactIds, signal }: Source,
  wanted: Statement<Document>,
  { name, from, counts }: Listed,
): AsyncGenerator<string> {
  let after = from;
  let count = 0;
  yield "[";
  for (;;) {
    signal.throwIfAborted();
    const values: Value[] = [scope.tenantId, uuids(contactIds), after, limits.privacyRowsMax];
    const rows = await tenantTransaction(deps.privacy, scope, (tx) => tx.query(wanted, values));
    for (const { doc } of rows) {
      if (doc === null) continue;
      yield `${count === 0 ? "\n" : ",\n"}${JSON.stringify(doc)}`;
      count += 1;
    }
    const last = rows.at(-1);
    const keys = new Set(rows.map(({ key }) => key)).size;
    if (last === undefined || keys < limits.privacyRowsMax) break;
    after = last.key;
  }
  counts[name] = count;
  yield "\n]\n";
}
