/**
 * Who is left alone: no marketing template goes to a contact that has opted out. What they opted out by is in `preferences.ts`; here is
 * what a person of the business may say for them, and the two places that refuse: before a message is queued, and when it is claimed
 * (`claim.ts`), since the word may come in between. Utility and authentication templates and replies inside the window are not affected.
 */
import type { Contact } from "../../../contract/conversations.ts";
import type { Actor } from "../../../core/actor.ts";
import { Rejection, notFound } from "../../../core/rejection.ts";
import type { TenantScope } from "../../../core/scope.ts";
import type { Db } from "../../../db/pool.ts";
import { newId } from "../../../db/new-id.ts";
import { statement, time } from "../../../db/statement.ts";
import { tenantTransaction, type Tx } from "../../../db/transaction.ts";
import { appendActivity } from "../../activity/append.ts";
import { appendAudit } from "../../audit/append.ts";
import { findKeptOptOut, hasKeptOptOuts } from "../../privacy/kept-opt-outs.ts";
import type { Hasher } from "../../privacy/marks.ts";
import { readContact } from "./list.ts";
import { applyPreferences } from "./preferences.ts";

const lock = statement(
  "opt_outs.lock",
  `select p.id, p.opted_out_at is not null as "isOptedOut", p.preference_at as "preferenceAtMs"
   from whatsapp_contacts asked
   join whatsapp_contacts p on p.tenant_id = asked.tenant_id and p.id = case when asked.merged_into_id is null then asked.id else asked.merged_into_id end
   where asked.tenant_id = $1 and asked.id = $2 for no key update of p`,
  { id: "uuid", isOptedOut: "bool", preferenceAtMs: "time?" },
);

const select = statement(
  "opt_outs.of_conversation",
  `select p.opted_out_at as "optedOutAtMs", p.preference_at as "preferenceAtMs"
   from whatsapp_conversations c
   join whatsapp_contacts own on own.tenant_id = c.tenant_id and own.id = c.contact_id
   join whatsapp_contacts p on p.tenant_id = own.tenant_id and p.id = case when own.merged_into_id is null then own.id else own.merged_into_id end
   where c.tenant_id = $1 and c.id = $2`,
  { optedOutAtMs: "time?", preferenceAtMs: "time?" },
);

/**
 * What a person says goes over all that was said before it, and yields to whatever the customer says from the next second on (Meta's times
 * have no more than seconds). Asked for what is so already it changes nothing, unless they may have opted out as somebody who was erased.
 * Throws `not_found`.
 */
export function setOptOut(
  tools: { app: Db; nowMs: () => number },
  scope: TenantScope,
  contactId: string,
  { isOptedOut, actor }: { isOptedOut: boolean; actor: Actor },
): Promise<Contact> {
  const { tenantId } = scope;
  return tenantTransaction(tools.app, scope, async (tx) => {
    const [contact] = await tx.query(lock, [tenantId, contactId]);
    if (contact === undefined) throw notFound();
    const { id, preferenceAtMs } = contact;
    const isSo = contact.isOptedOut === isOptedOut && (isOptedOut || !(await hasKeptOptOuts(tx, tenantId)));
    if (isSo) return readContact(tx, scope, id);
    const nowMs = tools.nowMs();
    const atMs = Math.max(Math.floor(nowMs / 1_000) * 1_000, (preferenceAtMs ?? 0) + 1);
    const said = isOptedOut ? "stop" : "resume";
    await applyPreferences(tx, [{ tenantId, contactId: id, said, atMs, source: "person", message: null, origin: newId(nowMs) }]);
    const shown = await readContact(tx, scope, id);
    const action = isOptedOut ? "contact.opted_out" : "contact.opted_in";
    await appendAudit(tx, actor, [{ tenantId, action, subject: { kind: "contact", id } }], nowMs);
    const data = { contactId: id, marketing: said, source: "person" };
    await appendActivity(tx, [{ tenantId, type: "contact.changed", conversationId: null, messageId: null, data }], nowMs);
    return shown;
  });
}

/** Throws `opted_out` when a template of this category may not go to them. One of which nobody knows the category counts as marketing. */
export async function refuseOptedOut(
  tx: Tx,
  scope: TenantScope,
  { conversationId, category, hasher }: { conversationId: string; category: string | null; hasher: Hasher | null },
): Promise<void> {
  if (category !== null && isSpared(category)) return;
  const [row] = await tx.query(select, [scope.tenantId, conversationId]);
  if (row === undefined) return;
  const keptMs = row.optedOutAtMs === null && hasher !== null ? await findKeptOptOut(tx, scope.tenantId, conversationId, hasher) : null;
  // What they said since goes over what they said as somebody who was erased.
  const optedOutAtMs = row.optedOutAtMs ?? (keptMs !== null && keptMs >= (row.preferenceAtMs ?? 0) ? keptMs : null);
  if (optedOutAtMs === null) return;
  const since = `This customer opted out of marketing messages at ${time(optedOutAtMs)}.`;
  const what =
    category === null
      ? "Whether this template is one is not known here: sync the templates first (POST /api/v1/templates/sync)."
      : "Utility and authentication templates may still be sent, and replies while the window is open.";
  throw new Rejection("opted_out", 409, `${since} ${what}`);
}

/** As `outbox.take` has it in SQL. */
function isSpared(category: string): boolean {
  return ["UTILITY", "AUTHENTICATION"].includes(category.toUpperCase());
}
