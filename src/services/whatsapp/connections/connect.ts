/**
 * Connecting a number, by ids and a token (by Meta's dialogue: `connections/signup.ts`). The operator is believed; a tenant must prove with its
 * token that the account is its own before anything is written. What is then to be done at Meta is done at once as far as it goes.
 */
import type { CreateConnection, CreatedConnection, Verification } from "../../../contract/connections.ts";
import type { Actor } from "../../../core/actor.ts";
import { connectionProblem } from "../../../core/connection-problems.ts";
import { invalidRequest, Rejection } from "../../../core/rejection.ts";
import type { TenantScope } from "../../../core/scope.ts";
import { statement } from "../../../db/statement.ts";
import { tenantTransaction } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import { proveToken, sentenceOf, type Claim, type Proof } from "./proof.ts";
import { runSetUp } from "./setup.ts";
import { readSteps } from "./steps.ts";
import type { ConnectionTools } from "./tools.ts";
import { putConnection, type WantedConnection } from "./connections.ts";

const selectAppKey = statement(
  "connection_connect.app_key",
  `select app_key as "appKey" from whatsapp_accounts where tenant_id = $1 and waba_id = $2`,
  { appKey: "text" },
);
const selectOwnApp = statement("connection_connect.own_app", `select id from meta_apps where tenant_id = $1 and app_key = $2`, {
  id: "uuid",
});

export type Connector = { scope: TenantScope; actor: Actor; isOperator: boolean };

/**
 * Throws `conflict` when account or number are another tenant's, `meta_refused` when a tenant's token does not open them, `unavailable`
 * when Meta could not be asked for that.
 */
export async function connectByToken(
  tools: ConnectionTools,
  by: Connector,
  wanted: Omit<CreateConnection, "tenantId">,
): Promise<CreatedConnection & { isNew: boolean }> {
  const { wabaId, phoneNumberId, accessToken, displayPhoneNumber } = wanted;
  const shown = by.isOperator
    ? null
    : await proveOrRefuse(tools, { wabaId, phoneNumberId, accessToken, appKey: await appKeyOf(tools, by.scope, wanted) });
  const connection = { ...wanted, displayPhoneNumber: displayPhoneNumber ?? displayedIn(shown, phoneNumberId) };
  return connectProven(tools, by, { connection, pin: wanted.pin });
}

/** A null is the platform's app; left out, the account's app stays. Another tenant's app is none. */
async function appKeyOf(
  { app }: ConnectionTools,
  scope: TenantScope,
  { wabaId, appKey }: Pick<CreateConnection, "wabaId" | "appKey">,
): Promise<string> {
  return tenantTransaction(app, scope, async (tx) => {
    if (appKey === null) return "";
    if (appKey === undefined) return (await tx.query(selectAppKey, [scope.tenantId, wabaId]))[0]?.appKey ?? "";
    const [own] = await tx.query(selectOwnApp, [scope.tenantId, appKey]);
    if (own === undefined) throw invalidRequest("appKey is not the key of an app of this tenant");
    return appKey;
  });
}

/** By now it is known whose the account is. */
export async function connectProven(
  tools: ConnectionTools,
  { scope, actor }: Connector,
  { connection, pin }: { connection: Omit<WantedConnection, "tenantId">; pin: string | undefined },
): Promise<CreatedConnection & { isNew: boolean }> {
  const wanted = { ...connection, tenantId: scope.tenantId };
  const { id, isNew } = await putConnection(tools.platform, wanted, { seal: tools.seal, nowMs: tools.nowMs(), actor });
  tools.tokens.forget(id);
  await runSetUp(tools, scope, id, pin === undefined ? {} : { pin });
  const steps = await tenantTransaction(tools.app, scope, (tx) => readSteps(tx, scope, id));
  return { id, isNew, verification: verificationOf(steps), steps };
}

function verificationOf(steps: CreatedConnection["steps"]): Verification {
  const token = steps.find(({ step }) => step === "token");
  if (token === undefined || token.state === "pending") {
    return { checked: false, ok: null, detail: token?.code === "not_reached" ? "Graph could not be asked" : null, facts: null };
  }
  const { code, metaCode, detail } = token;
  if (code === null) return { checked: true, ok: true, detail: null, facts: null };
  return { checked: true, ok: false, detail: sentenceOf({ code, detail }), facts: { code, metaCode } };
}

export type Proven = Extract<Proof, { kind: "proven" }>;

/** Twice, since a code of Meta's dialogue that was exchanged cannot be had again. */
export async function proveOrRefuse(tools: ConnectionTools, claim: Claim): Promise<Proven> {
  const first = await proveToken(tools, claim, limits.connectionCallMsMax);
  const proof = first.kind === "unreached" ? await proveToken(tools, claim, limits.connectionCallMsMax) : first;
  if (proof.kind === "proven") return proof;
  if (proof.kind === "unreached") throw unreached();
  const { sentence, action } = connectionProblem(proof.code);
  throw new Rejection("meta_refused", 422, sentenceOf(proof), { reason: proof.code, sentence, action });
}

function displayedIn(proof: Proven | null, phoneNumberId: string): string | null {
  return proof?.numbers.find((number) => number.phoneNumberId === phoneNumberId)?.displayPhoneNumber ?? null;
}

export function unreached(): Rejection {
  return new Rejection("unavailable", 503, "Meta could not be asked. Try again.");
}
