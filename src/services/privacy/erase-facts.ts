/**
 * Statuses of messages that are not here, and whose raw bodies are gone by now: nothing in them names anybody but Meta's id of the message,
 * which holds the phone that it went to or came from (base64, as all ids of Meta's that were seen until 2026-11 do), and who read it in a group.
 */
import { texts, uuids } from "../../db/arrays.ts";
import { statement, type RowOf } from "../../db/statement.ts";
import { limits } from "../../limits.ts";
import type { Portion, Progress } from "./erase.ts";
import { findMarked } from "./marks.ts";
import { addressNames, messageName, type Name } from "./names.ts";
import { placeBehind } from "./steps.ts";

const factRow = { connectionId: "uuid", waMessageId: "text", participants: "texts", atMs: "time?", isOrphan: "bool" } as const;
const selectFacts = statement(
  "erase_facts.page",
  `select f.connection_id as "connectionId", f.wa_message_id as "waMessageId", coalesce(f.participants, '{}') as participants, f.at as "atMs", not exists (
     select from whatsapp_messages m where m.tenant_id = $1 and m.connection_id = f.connection_id and m.wa_message_id = f.wa_message_id) as "isOrphan"
   from (
     select s.connection_id, s.wa_message_id, min(s.at) as at, array_agg(distinct s.participant) filter (where s.participant <> '') as participants from whatsapp_message_statuses s
     where s.tenant_id = $1 and (s.connection_id, s.wa_message_id) > ($2::uuid, $3::text)
     group by s.connection_id, s.wa_message_id order by s.connection_id, s.wa_message_id limit $4) f
   order by f.connection_id, f.wa_message_id`,
  factRow,
);
const deleteFacts = statement(
  "erase_facts.delete",
  `delete from whatsapp_message_statuses s using unnest($2::uuid[], $3::text[]) as u (connection_id, wa_message_id)
   where s.tenant_id = $1 and s.connection_id = u.connection_id and s.wa_message_id = u.wa_message_id`,
  {},
);

/** Who of a group has received or read it. */
const deleteParticipants = statement(
  "erase_facts.participants",
  `delete from whatsapp_message_statuses s using unnest($2::uuid[], $3::text[], $4::text[]) as u (connection_id, wa_message_id, participant)
   where s.tenant_id = $1 and s.connection_id = u.connection_id and s.wa_message_id = u.wa_message_id and s.participant = u.participant`,
  {},
);

const firstId = "00000000-0000-0000-0000-000000000000";

/** The cursor: the connection, and the last message id looked at. */
export async function eraseFacts({ tx, scope, job, hash }: Portion): Promise<Progress> {
  const { tenantId } = scope;
  const cut = job.cursor.indexOf("|");
  const [connectionId, after] = cut < 0 ? [firstId, ""] : [job.cursor.slice(0, cut), job.cursor.slice(cut + 1)];
  const rows = await tx.query(selectFacts, [tenantId, connectionId, after, limits.privacyRowsMax]);
  const last = rows.at(-1);
  if (last === undefined) return { cursor: null };
  const orphans = rows.filter(({ isOrphan }) => isOrphan);
  const isMarked = await findMarked(
    tx,
    tenantId,
    hash,
    orphans.flatMap((row) => [...namesOf(row), ...addressNames(row.participants, row.atMs)]),
  );
  const gone = orphans.filter((row) => namesOf(row).some(isMarked));
  const keys = [uuids(gone.map((row) => row.connectionId)), texts(gone.map((row) => row.waMessageId))];
  if (gone.length > 0) await tx.query(deleteFacts, [tenantId, ...keys]);
  const readers = orphans.flatMap(({ participants, ...row }) =>
    participants.filter((one) => addressNames([one], row.atMs).some(isMarked)).map((participant) => ({ ...row, participant })),
  );
  if (readers.length > 0) {
    await tx.query(deleteParticipants, [
      tenantId,
      uuids(readers.map((row) => row.connectionId)),
      texts(readers.map((row) => row.waMessageId)),
      texts(readers.map((row) => row.participant)),
    ]);
  }
  return { cursor: placeBehind(rows, `${last.connectionId}|${last.waMessageId}`), counts: { facts: gone.length + readers.length } };
}

function namesOf({ waMessageId, atMs }: RowOf<typeof factRow>): Name[] {
  const inside = Buffer.from(waMessageId.slice(waMessageId.indexOf(".") + 1), "base64").toString("latin1");
  return [messageName(waMessageId), ...addressNames(inside.match(/\d{6,32}/g) ?? [], atMs)];
}
