/**
 * Raw bodies hold updates of several people and tenants. Those about an erased person are taken out in their places, so that all others keep their
 * ordinals and their words; a body in which nothing of ours is named is not written. The rewritten body is JSON of the same value, no longer the
 * bytes that Meta signed: signatures are judged at the door only.
 */
import { erased } from "../../core/erased.ts";
import { isUuid, uuidV7Floor } from "../../core/ids.ts";
import type { TenantScope } from "../../core/scope.ts";
import { isDeeperThan, cleanJson } from "../../core/text.ts";
import { byteas, texts, uuids } from "../../db/arrays.ts";
import { statement } from "../../db/statement.ts";
import { tenantTransaction } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import { parseBody } from "../whatsapp/graph/locate.ts";
import { namesInText, readBody, type ReadBody } from "./clean.ts";
import { eraseParkedOf } from "./erase-records.ts";
import type { Portion, PrivacyDeps, Progress } from "./erase.ts";
import { everMs, findMarked, writeMarks } from "./marks.ts";
import { messageName } from "./names.ts";
import { placeBehind } from "./steps.ts";

const selectNext = statement(
  "rewrite.next",
  `select d.id, octet_length(d.body) as bytes from webhook_deliveries d where d.id > $1::uuid and d.id < $2::uuid order by d.id limit $3`,
  { id: "uuid", bytes: "int" },
);
const selectSizes = statement(
  "rewrite.sizes",
  `select d.id, octet_length(d.body) as bytes from webhook_deliveries d where d.id = any($1::uuid[]) order by d.id`,
  { id: "uuid", bytes: "int" },
);
/** Those that name one of the tenant's accounts, and those that may be no JSON at all. */
const lockBodies = statement(
  "rewrite.bodies",
  `select d.id, d.received_at as "receivedAtMs", d.body from webhook_deliveries d
   where d.id = any($1::uuid[]) and (substring(d.body from 1 for 1) <> '{'::bytea or exists (
     select from whatsapp_accounts a where a.tenant_id = $2 and position(convert_to(a.waba_id, 'UTF8') in d.body) > 0))
   order by d.id for update of d`,
  { id: "uuid", receivedAtMs: "time", body: "bytes" },
);
const writeBodies = statement(
  "rewrite.write",
  `update webhook_deliveries d set body = u.body from unnest($1::uuid[], $2::bytea[]) as u (id, body) where d.id = u.id`,
  {},
);
const selectAccounts = statement("rewrite.accounts", `select waba_id as "wabaId" from whatsapp_accounts where tenant_id = $1`, {
  wabaId: "text",
});

type Rewriting = Pick<Portion, "tx" | "scope" | "hash" | "nowMs">;

/** Facts that wait for a message which was never ours, or is not any more. */
const deleteFacts = statement(
  "rewrite.delete_facts",
  `delete from whatsapp_message_statuses s using whatsapp_connections c, unnest($2::text[]) as u (wa_message_id)
   where c.tenant_id = $1 and s.tenant_id = $1 and s.connection_id = c.id and s.wa_message_id = u.wa_message_id returning s.status`,
  { status: "text" },
);

const firstId = "00000000-0000-0000-0000-000000000000";
/** An id is made a little before its row is committed, and nodes' clocks differ; what comes after the erasure is put down by the path in itself. */
const skewMs = 60 * 60_000;

/** The cursor is the last delivery looked at. */
export async function rewriteJournal({ tx, scope, job, hash, nowMs }: Portion): Promise<Progress> {
  const after = isUuid(job.cursor) ? job.cursor : firstId;
  const found = await tx.query(selectNext, [after, uuidV7Floor(nowMs + skewMs), limits.privacyRowsMax]);
  const page = fitting(found);
  const last = page.at(-1);
  if (last === undefined) return { cursor: null };
  const ids = page.map(({ id }) => id);
  const rewritten = await rewriteBodies({ tx, scope, hash, nowMs }, ids);
  return { cursor: page.length < found.length ? last.id : placeBehind(found, last.id), counts: { deliveries: rewritten } };
}

/** What was received about erased people after their erasure: its deliveries, and what was parked of them. As many bytes at a time as fit. */
export async function rewriteDeliveries(deps: PrivacyDeps, scope: TenantScope, deliveryIds: readonly string[]): Promise<number> {
  let left = await deps.privacy.query(selectSizes, [uuids(deliveryIds)]);
  let rewritten = 0;
  while (left.length > 0) {
    const page = fitting(left);
    rewritten += await rewriteSome(
      deps,
      scope,
      page.map(({ id }) => id),
    );
    left = left.slice(page.length);
  }
  return rewritten;
}

async function rewriteSome(deps: PrivacyDeps, scope: TenantScope, deliveryIds: readonly string[]): Promise<number> {
  return tenantTransaction(deps.privacy, scope, async (tx) => {
    const hash = await deps.hasher.of(tx, scope.tenantId);
    if (hash === null) return 0;
    const rewriting = { tx, scope, hash, deps, nowMs: deps.nowMs() };
    const rewritten = await rewriteBodies(rewriting, deliveryIds);
    await eraseParkedOf(rewriting, deliveryIds);
    return rewritten;
  });
}

/** At least one. */
function fitting<Row extends { bytes: number }>(rows: readonly Row[]): Row[] {
  let bytes = 0;
  return rows.filter((row, index) => (bytes += row.bytes) <= limits.privacyBodiesBytesMax || index === 0);
}

async function rewriteBodies({ tx, scope, hash, nowMs }: Rewriting, ids: readonly string[]): Promise<number> {
  const rows = await tx.query(lockBodies, [uuids(ids), scope.tenantId]);
  if (rows.length === 0) return 0;
  const accounts = new Set((await tx.query(selectAccounts, [scope.tenantId])).map(({ wabaId }) => wabaId));
  const read = rows.map(({ id, receivedAtMs, body }) => ({ id, ...readRaw(body, receivedAtMs, accounts) }));
  const isMarked = await findMarked(
    tx,
    scope.tenantId,
    hash,
    read.flatMap(({ names }) => names),
  );
  const changed = read.flatMap(({ id, clean }) => {
    const left = clean(isMarked);
    return left === null ? [] : [{ id, body: Buffer.from(textOf(left.body)), messageIds: left.messageIds }];
  });
  if (changed.length === 0) return 0;
  await tx.query(writeBodies, [uuids(changed.map(({ id }) => id)), byteas(changed.map(({ body }) => body))]);
  // Messages that are known here from their statuses alone.
  const messageIds = [...new Set(changed.flatMap((one) => one.messageIds))];
  const marks = messageIds.map((value) => ({ name: messageName(value), sinceMs: everMs.from, untilMs: everMs.until }));
  await writeMarks(tx, scope.tenantId, marks, { hash, nowMs });
  await tx.query(deleteFacts, [scope.tenantId, texts(messageIds)]);
  return changed.length;
}

function readRaw(body: Buffer, receivedAtMs: number, accounts: ReadonlySet<string>): Pick<ReadBody, "names" | "clean"> {
  const parsed = parseBody(body);
  if (parsed.ok) return readBody(parsed.body, receivedAtMs, (wabaId) => wabaId === null || accounts.has(wabaId));
  const names = namesInText(body.toString(), receivedAtMs);
  return { names, clean: (isMarked) => (names.some(isMarked) ? { body: erased, messageIds: [] } : null) };
}

/** Deeper than the program reads there is nothing that it would miss. */
function textOf(body: unknown): string {
  const depthMax = limits.jsonDepthMax + bodyDepth;
  return JSON.stringify(isDeeperThan(body, depthMax) ? cleanJson(body, depthMax) : body);
}

/** From the body down to an element. */
const bodyDepth = 9;
