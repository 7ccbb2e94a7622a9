/**
 * When Meta's POST with a message came in, for the message's timeline. Nothing on the path in is written for it: a batch puts the same time on its
 * messages and on the results of its deliveries, and ids carry their time, so the delivery is found among the few that were applied then.
 */
import { uuidV7Floor } from "../core/ids.ts";
import type { Db } from "../db/pool.ts";
import { statement, time } from "../db/statement.ts";
import { limits } from "../limits.ts";

/**
 * Of so many results, the latest ones, whatever came in that time. In raw JSON a slash may be escaped. Of two deliveries with the message (Meta
 * repeats itself) the first one brought it.
 */
const select = statement(
  "received_when.select",
  `select d.received_at as "receivedAtMs" from (
     select delivery_id, kind, applied_at from webhook_results where delivery_id >= $1::uuid and delivery_id < $2::uuid order by delivery_id desc limit $5
   ) r join webhook_deliveries d on d.id = r.delivery_id
   where r.kind = 'whatsapp-messages' and r.applied_at = $3::timestamptz
     and (position(convert_to($4::text, 'UTF8') in d.body) > 0 or position(convert_to(replace($4::text, '/', '\\/'), 'UTF8') in d.body) > 0)
   order by r.delivery_id limit 1`,
  { receivedAtMs: "time" },
);

/** How long before it was applied it may have come: nearly always moments. Each step only where the one before found nothing. */
const stepsMs = [5_000, 60_000, 30 * 60_000] as const;
/** Clocks of several nodes. */
const aheadMs = 1_000;

/** Null where it is no longer kept, was rewritten by an erasure, or was applied much later than it came. `storedAtMs`: the row's `created_at`. */
export async function receivedWhen(platform: Db, message: { waMessageId: string; storedAtMs: number }): Promise<number | null> {
  const { waMessageId, storedAtMs } = message;
  let toMs = storedAtMs + aheadMs;
  for (const stepMs of stepsMs) {
    const fromMs = storedAtMs - stepMs;
    const range = [uuidV7Floor(fromMs), uuidV7Floor(toMs)];
    const [found] = await platform.query(select, [...range, time(storedAtMs), waMessageId, limits.receivedResultsMax]);
    if (found !== undefined) return found.receivedAtMs;
    toMs = fromMs;
  }
  return null;
}
