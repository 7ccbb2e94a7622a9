/** How long a tenant keeps what. Shorter than the platform does, never longer: partitions by time go for all tenants at once. */
import type { ChangeRetention, Retention } from "../../contract/privacy.ts";
import type { Actor } from "../../core/actor.ts";
import type { TenantScope } from "../../core/scope.ts";
import type { Db } from "../../db/pool.ts";
import { statement, time, type RowOf } from "../../db/statement.ts";
import { tenantTransaction } from "../../db/transaction.ts";
import { appendAudit } from "../audit/append.ts";

const row = {
  messages: "int?",
  media: "int?",
  activity: "int?",
  statuses: "int?",
  parked: "int?",
  accountEvents: "int?",
  forwarding: "int?",
  audit: "int?",
  enforcedAtMs: "time?",
} as const;
const columns = `messages_days as messages, media_days as media, activity_days as activity, statuses_days as statuses, parked_days as parked,
  account_events_days as "accountEvents", forwarding_days as forwarding, audit_days as audit, enforced_at as "enforcedAtMs"`;
const select = statement("retention.settings", `select ${columns} from retention_settings where tenant_id = $1`, row);
const write = statement(
  "retention.write",
  `insert into retention_settings (tenant_id, messages_days, media_days, activity_days, statuses_days, parked_days, account_events_days, forwarding_days, audit_days)
   values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
   on conflict (tenant_id) do update set messages_days = excluded.messages_days, media_days = excluded.media_days, activity_days = excluded.activity_days,
     statuses_days = excluded.statuses_days, parked_days = excluded.parked_days, account_events_days = excluded.account_events_days,
     forwarding_days = excluded.forwarding_days, audit_days = excluded.audit_days
   returning ${columns}`,
  row,
);
const nothing: RowOf<typeof row> = {
  messages: null,
  media: null,
  activity: null,
  statuses: null,
  parked: null,
  accountEvents: null,
  forwarding: null,
  audit: null,
  enforcedAtMs: null,
};

export type KeptDays = Omit<RowOf<typeof row>, "enforcedAtMs">;

export async function getRetention(app: Db, scope: TenantScope): Promise<Retention> {
  const [found] = await tenantTransaction(app, scope, (tx) => tx.query(select, [scope.tenantId]));
  return shown(found ?? nothing);
}

/** What is left out stays as it is. Takes effect with the next round, within the hour. */
export async function changeRetention(
  app: Db,
  scope: TenantScope,
  wanted: ChangeRetention,
  by: { actor: Actor; nowMs: number },
): Promise<Retention> {
  const { tenantId } = scope;
  return tenantTransaction(app, scope, async (tx) => {
    const { enforcedAtMs: _, ...before } = (await tx.query(select, [tenantId]))[0] ?? nothing;
    const after: KeptDays = { ...before, ...wanted };
    const { messages, media, activity, statuses, parked, accountEvents, forwarding, audit } = after;
    const days = [messages, media, activity, statuses, parked, accountEvents, forwarding, audit];
    const [changed] = await tx.query(write, [tenantId, ...days]);
    const subject = { kind: "tenant", id: tenantId };
    await appendAudit(tx, by.actor, [{ tenantId, action: "retention.changed", subject, data: { before, after } }], by.nowMs);
    return shown(changed ?? nothing);
  });
}

function shown({ enforcedAtMs, ...days }: RowOf<typeof row>): Retention {
  return { ...days, enforcedAt: time(enforcedAtMs) };
}
