/** A tenant's labels, and those that a conversation bears. */
import type { ChangeLabel, ConversationLabels, CreateLabel, Label, LabelConversation } from "../../contract/inbox.ts";
import type { Page } from "../../contract/json.ts";
import { isUuid } from "../../core/ids.ts";
import { invalidRequest, notFound, Rejection } from "../../core/rejection.ts";
import type { TenantScope } from "../../core/scope.ts";
import { uuids } from "../../db/arrays.ts";
import { newId } from "../../db/new-id.ts";
import type { Db } from "../../db/pool.ts";
import { statement, time, type RowOf } from "../../db/statement.ts";
import { tenantTransaction, type Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import { appendActivity } from "../activity/append.ts";
import { appendAudit, type By } from "../audit/append.ts";
import { orConflict } from "./conflict.ts";
import { lockConversation } from "./conversation-state.ts";
import { eventActor, inboxEvent } from "./event.ts";

const labelRow = { id: "uuid", name: "text", colour: "text", createdAtMs: "time" } as const;
const columns = `id, name, colour, created_at as "createdAtMs"`;

const selectAll = statement("labels.all", `select ${columns} from labels where tenant_id = $1 order by lower(name), id`, labelRow);
const insert = statement(
  "labels.insert",
  `insert into labels (tenant_id, id, name, colour, created_at)
   select $1, $2, $3, $4, $5::timestamptz where (select count(*) from labels where tenant_id = $1) < $6
   returning ${columns}`,
  labelRow,
);
const update = statement(
  "labels.update",
  `update labels set name = coalesce($3, name), colour = coalesce($4, colour) where tenant_id = $1 and id = $2 returning ${columns}`,
  labelRow,
);
const drop = statement("labels.delete", `delete from labels where tenant_id = $1 and id = $2 returning id`, { id: "uuid" });

/** Those of conversations that were merged into it count, too. */
const family = `select $2::uuid union all select k.id from whatsapp_conversations k where k.tenant_id = $1 and k.merged_into_id = $2::uuid`;
const selectBorne = statement(
  "labels.borne",
  `select l.label_id as id from conversation_labels l where l.tenant_id = $1 and l.conversation_id in (${family})
   group by l.label_id order by min(l.created_at), l.label_id`,
  { id: "uuid" },
);
const selectKnown = statement("labels.known", `select id from labels where tenant_id = $1 and id = any($2::uuid[])`, { id: "uuid" });
const attach = statement(
  "labels.attach",
  `insert into conversation_labels (tenant_id, conversation_id, label_id, created_at)
   select $1, $2, u.id, $4::timestamptz from unnest($3::uuid[]) as u (id) order by u.id on conflict do nothing`,
  {},
);
const detach = statement(
  "labels.detach",
  `delete from conversation_labels l where l.tenant_id = $1 and l.conversation_id in (${family}) and l.label_id = any($3::uuid[])`,
  {},
);

export async function listLabels(app: Db, scope: TenantScope): Promise<Page<Label>> {
  const rows = await tenantTransaction(app, scope, (tx) => tx.query(selectAll, [scope.tenantId]));
  return { data: rows.map(shown), next: null };
}

/** Throws `conflict` where the name is taken, in whatever case, and `too_many`. */
export async function createLabel(app: Db, scope: TenantScope, { name, colour }: CreateLabel, by: By): Promise<Label> {
  return tenantTransaction(app, scope, async (tx) => {
    const values = [scope.tenantId, newId(by.nowMs), name, colour, time(by.nowMs), limits.labelsPerTenantMax];
    const [row] = await orConflict(tx.query(insert, values), taken);
    if (row === undefined) throw new Rejection("too_many", 409, `A tenant has at most ${limits.labelsPerTenantMax} labels`);
    await written(tx, scope, { what: "label.created", labelId: row.id, fields: ["name", "colour"] }, by);
    return shown(row);
  });
}

export async function changeLabel(
  app: Db,
  scope: TenantScope,
  { id, wanted }: { id: string; wanted: ChangeLabel },
  by: By,
): Promise<Label> {
  return tenantTransaction(app, scope, async (tx) => {
    const [row] = await orConflict(tx.query(update, [scope.tenantId, id, wanted.name ?? null, wanted.colour ?? null]), taken);
    if (row === undefined) throw notFound();
    await written(tx, scope, { what: "label.changed", labelId: id, fields: Object.keys(wanted) }, by);
    return shown(row);
  });
}

/** It goes from all conversations, too; they have no event of their own. */
export async function deleteLabel(app: Db, scope: TenantScope, id: string, by: By): Promise<void> {
  await tenantTransaction(app, scope, async (tx) => {
    if ((await tx.query(drop, [scope.tenantId, id])).length === 0) throw notFound();
    await written(tx, scope, { what: "label.deleted", labelId: id, fields: [] }, by);
  });
}

/** Throws `not_found` without such a conversation, `invalid_request` for labels that the tenant does not have or that are too many. */
export async function labelConversation(
  app: Db,
  scope: TenantScope,
  { id, wanted }: { id: string; wanted: LabelConversation },
  by: By,
): Promise<ConversationLabels> {
  const [add, remove] = [lower(wanted.add), lower(wanted.remove)];
  return tenantTransaction(app, scope, async (tx) => {
    const conversation = await lockConversation(tx, scope, id);
    const before = await borne(tx, scope, conversation.id);
    const known = await tx.query(selectKnown, [scope.tenantId, uuids(add)]);
    if (known.length < new Set(add).size) throw invalidRequest("add: there is no such label");
    if (remove.length > 0) await tx.query(detach, [scope.tenantId, conversation.id, uuids(remove)]);
    if (add.length > 0) await tx.query(attach, [scope.tenantId, conversation.id, uuids(add), time(by.nowMs)]);
    const labelIds = await borne(tx, scope, conversation.id);
    if (labelIds.length > limits.labelsPerConversationMax) {
      throw invalidRequest(`add: a conversation bears at most ${limits.labelsPerConversationMax} labels`);
    }
    const added = labelIds.filter((label) => !before.includes(label));
    const removed = before.filter((label) => !labelIds.includes(label));
    if (added.length + removed.length > 0) {
      const of = { tenantId: scope.tenantId, conversationId: conversation.id };
      const data = { labelIds, added, removed, by: eventActor(by.actor) };
      await appendActivity(tx, [inboxEvent("conversation.labelled", of, data)], by.nowMs);
    }
    return { labelIds };
  });
}

const taken = "There is a label of this name already";

async function borne(tx: Tx, scope: TenantScope, conversationId: string): Promise<string[]> {
  return (await tx.query(selectBorne, [scope.tenantId, conversationId])).map(({ id }) => id);
}

type Written = { what: "label.created" | "label.changed" | "label.deleted"; labelId: string; fields: readonly string[] };

async function written(tx: Tx, { tenantId }: TenantScope, { what, labelId, fields }: Written, by: By): Promise<void> {
  await appendAudit(tx, by.actor, [{ tenantId, action: what, subject: { kind: "label", id: labelId }, data: { fields } }], by.nowMs);
  const event = inboxEvent(what, { tenantId, conversationId: null }, { labelId, by: eventActor(by.actor) });
  await appendActivity(tx, [event], by.nowMs);
}

function lower(ids: readonly string[] = []): string[] {
  return ids.map((id) => id.toLowerCase()).filter(isUuid);
}

function shown({ createdAtMs, colour, ...label }: RowOf<typeof labelRow>): Label {
  // The column's CHECK allows no other colour.
  return { ...label, colour: colour as Label["colour"], createdAt: time(createdAtMs) };
}
