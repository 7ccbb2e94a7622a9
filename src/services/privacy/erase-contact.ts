/** The last step: what nothing points to any more. Labels, notes and the like go with their conversation, by their foreign keys. */
import { systemActor } from "../../core/actor.ts";
import { uuids } from "../../db/arrays.ts";
import { statement } from "../../db/statement.ts";
import { appendAudit } from "../audit/append.ts";
import { takeSearchTurn } from "./erase-messages.ts";
import { finishJob, tellState } from "./jobs.ts";
import type { Portion, Progress } from "./erase.ts";

const lockConversations = statement(
  "erase_contact.lock",
  `select id from whatsapp_conversations where tenant_id = $1 and (id = any($2::uuid[]) or contact_id = any($3::uuid[])) order by id for update`,
  { id: "uuid" },
);
const selectLeft = statement(
  "erase_contact.left",
  `select id from whatsapp_messages where tenant_id = $1 and conversation_id = any($2::uuid[]) limit 1`,
  { id: "uuid" },
);
const noteConversations = statement(
  "erase_contact.note",
  `update privacy_jobs set conversation_ids = $3::uuid[], step = 'sends', cursor = '' where tenant_id = $1 and id = $2`,
  {},
);
const deleteSearch = statement(
  "erase_contact.search",
  `delete from search_messages where tenant_id = $1 and conversation_id = any($2::uuid[])`,
  {},
);
const deletePairs = statement(
  "erase_contact.pairs",
  `delete from whatsapp_send_pairs where tenant_id = $1 and conversation_id = any($2::uuid[])`,
  {},
);
const deleteConversations = statement(
  "erase_contact.conversations",
  `delete from whatsapp_conversations where tenant_id = $1 and id = any($2::uuid[])`,
  {},
);
const deleteAddresses = statement(
  "erase_contact.addresses",
  `delete from whatsapp_contact_addresses where tenant_id = $1 and contact_id = any($2::uuid[])`,
  {},
);
const deleteContacts = statement(
  "erase_contact.contacts",
  `delete from whatsapp_contacts where tenant_id = $1 and id = any($2::uuid[]) returning id`,
  {
    id: "uuid",
  },
);

/** A message that somebody has sent to the conversation meanwhile is deleted first: then the steps from `sends` on are gone through once more. */
export async function deleteContact({ tx, scope, job, nowMs }: Portion): Promise<Progress> {
  const { tenantId } = scope;
  const locked = await tx.query(lockConversations, [tenantId, uuids(job.conversationIds), uuids(job.contactIds)]);
  const ids = locked.map(({ id }) => id);
  if ((await tx.query(selectLeft, [tenantId, uuids(ids)])).length > 0) {
    await tx.query(noteConversations, [tenantId, job.id, uuids(ids)]);
    return { cursor: again };
  }
  await takeSearchTurn(tx, scope);
  await tx.query(deleteSearch, [tenantId, uuids(ids)]);
  await tx.query(deletePairs, [tenantId, uuids(ids)]);
  await tx.query(deleteConversations, [tenantId, uuids(ids)]);
  await tx.query(deleteAddresses, [tenantId, uuids(job.contactIds)]);
  const contacts = await tx.query(deleteContacts, [tenantId, uuids(job.contactIds)]);
  await finishJob(tx, scope, job.id, { nowMs });
  const subject = { kind: "contact", id: job.contactId };
  const data = { jobId: job.id, counts: job.counts };
  await appendAudit(tx, systemActor, [{ tenantId, action: "contact.erasure_completed", subject, data }], nowMs);
  const gone = { contactIds: job.contactIds, conversationIds: [...new Set([...job.conversationIds, ...ids])].toSorted() };
  await tellState(tx, scope, { ...job, state: "done", gone }, nowMs);
  return { cursor: null, counts: { contacts: contacts.length } };
}

/** The job stands at an earlier step already. */
export const again = "again";
