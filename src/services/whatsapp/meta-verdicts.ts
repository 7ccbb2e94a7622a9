/** What Meta itself says about a window: that it is closed (131047), and how long a free entry point lasts. Never computed, forward only. */
import { times, uuids } from "../../db/arrays.ts";
import { statement } from "../../db/statement.ts";
import type { Tx } from "../../db/transaction.ts";

const refuse = statement(
  "conversations.refuse",
  `with asked as (
     select c.tenant_id, coalesce(c.merged_into_id, c.id) as id, max(f.refused_at) as refused_at, max(f.free_entry_point_expires_at) as free_entry_point_expires_at
     from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[]) as f (tenant_id, id, refused_at, free_entry_point_expires_at)
       join whatsapp_conversations c on c.tenant_id = f.tenant_id and c.id = f.id
     group by 1, 2
   )
   update whatsapp_conversations c set refused_at = greatest(c.refused_at, f.refused_at),
     free_entry_point_expires_at = greatest(c.free_entry_point_expires_at, f.free_entry_point_expires_at)
   from asked f
   where c.tenant_id = f.tenant_id and c.id = f.id
     and (f.refused_at > coalesce(c.refused_at, '-infinity') or f.free_entry_point_expires_at > coalesce(c.free_entry_point_expires_at, '-infinity'))
   returning c.id`,
  { id: "uuid" },
);

/** Meta's own word about the window and the free entry point, forward only. Answers the conversations that changed. */
export async function noteMetaVerdicts(
  tx: Tx,
  verdicts: readonly { tenantId: string; conversationId: string; refusedAtMs: number | null; freeEntryPointExpiresAtMs: number | null }[],
): Promise<string[]> {
  if (verdicts.length === 0) return [];
  const sorted = verdicts.toSorted((a, b) => (a.tenantId + a.conversationId < b.tenantId + b.conversationId ? -1 : 1));
  const rows = await tx.query(refuse, [
    uuids(sorted.map((verdict) => verdict.tenantId)),
    uuids(sorted.map((verdict) => verdict.conversationId)),
    times(sorted.map((verdict) => verdict.refusedAtMs)),
    times(sorted.map((verdict) => verdict.freeEntryPointExpiresAtMs)),
  ]);
  return rows.map((row) => row.id);
}
