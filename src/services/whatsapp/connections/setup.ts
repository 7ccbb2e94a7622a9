/**
 * Does what is missing for a number at Meta, one step after another: the token is proven, the app subscribed to the account, the number
 * registered, the Business app asked for its contacts and history. Every result is kept; a step that is done again does no harm, and what
 * could not be reached stays pending and is tried again by the next probe.
 */
import { randomInt } from "node:crypto";
import { connectionSteps, type ConnectionCode, type ConnectionStepName } from "../../../contract/connections.ts";
import type { Asked } from "../../../core/connection-health.ts";
import type { TenantScope } from "../../../core/scope.ts";
import type { SecretContext } from "../../../core/secret-box.ts";
import { statement } from "../../../db/statement.ts";
import { tenantTransaction } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import { proveToken } from "./proof.ts";
import { claimStep, readSteps, settleStep, type StepOutcome } from "./steps.ts";
import { readTarget, type ConnectionTools, type Target } from "./tools.ts";
import type { AccessToken } from "../graph/call.ts";
import { readNumber, registerNumber, requestAppData } from "../graph/numbers-client.ts";
import { listSubscribedApps, subscribeApp } from "../graph/subscriptions-client.ts";

const setPin = statement(
  "connection_setup.set_pin",
  `update whatsapp_connections set pin = $3::bytea where tenant_id = $1 and id = $2`,
  {},
);
const markCoexistence = statement(
  "connection_setup.mark_coexistence",
  `update whatsapp_connections set is_coexistence = true where tenant_id = $1 and id = $2 and not is_coexistence`,
  {},
);

export type WantedSteps = {
  /** Left out: all that are not done yet. */
  steps?: readonly ConnectionStepName[];
  /** Six digits; else the one that is kept, else a new one. */
  pin?: string;
  /** By itself: only what waits, and not for ever. */
  isAutomatic?: boolean;
};

/** Answers when all is done, or cannot go on, or `limits.connectionSetUpMsMax` are over. Throws `not_found`. */
export async function runSetUp(tools: ConnectionTools, scope: TenantScope, connectionId: string, wanted: WantedSteps): Promise<void> {
  const endMs = performance.now() + limits.connectionSetUpMsMax;
  const { target, steps } = await tenantTransaction(tools.app, scope, async (tx) => ({
    target: await readTarget(tx, scope, connectionId),
    steps: await readSteps(tx, scope, connectionId),
  }));
  const open = connectionSteps.filter((name) => steps.some((step) => step.step === name && isWanted(step, wanted)));
  if (target.state !== "connected" || open.length === 0) return;
  const accessToken = await tools.tokens.read(scope.tenantId, connectionId);
  if (accessToken === null) return;
  for (const step of open) {
    const leftMs = endMs - performance.now();
    if (leftMs < limits.connectionCallMsMax / 10) return;
    const claimedAtMs = tools.nowMs();
    const isOurs = await tenantTransaction(tools.app, scope, (tx) => claimStep(tx, scope, connectionId, { step, nowMs: claimedAtMs }));
    if (!isOurs) continue;
    const work = { tools, scope, target, accessToken, pin: wanted.pin ?? null, timeoutMs: Math.min(limits.connectionCallMsMax, leftMs) };
    const outcome = await perform[step](work);
    await tenantTransaction(tools.app, scope, (tx) =>
      settleStep(tx, scope, connectionId, { step, outcome, claimedAtMs, nowMs: tools.nowMs() }),
    );
    // Nothing else can work with such a token, or while Meta cannot be asked.
    if (outcome.state === "pending" || (step === "token" && outcome.state === "failed")) return;
  }
}

function isWanted({ step, state, attempts }: { step: ConnectionStepName; state: string; attempts: number }, wanted: WantedSteps): boolean {
  if (wanted.isAutomatic === true) return state === "pending" && attempts < limits.connectionStepAttemptsMax;
  return wanted.steps === undefined ? state === "pending" || state === "failed" : wanted.steps.includes(step);
}

type Work = {
  tools: ConnectionTools;
  scope: TenantScope;
  target: Target;
  accessToken: AccessToken;
  pin: string | null;
  timeoutMs: number;
};

const perform: Readonly<Record<ConnectionStepName, (work: Work) => Promise<StepOutcome>>> = {
  token: async ({ tools, target, accessToken, timeoutMs }) => {
    const proof = await proveToken(tools, { ...target, accessToken }, timeoutMs);
    if (proof.kind === "proven") return done;
    return proof.kind === "unreached"
      ? waiting(proof)
      : { state: "failed", code: proof.code, metaCode: proof.metaCode, detail: proof.detail };
  },

  subscribe: async ({ tools, target: { wabaId, appKey }, accessToken, timeoutMs }) => {
    const access = { wabaId, accessToken, timeoutMs };
    const apps = await listSubscribedApps(tools.graph, access);
    if (apps.kind !== "answered") return outcomeOf(apps, "subscribe_refused");
    const appId = (await tools.apps.find(appKey))?.appId ?? null;
    const isThere = appId === null ? apps.facts.length > 0 : apps.facts.includes(appId);
    return isThere ? done : outcomeOf(await subscribeApp(tools.graph, access), "subscribe_refused");
  },

  register: async (work) => {
    const { tools, scope, target, accessToken, timeoutMs } = work;
    const access = { phoneNumberId: target.phoneNumberId, accessToken, timeoutMs };
    const number = await readNumber(tools.graph, access);
    if (number.kind !== "answered") return outcomeOf(number, "register_refused");
    if (number.facts.isOnBizApp) {
      await tenantTransaction(tools.app, scope, (tx) => tx.query(markCoexistence, [scope.tenantId, target.connectionId]));
      return { ...done, state: "skipped" };
    }
    // It counts among ten in 72 hours, and takes the number away from whoever else has registered it.
    if (registered.has(number.facts.status ?? "")) return done;
    const registering = await registerNumber(tools.graph, access, await keptPin(work));
    if (registering.kind !== "refused") return outcomeOf(registering, "register_refused");
    if (registering.code === wrongPin) await dropPin(work);
    return outcomeOf(registering, registrationCodes.get(registering.code) ?? "register_refused");
  },

  contacts: (work) => handOver(work, "smb_app_state_sync", "contacts_refused"),
  history: (work) => handOver(work, "history", "history_refused"),
};

/** Statuses of numbers that the Cloud API serves, whatever Meta holds against them. */
const registered: ReadonlySet<string> = new Set(["CONNECTED", "FLAGGED", "RESTRICTED", "RATE_LIMITED"]);
const wrongPin = 133_005;
const registrationCodes: ReadonlyMap<number, ConnectionCode> = new Map([
  [wrongPin, "register_wrong_pin"],
  [133_016, "register_too_often"],
]);
const syncMsMax = 24 * 3_600_000;

async function handOver(work: Work, kind: Parameters<typeof requestAppData>[2], code: ConnectionCode): Promise<StepOutcome> {
  const { tools, target, accessToken, timeoutMs } = work;
  if (tools.nowMs() - (target.connectedAtMs ?? 0) > syncMsMax)
    return { state: "failed", code: "sync_too_late", metaCode: null, detail: null };
  return outcomeOf(await requestAppData(tools.graph, { phoneNumberId: target.phoneNumberId, accessToken, timeoutMs }, kind), code);
}

/** Kept before it is given to Meta: a number whose PIN nobody knows can be registered by nobody. */
async function keptPin({ tools, scope, target, pin }: Work): Promise<string> {
  const context = pinContext(scope, target);
  if (pin === null && target.pin !== null) return tools.open(context, target.pin);
  const wanted = pin ?? String(randomInt(1_000_000)).padStart(6, "0");
  const sealed = tools.seal(context, wanted);
  await tenantTransaction(tools.app, scope, (tx) => tx.query(setPin, [scope.tenantId, target.connectionId, sealed]));
  return wanted;
}

/** It is not the number's. One that was kept before it may be. */
async function dropPin({ tools, scope, target, pin }: Work): Promise<void> {
  const former = pin === null ? null : target.pin;
  await tenantTransaction(tools.app, scope, (tx) => tx.query(setPin, [scope.tenantId, target.connectionId, former]));
}

function pinContext({ tenantId }: TenantScope, { connectionId }: Target): SecretContext {
  return { table: "whatsapp_connections", column: "pin", tenantId, rowId: connectionId };
}

const done: StepOutcome = { state: "done", code: null, metaCode: null, detail: null };

function outcomeOf(asked: Asked<unknown>, code: ConnectionCode): StepOutcome {
  if (asked.kind === "answered") return done;
  return asked.kind === "unreached" ? waiting(asked) : { state: "failed", code, metaCode: asked.code, detail: asked.detail };
}

function waiting({ reason }: { reason: string }): StepOutcome {
  return { state: "pending", code: "not_reached", metaCode: null, detail: reason };
}
