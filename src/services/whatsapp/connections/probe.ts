/**
 * Looks at one number: asks Meta about its token, itself and its account's subscription, asks our own books about silence and ownership,
 * and keeps a verdict for each. What has changed is told in the activity, and nothing else is.
 */
import {
  judgeConnection,
  worstOf,
  type Asked,
  type ConnectionFacts,
  type NumberFacts,
  type TokenFacts,
} from "../../../core/connection-health.ts";
import { judgeSilence, noteRhythm, readRhythm, type Rhythm } from "../../../core/connection-rhythm.ts";
import type { TenantScope } from "../../../core/scope.ts";
import { statement, time } from "../../../db/statement.ts";
import { tenantTransaction, type Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import { appendActivity } from "../../activity/append.ts";
import { readChecks, recordVerdicts } from "./checks.ts";
import { runSetUp } from "./setup.ts";
import { readSteps } from "./steps.ts";
import { findTarget, readTarget, webhookUrlOf, type ConnectionTools, type Target } from "./tools.ts";
import type { AccessToken } from "../graph/call.ts";
import { readNumber } from "../graph/numbers-client.ts";
import { listSubscribedApps } from "../graph/subscriptions-client.ts";
import { inspectToken } from "../graph/tokens-client.ts";

/** Conversations in the list's own order, so that its index serves; what is on standby is not ours to answer. */
const selectRecent = statement(
  "connection_probe.recent",
  `select count(*)::int as conversations, (count(*) filter (where m.is_standby))::int as "onStandby"
   from (
     select v.tenant_id, v.last_message_id from whatsapp_conversations v
     where v.tenant_id = $1 and v.merged_into_id is null and v.last_message_hour >= $3 and v.connection_id = $2 limit 200
   ) r join whatsapp_messages m on m.tenant_id = r.tenant_id and m.id = r.last_message_id`,
  { conversations: "int", onStandby: "int" },
);
const lock = statement(
  "connection_probe.lock",
  `select state from whatsapp_connections where tenant_id = $1 and id = $2 for no key update`,
  { state: "text" },
);
const note = statement(
  "connection_probe.note",
  `update whatsapp_connections set probed_at = $3::timestamptz, probe_due_at = $4::timestamptz, rhythm = $5::jsonb
   where tenant_id = $1 and id = $2`,
  {},
);
const noteNumber = statement(
  "connection_probe.note_number",
  `update whatsapp_connections set display_phone_number = coalesce($3, display_phone_number), verified_name = coalesce($4, verified_name),
     quality = coalesce($5, quality), messaging_limit = coalesce($6, messaging_limit), is_coexistence = $7
   where tenant_id = $1 and id = $2`,
  {},
);

/** `unreached`: Meta did not answer one of the questions. `gone`: it is not connected, or not any more. */
export type Looked = "answered" | "unreached" | "no_token" | "gone";

/** Throws `not_found`. A number that is not connected is not looked at. */
export async function probeConnection(tools: ConnectionTools, scope: TenantScope, connectionId: string): Promise<Looked> {
  await runSetUp(tools, scope, connectionId, { isAutomatic: true });
  const target = await findTarget(tools, scope, connectionId);
  if (target.state !== "connected") return "gone";
  const credentials = await tools.apps.find(target.appKey);
  const accessToken = await tools.tokens.read(scope.tenantId, connectionId);
  const asked = accessToken === null ? null : await askMeta(tools, target, { accessToken, credentials });
  const hasChanged = await tenantTransaction(tools.app, scope, async (tx) => {
    const [row] = await tx.query(lock, [scope.tenantId, connectionId]);
    // It was disconnected meanwhile.
    if (row?.state !== "connected") return null;
    return record(tx, { tools, scope, connectionId, appId: credentials?.appId ?? null, asked });
  });
  if (hasChanged === true) tools.onActivity([scope.tenantId]);
  if (hasChanged === null) return "gone";
  if (asked === null) return "no_token";
  return [asked.number, asked.apps].every(({ kind }) => kind !== "unreached") ? "answered" : "unreached";
}

async function askMeta(
  { graph }: ConnectionTools,
  { phoneNumberId, wabaId }: Target,
  { accessToken, credentials }: { accessToken: AccessToken; credentials: Parameters<typeof inspectToken>[1] | null },
): Promise<NonNullable<ConnectionFacts["asked"]>> {
  const timeoutMs = limits.connectionCallMsMax;
  const unasked: Asked<TokenFacts> = { kind: "unreached", reason: "no_app_secret" };
  const [token, number, apps] = await Promise.all([
    credentials === null ? unasked : inspectToken(graph, credentials, { token: accessToken.token, timeoutMs }),
    readNumber(graph, { phoneNumberId, accessToken, timeoutMs }),
    listSubscribedApps(graph, { wabaId, accessToken, timeoutMs }),
  ]);
  return { token, number, apps };
}

type Found = {
  tools: ConnectionTools;
  scope: TenantScope;
  connectionId: string;
  appId: string | null;
  asked: ConnectionFacts["asked"];
};

/** Under the lock of the connection's row, so that of two probes at once the second sees what the first has found. */
async function record(tx: Tx, { tools, scope, connectionId, appId, asked }: Found): Promise<boolean> {
  const nowMs = tools.nowMs();
  const target = await readTarget(tx, scope, connectionId);
  const { lastSeenAtMs, wabaId, appKey } = target;
  const rhythm = noteRhythm(readRhythm(target.rhythm), { lastSeenAtMs, nowMs });
  const [recent] = await tx.query(selectRecent, [scope.tenantId, connectionId, Math.floor(nowMs / hourMs) - 24]);
  const verdicts = judgeConnection({
    nowMs,
    wabaId,
    appId,
    webhookUrl: webhookUrlOf(tools, appKey),
    asked,
    silence: judgeSilence(rhythm, { lastSeenAtMs, nowMs }),
    lastSeenAtMs,
    recent: recent ?? { conversations: 0, onStandby: 0 },
    steps: await readSteps(tx, scope, connectionId),
  });
  await noteLook(tx, { scope, connectionId, rhythm, nowMs });
  if (asked?.number.kind === "answered") await noteFacts(tx, scope, connectionId, asked.number.facts);
  const changes = await recordVerdicts(tx, scope, connectionId, { verdicts, nowMs });
  if (changes.length === 0) return false;
  const health = worstOf(await readChecks(tx, scope, connectionId));
  const data = { connectionId, phoneNumberId: target.phoneNumberId, health, changes };
  await appendActivity(tx, [{ tenantId: scope.tenantId, type: "connection.changed", conversationId: null, messageId: null, data }], nowMs);
  return true;
}

const hourMs = 3_600_000;

async function noteLook(
  tx: Tx,
  { scope, connectionId, rhythm, nowMs }: { scope: TenantScope; connectionId: string; rhythm: Rhythm; nowMs: number },
): Promise<void> {
  const dueAt = time(nowMs + limits.connectionProbeEveryMs);
  await tx.query(note, [scope.tenantId, connectionId, time(nowMs), dueAt, JSON.stringify(rhythm)]);
}

async function noteFacts(tx: Tx, { tenantId }: TenantScope, connectionId: string, number: NumberFacts): Promise<void> {
  const { displayPhoneNumber, verifiedName, quality, messagingLimit, isOnBizApp } = number;
  await tx.query(noteNumber, [tenantId, connectionId, displayPhoneNumber, verifiedName, quality, messagingLimit, isOnBizApp]);
}
