/**
 * An opt-out outlives its erasure: what is kept are keyed hashes of the addresses (`marks.ts`), which tell nobody who it was, and by which whoever
 * is written to under one of them again is known to have opted out. Asked only for templates that may be marketing, never on the path in.
 */
import { byteas, uuids } from "../../db/arrays.ts";
import { statement, time } from "../../db/statement.ts";
import type { Tx } from "../../db/transaction.ts";
import type { Hasher, HashName } from "./marks.ts";

/** Their latest word, if they ever said one. */
const selectWord = statement(
  "kept_opt_outs.word",
  `select opted_out_at as "optedOutAtMs" from whatsapp_contacts
   where tenant_id = $1 and id = any($2::uuid[]) and preference_at is not null order by merged_into_id nulls first, preference_at desc limit 1`,
  { optedOutAtMs: "time?" },
);
const insert = statement(
  "kept_opt_outs.insert",
  `insert into kept_opt_outs as k (tenant_id, mark, opted_out_at) select $1, mark, $3::timestamptz from unnest($2::bytea[]) as u (mark) order by mark
   on conflict (tenant_id, mark) do update set opted_out_at = greatest(k.opted_out_at, excluded.opted_out_at)`,
  {},
);
const remove = statement("kept_opt_outs.remove", `delete from kept_opt_outs where tenant_id = $1 and mark = any($2::bytea[])`, {});
const selectAny = statement("kept_opt_outs.any", `select mark from kept_opt_outs where tenant_id = $1 limit 1`, { mark: "bytes" });
const selectAddresses = statement(
  "kept_opt_outs.addresses",
  `select distinct a.kind, a.value
   from whatsapp_conversations c
   join whatsapp_contacts own on own.tenant_id = c.tenant_id and own.id = c.contact_id
   cross join lateral (select case when own.merged_into_id is null then own.id else own.merged_into_id end as id) k
   join whatsapp_contacts f on f.tenant_id = c.tenant_id and (f.id = k.id or f.merged_into_id = k.id)
   join whatsapp_contact_addresses a on a.tenant_id = f.tenant_id and a.contact_id = f.id
   where c.tenant_id = $1 and c.id = $2`,
  { kind: "text", value: "text" },
);
const find = statement(
  "kept_opt_outs.find",
  `select opted_out_at as "optedOutAtMs" from kept_opt_outs where tenant_id = $1 and mark = any($2::bytea[]) order by opted_out_at desc limit 1`,
  { optedOutAtMs: "time" },
);

type Address = { kind: string; value: string };

/** In the transaction that takes their addresses away. Who has opted in since the last erasure is not left alone any more. */
export async function keepOptOut(
  tx: Tx,
  tenantId: string,
  { contactIds, addresses, hash }: { contactIds: readonly string[]; addresses: readonly Address[]; hash: HashName },
): Promise<void> {
  const [word] = await tx.query(selectWord, [tenantId, uuids(contactIds)]);
  if (word === undefined || addresses.length === 0) return;
  const marks = marksOf(addresses, hash);
  if (word.optedOutAtMs === null) await tx.query(remove, [tenantId, marks]);
  else await tx.query(insert, [tenantId, marks, time(word.optedOutAtMs)]);
}

/** When the customer of this conversation opted out as somebody who was erased since; null: never. */
export async function findKeptOptOut(tx: Tx, tenantId: string, conversationId: string, hasher: Hasher): Promise<number | null> {
  if (!(await hasKeptOptOuts(tx, tenantId))) return null;
  const hash = await hasher.of(tx, tenantId);
  const addresses = await tx.query(selectAddresses, [tenantId, conversationId]);
  if (hash === null || addresses.length === 0) return null;
  return (await tx.query(find, [tenantId, marksOf(addresses, hash)]))[0]?.optedOutAtMs ?? null;
}

export async function hasKeptOptOuts(tx: Tx, tenantId: string): Promise<boolean> {
  return (await tx.query(selectAny, [tenantId])).length > 0;
}

function marksOf(addresses: readonly Address[], hash: HashName) {
  return byteas(addresses.map(({ kind, value }) => hash({ kind: kind === "phone" ? "phone" : "user_id", value })));
}
