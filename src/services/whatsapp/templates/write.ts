/**
 * Templates that are written, changed and deleted here: checked by our own rules, then asked of Meta, then stored as Meta answered. What Meta's
 * review makes of them comes by webhook, like everything else about them. Where the answer is not known, the list tells.
 */
import type { CreateTemplate, EditTemplate } from "../../../contract/template-drafts.ts";
import type { Template } from "../../../contract/templates.ts";
import type { Actor } from "../../../core/actor.ts";
import { notFound, Rejection } from "../../../core/rejection.ts";
import type { TenantScope } from "../../../core/scope.ts";
import { checkNewTemplate, checkTemplateText, type DraftFault } from "../../../core/template-draft.ts";
import { metaSecond } from "../../../core/window.ts";
import { tenantTransaction, type Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import { appendActivity } from "../../activity/append.ts";
import { appendAudit, type AuditEntry } from "../../audit/append.ts";
import type { ConnectionTools } from "../connections/tools.ts";
import type { GraphError } from "../graph/answer.ts";
import type { AccessToken, GraphAnswer } from "../graph/call.ts";
import { decodeTemplate } from "../graph/decode/template.ts";
import { encodeDraft } from "../graph/encode-template.ts";
import { errorFact } from "../graph/errors.ts";
import { deleteTemplate as deleteAtMeta, postTemplate, postTemplateEdit } from "../graph/templates-client.ts";
import type { Wire } from "../graph/wire.ts";
import { findTemplateAccount } from "./account.ts";
import { getTemplate } from "./list.ts";
import { requestTemplateSyncs } from "./webhook.ts";
import { changedEvent, changeTemplates, type KeyedChange } from "./templates.ts";

export type WriteTools = Pick<ConnectionTools, "app" | "graph" | "tokens" | "nowMs" | "onActivity">;
export type Writer = { scope: TenantScope; actor: Actor };

/**
 * Answers the template, which is in review. Throws `not_found` for an unknown account, `invalid_request` with the fields that break a rule,
 * `meta_refused` with Meta's reason at its field, `not_connected` without a token, `unavailable` when it is not known whether Meta took it.
 */
export async function createTemplate(tools: WriteTools, by: Writer, draft: CreateTemplate & { accountId: string }): Promise<Template> {
  const { accountId, name, language } = draft;
  const writing = await openAccount(tools, by, accountId);
  refuseFaults(checkNewTemplate(draft));
  const fields = { name, language, ...encodeDraft(draft) };
  const answer = await writing.ask(({ wabaId, token, timeoutMs }) => postTemplate(tools.graph, wabaId, { token, timeoutMs, fields }));
  return writing.store({ ...fields, ...pickAnswered(answer) }, { action: "template.created", data: { name, language } });
}

/** Throws as `createTemplate` does, and `conflict` for one with parts that would be lost, or that Meta lets nobody edit now. */
export async function editTemplate(tools: WriteTools, by: Writer, id: string, draft: EditTemplate): Promise<Template> {
  const known = await getTemplate(tools.app, by.scope, id);
  refuseFaults(checkTemplateText(draft));
  if (known.waTemplateId === null || !isEditable(known)) throw notEditable();
  const { accountId, name, language, waTemplateId } = known;
  const { category, ...parts } = encodeDraft(draft);
  const isMoved = known.category?.toUpperCase() !== category;
  if (isMoved && known.status === "approved") {
    throw invalid([{ field: "category", rule: "locked", detail: "the category of an approved template stays" }]);
  }
  const fields = { ...parts, ...(isMoved ? { category } : {}) };
  const writing = await openAccount(tools, by, accountId);
  await writing.ask(({ token, timeoutMs }) => postTemplateEdit(tools.graph, waTemplateId, { token, timeoutMs, fields }));
  const wire = { name, language, category, ...parts, id: waTemplateId, status: "PENDING" };
  return writing.store(wire, { action: "template.edited", data: { name, language } });
}

/** Throws as `createTemplate` does. What Meta does not know any more is refused by it; the next list tells that it is gone. */
export async function deleteTemplate(tools: WriteTools, by: Writer, id: string): Promise<void> {
  const { accountId, name, language, waTemplateId } = await getTemplate(tools.app, by.scope, id);
  if (waTemplateId === null) throw notEditable();
  const writing = await openAccount(tools, by, accountId);
  await writing.ask(({ wabaId, token, timeoutMs }) => deleteAtMeta(tools.graph, { wabaId, name, waTemplateId }, { token, timeoutMs }));
  const told = { status: "deleted" } as const;
  await writing.change({ name, language, change: { atMs: writing.atMs, told } }, { action: "template.deleted", data: { name, language } });
}

/** An edit says all parts anew, and ours has no words for some of them. */
function isEditable({ status, header, cards, offer, unrecognised, buttons, category }: Template): boolean {
  const isOurs =
    (header === null || header.kind === "text") &&
    cards.length === 0 &&
    offer === null &&
    unrecognised.length === 0 &&
    category?.toUpperCase() !== "AUTHENTICATION" &&
    buttons.every(({ kind }) => kind === "quick_reply" || kind === "url" || kind === "phone_number" || kind === "copy_code");
  return isOurs && (status === "approved" || status === "rejected" || status === "paused");
}

type Asking = { wabaId: string; token: AccessToken; timeoutMs: number };
type Writing = {
  /** Meta's clock tells whole seconds: what its webhook says within this one must be able to win. */
  atMs: number;
  ask(question: (asking: Asking) => Promise<GraphAnswer>): Promise<Wire>;
  store(wire: Wire, entry: Deed): Promise<Template>;
  change(change: Omit<KeyedChange, "tenantId" | "accountId">, entry: Deed): Promise<string>;
};
type Deed = Pick<AuditEntry, "action" | "data">;

async function openAccount(tools: WriteTools, { scope, actor }: Writer, accountId: string): Promise<Writing> {
  const { tenantId } = scope;
  const inTurn = <T>(work: (tx: Tx) => Promise<T>): Promise<T> => tenantTransaction(tools.app, scope, work);
  const account = await inTurn((tx) => findTemplateAccount(tx, scope, accountId));
  if (account === undefined) throw notFound();
  const { wabaId, connectionIds } = account;
  const atMs = metaSecond(tools.nowMs());

  const change: Writing["change"] = async (what, { action, data }) => {
    const id = await inTurn(async (tx) => {
      const nowMs = tools.nowMs();
      const [result] = await changeTemplates(tx, [{ tenantId, accountId, ...what }], nowMs);
      if (result === undefined) throw new Error("A template that was named is one");
      const entry = { tenantId, action, subject: { kind: "template", id: result.id }, ...(data === undefined ? {} : { data }) };
      await requestTemplateSyncs(tx, [{ tenantId, accountId }], limits.templateSyncDelayMs / 1_000);
      await appendAudit(tx, actor, [entry], nowMs);
      const event = changedEvent(result);
      await appendActivity(tx, event === null ? [] : [event], nowMs);
      return result.id;
    });
    tools.onActivity([tenantId]);
    return id;
  };

  return {
    atMs,
    change,
    async ask(question) {
      for (const connectionId of connectionIds) {
        const token = await tools.tokens.read(tenantId, connectionId);
        if (token === null) continue;
        const answer = await question({ wabaId, token, timeoutMs: limits.graphTimeoutMs });
        if (answer.kind === "answered") return answer.value;
        if (answer.kind === "refused" && answer.error.code !== invalidToken) throw refused(answer.error);
        if (answer.kind === "unavailable") {
          await inTurn((tx) => requestTemplateSyncs(tx, [{ tenantId, accountId }]));
          throw new Rejection(
            "unavailable",
            503,
            `Meta could not be asked (${answer.reason}). The list of templates will tell what became of it.`,
          );
        }
        tools.tokens.forget(connectionId);
      }
      throw new Rejection("not_connected", 409, "No number of this account has an access token that Meta takes.");
    },
    async store(wire, entry) {
      const line = decodeTemplate(wire, atMs);
      if (line === null) throw new Error("A template has a name and a language");
      return getTemplate(tools.app, scope, await change(line, entry));
    },
  };
}

/** 190: expired or withdrawn. Another number of the account may have a better one. */
const invalidToken = 190;

function pickAnswered({ id, status = "PENDING", category }: Wire): Wire {
  return { id, status, ...(category === undefined ? {} : { category }) };
}

function refuseFaults(faults: readonly DraftFault[]): void {
  if (faults.length > 0) throw invalid(faults.slice(0, limits.contentFaultsMax));
}

function invalid(faults: readonly DraftFault[]): Rejection {
  const detail = faults.map((fault) => `${fault.field}: ${fault.detail}`).join("; ");
  return new Rejection("invalid_request", 400, detail, { errors: [...faults] });
}

/** In Meta's words, which it writes for people; with ours where they say what to do. */
function refused({ code, subcode, title, details }: GraphError): Rejection {
  const said = details ?? title ?? `Meta refuses it (${code})`;
  const field = subcode === null ? undefined : fieldsOfMeta.get(subcode);
  const { sentence, actionSentence: action } = errorFact(code);
  if (field !== undefined) return new Rejection("meta_refused", 422, said, { errors: [{ field, rule: "meta", detail: said }] });
  return new Rejection("meta_refused", 422, said, code === invalidParameter ? {} : { sentence, action });
}

/** Meta says "Invalid parameter" of everything that is wrong with a template; only its own sentence tells more. */
const invalidParameter = 100;

/** Error subcodes of Graph (2026-10), and the fields that they are about. */
const fieldsOfMeta: ReadonlyMap<number, string> = new Map([
  [2_388_023, "name"],
  [2_388_024, "language"],
  [2_388_047, "header.text"],
  [2_388_072, "body"],
  [2_388_073, "footer"],
  [2_388_293, "body"],
  [2_388_299, "body"],
]);

function notEditable(): Rejection {
  return new Rejection(
    "conflict",
    409,
    "This template cannot be changed here: Meta has it in review, or it has parts that are made in Meta's manager.",
  );
}
