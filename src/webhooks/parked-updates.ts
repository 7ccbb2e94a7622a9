/** Updates that are kept aside with their reason (I8): each can be tried again, also when the journal is gone. */
import { ints, texts, times, uuids } from "../db/arrays.ts";
import { newId } from "../db/new-id.ts";
import { statement } from "../db/statement.ts";
import type { Tx } from "../db/transaction.ts";
import { updateText } from "../services/whatsapp/graph/decode.ts";
import type { LocatedUpdate } from "../services/whatsapp/graph/updates.ts";
import type { CachedDelivery } from "./delivery-cache.ts";

export type NewParked = {
  deliveryId: string;
  appKey: string;
  receivedAtMs: number;
  located: LocatedUpdate;
  tenantId: string | null;
  reason: string;
  detail: string;
};

const park = statement(
  "parked.insert",
  `insert into parked_updates as p (id, delivery_id, update_index, kind, tenant_id, app_key, waba_id, phone_number_id, reason, detail, located, update_json,
     received_at, parked_at)
   select *, $14::timestamptz from unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
     $11::text[], $12::text[], $13::timestamptz[])
   on conflict (delivery_id, update_index) do nothing
   returning delivery_id as "deliveryId", update_index as "updateIndex", id`,
  { deliveryId: "uuid", updateIndex: "int", id: "uuid" },
);

const parkAgain = statement(
  "parked.again",
  `update parked_updates p set reason = u.reason, detail = u.detail, tenant_id = coalesce(u.tenant_id, p.tenant_id), parked_at = $6::timestamptz
   from unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::uuid[]) as u (delivery_id, update_index, reason, detail, tenant_id)
   where p.delivery_id = u.delivery_id and p.update_index = u.update_index and p.resolved_at is null
   returning p.delivery_id as "deliveryId", p.update_index as "updateIndex", p.id, old.tenant_id as "tenantIdBefore", new.tenant_id as "tenantId"`,
  { deliveryId: "uuid", updateIndex: "int", id: "uuid", tenantIdBefore: "uuid?", tenantId: "uuid?" },
);

const resolve = statement(
  "parked.resolve",
  `update parked_updates p set resolved_at = $3::timestamptz
   from unnest($1::uuid[], $2::int[]) as u (delivery_id, update_index)
   where p.delivery_id = u.delivery_id and p.update_index = u.update_index and p.resolved_at is null
   returning p.delivery_id as "deliveryId", p.update_index as "updateIndex", p.tenant_id as "tenantId"`,
  { deliveryId: "uuid", updateIndex: "int", tenantId: "uuid?" },
);

const selectOne = statement(
  "parked.located",
  `select app_key as "appKey", received_at as "receivedAtMs", located from parked_updates where id = $1`,
  { appKey: "text", receivedAtMs: "time", located: "text?" },
);

/** Parks for the first time. Answers the new rows. */
export async function parkUpdates(tx: Tx, parked: readonly NewParked[], nowMs: number): Promise<ParkedKey[]> {
  if (parked.length === 0) return [];
  return tx.query(park, [
    uuids(parked.map(() => newId(nowMs))),
    uuids(parked.map((update) => update.deliveryId)),
    ints(parked.map((update) => update.located.index)),
    texts(parked.map((update) => update.located.lane)),
    uuids(parked.map((update) => update.tenantId)),
    texts(parked.map((update) => update.appKey)),
    texts(parked.map((update) => update.located.wabaId)),
    texts(parked.map((update) => update.located.phoneNumberId)),
    texts(parked.map((update) => update.reason)),
    texts(parked.map((update) => update.detail)),
    texts(parked.map((update) => locatedText(update))),
    texts(parked.map((update) => updateText(update.located))),
    times(parked.map((update) => update.receivedAtMs)),
    new Date(nowMs).toISOString(),
  ]);
}

type ParkedKey = { deliveryId: string; updateIndex: number; id: string };

/** A replay that failed: the row stays and says why. Answers what is still parked; what was stored once is not parked any more. */
export async function parkUpdatesAgain(tx: Tx, parked: readonly NewParked[], nowMs: number) {
  if (parked.length === 0) return [];
  return tx.query(parkAgain, [
    uuids(parked.map((update) => update.deliveryId)),
    ints(parked.map((update) => update.located.index)),
    texts(parked.map((update) => update.reason)),
    texts(parked.map((update) => update.detail)),
    uuids(parked.map((update) => update.tenantId)),
    new Date(nowMs).toISOString(),
  ]);
}

/** Ends the parking of what has now been applied. Answers only what was open. */
export async function resolveParked(tx: Tx, updates: readonly { deliveryId: string; index: number }[], nowMs: number) {
  if (updates.length === 0) return [];
  return tx.query(resolve, [
    uuids(updates.map((update) => update.deliveryId)),
    ints(updates.map((update) => update.index)),
    new Date(nowMs).toISOString(),
  ]);
}

/** The update as it was located, for a replay after the raw body was dropped by age. */
export async function readParked(tx: Tx, id: string): Promise<CachedDelivery | undefined> {
  const [row] = await tx.query(selectOne, [id]);
  if (row === undefined || row.located === null) return undefined;
  // Written by locatedText below.
  const located = JSON.parse(row.located) as LocatedUpdate;
  return { appKey: row.appKey, receivedAtMs: row.receivedAtMs, located: [located] };
}

function locatedText(update: NewParked): string | null {
  if (update.reason === "unreadable") return null;
  const { element: _element, contacts, ...place } = update.located;
  // The element's own text is already bounded in depth; contacts go through the same door.
  return `{"element":${updateText(update.located)},"contacts":${updateText({ ...update.located, element: contacts })},${JSON.stringify(place).slice(1)}`;
}
