/** What was kept to be sent on to the tenant's endpoints. What is on its way there finds its lane gone, and is not sent again. */
import { isErased } from "../../core/erased.ts";
import { nilId, uuidV7Floor } from "../../core/ids.ts";
import { bigints, texts, uuids } from "../../db/arrays.ts";
import { statement } from "../../db/statement.ts";
import { limits } from "../../limits.ts";
import { parseBody } from "../whatsapp/graph/locate.ts";
import { readBody } from "./clean.ts";
import type { Portion, Progress } from "./erase.ts";
import { findMarked } from "./marks.ts";
import { addressNames } from "./names.ts";
import { placeBehind } from "./steps.ts";

/** In the order in which forwarding takes them. */
const lockEndpoints = statement(
  "erase_forwards.lock",
  `select id from forward_endpoints where tenant_id = $1 order by id for no key update`,
  { id: "uuid" },
);
const deleteLanes = statement("erase_forwards.lanes", `delete from forward_lanes where tenant_id = $1 and lane = any($2::text[])`, {});
/** Where there was no conversation, the lane names the person. */
const selectNamed = statement("erase_forwards.named", `select distinct lane from forward_lanes where tenant_id = $1 and lane like '% %'`, {
  lane: "text",
});
const selectDeliveries = statement(
  "erase_forwards.deliveries",
  `select id, lane from forward_deliveries where tenant_id = $1 and id > $2::uuid order by id limit $3`,
  { id: "uuid", lane: "text" },
);
const deleteDeliveries = statement(
  "erase_forwards.delete_deliveries",
  `delete from forward_deliveries where tenant_id = $1 and id = any($2::uuid[])`,
  {},
);
const selectUpdates = statement(
  "erase_forwards.updates",
  `select id, body, lane, created_at as "atMs" from forward_updates where tenant_id = $1 and id > $2 order by id limit $3 for update`,
  { id: "bigint", body: "text", lane: "text", atMs: "time" },
);
const deleteUpdates = statement(
  "erase_forwards.delete_updates",
  `delete from forward_updates where tenant_id = $1 and id = any($2::bigint[])`,
  {},
);
const rewriteUpdates = statement(
  "erase_forwards.rewrite_updates",
  `update forward_updates f set body = u.body from unnest($2::bigint[], $3::text[]) as u (id, body) where f.tenant_id = $1 and f.id = u.id`,
  {},
);
/** Of the form `meta`, a delivery's place in the log is the update's id; and its own id holds the update's time. */
const deleteOfUpdates = statement(
  "erase_forwards.of_updates",
  `delete from forward_deliveries d using forward_endpoints e
   where e.tenant_id = $1 and e.form = 'meta' and d.tenant_id = e.tenant_id and d.endpoint_id = e.id and d.id >= $3::uuid and d.id < $4::uuid and d.log_seq = any($2::bigint[])`,
  {},
);

/** Lanes first, so that nothing is sent any more; then the updates, so that no deliveries are made of them; then the deliveries. The cursor: which, and the last one read. */
export async function forgetForwards(portion: Portion): Promise<Progress> {
  const [phase = "", after = ""] = portion.job.cursor.split("|");
  await portion.tx.query(lockEndpoints, [portion.scope.tenantId]);
  if (phase === "updates") return forgetUpdates(portion, Number(after));
  if (phase === "deliveries") return forgetDeliveries(portion, after);
  await forgetLanes(portion);
  return { cursor: "updates|0" };
}

async function forgetLanes({ tx, scope, job, hash }: Portion): Promise<void> {
  const { tenantId } = scope;
  const named = (await tx.query(selectNamed, [tenantId])).map(({ lane }) => lane);
  const isMarked = await findMarked(tx, tenantId, hash, named.flatMap(laneNames));
  const lanes = [...job.conversationIds, ...named.filter((lane) => laneNames(lane).some(isMarked))];
  await tx.query(deleteLanes, [tenantId, texts(lanes)]);
}

async function forgetUpdates(portion: Portion, after: number): Promise<Progress> {
  const { tx, scope, job, hash } = portion;
  const { tenantId } = scope;
  const rows = await tx.query(selectUpdates, [tenantId, after, limits.privacyRowsMax]);
  const read = rows.map((row) => {
    const parsed = parseBody(Buffer.from(row.body));
    const body: unknown = parsed.ok ? parsed.body : null;
    return { row, body, reading: readBody(body, row.atMs, () => true) };
  });
  const names = read.flatMap(({ row, reading }) => [...reading.names, ...laneNames(row.lane)]);
  const isMarked = await findMarked(tx, tenantId, hash, names);
  const mine = new Set(job.conversationIds);
  const gone: { id: number; atMs: number }[] = [];
  const kept: { id: number; body: string }[] = [];
  for (const { row, reading } of read) {
    const left = reading.clean(isMarked);
    const isMine = mine.has(row.lane) || laneNames(row.lane).some((name) => isMarked({ ...name, atMs: row.atMs }));
    if (isMine || (left !== null && containsMark(left.body, limits.jsonDepthMax))) gone.push(row);
    else if (left !== null) kept.push({ id: row.id, body: JSON.stringify(left.body) });
  }
  if (gone.length > 0) {
    const ids = bigints(gone.map(({ id }) => id));
    const times = gone.map(({ atMs }) => atMs);
    await tx.query(deleteUpdates, [tenantId, ids]);
    await tx.query(deleteOfUpdates, [tenantId, ids, uuidV7Floor(Math.min(...times)), uuidV7Floor(Math.max(...times) + 1)]);
  }
  if (kept.length > 0) {
    await tx.query(rewriteUpdates, [tenantId, bigints(kept.map(({ id }) => id)), texts(kept.map(({ body }) => body))]);
  }
  const last = rows.at(-1);
  const next = last === undefined ? null : placeBehind(rows, `updates|${last.id}`);
  // What was laid out meanwhile, before its update went.
  if (next === null) await forgetLanes(portion);
  return { cursor: next ?? `deliveries|${nilId}`, counts: { forwards: gone.length } };
}

async function forgetDeliveries({ tx, scope, job, hash }: Portion, after: string): Promise<Progress> {
  const { tenantId } = scope;
  const rows = await tx.query(selectDeliveries, [tenantId, after, limits.privacyRowsMax]);
  const last = rows.at(-1);
  if (last === undefined) return { cursor: null };
  const isMarked = await findMarked(
    tx,
    tenantId,
    hash,
    rows.flatMap(({ lane }) => laneNames(lane)),
  );
  const mine = new Set(job.conversationIds);
  const gone = rows.filter(({ lane }) => mine.has(lane) || laneNames(lane).some(isMarked)).map(({ id }) => id);
  if (gone.length > 0) await tx.query(deleteDeliveries, [tenantId, uuids(gone)]);
  return { cursor: placeBehind(rows, `deliveries|${last.id}`) };
}

function laneNames(lane: string): ReturnType<typeof addressNames> {
  return lane.includes(" ") ? addressNames([lane.slice(lane.indexOf(" ") + 1)], null) : [];
}

/** Each body holds a single update: where that was taken out, nothing is left to be sent. */
function containsMark(value: unknown, depthMax: number): boolean {
  if (isErased(value)) return true;
  return (
    typeof value === "object" && value !== null && depthMax > 0 && Object.values(value).some((item) => containsMark(item, depthMax - 1))
  );
}
