/** Everything Meta reports about an account rather than a conversation. The same report twice is one row. */
import { createHash } from "node:crypto";
import { byteas, texts, times, uuids } from "../../db/arrays.ts";
import { newId } from "../../db/new-id.ts";
import { statement } from "../../db/statement.ts";
import type { Tx } from "../../db/transaction.ts";
import type { Content } from "./graph/updates.ts";

export type AccountEvent = {
  tenantId: string;
  accountId: string;
  connectionId: string | null;
  /** As the update names it: the same words about two numbers are two events. */
  phoneNumberId: string | null;
  field: string;
  event: string;
  content: Content;
  raw: string;
};

const insert = statement(
  "account_events.insert",
  `insert into whatsapp_account_events (tenant_id, id, account_id, connection_id, field, event, content, raw, sha256, created_at)
   select tenant_id, id, account_id, connection_id, field, event, content::jsonb, raw, sha256, created_at
   from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bytea[], $10::timestamptz[])
     as e (tenant_id, id, account_id, connection_id, field, event, content, raw, sha256, created_at)
   order by tenant_id, account_id, sha256
   on conflict (tenant_id, account_id, sha256) do nothing
   returning id`,
  { id: "uuid" },
);

/** Aligned with the input: whether the event is new. */
export async function insertAccountEvents(tx: Tx, events: readonly AccountEvent[], nowMs: number): Promise<boolean[]> {
  if (events.length === 0) return [];
  const ids = events.map(() => newId(nowMs));
  const rows = await tx.query(insert, [
    uuids(events.map((event) => event.tenantId)),
    uuids(ids),
    uuids(events.map((event) => event.accountId)),
    uuids(events.map((event) => event.connectionId)),
    texts(events.map((event) => event.field)),
    texts(events.map((event) => event.event)),
    texts(events.map((event) => JSON.stringify(event.content))),
    texts(events.map((event) => event.raw)),
    byteas(
      events.map((event) =>
        createHash("sha256")
          .update(`${event.field}\n${event.phoneNumberId ?? ""}\n${event.raw}`)
          .digest(),
      ),
    ),
    times(events.map(() => nowMs)),
  ]);
  const inserted = new Set(rows.map((row) => row.id));
  return ids.map((id) => inserted.has(id));
}
