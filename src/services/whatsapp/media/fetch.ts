/**
 * Brings one file from Meta into the store: begin (may it be tried, and now?) → call → settle. Both ends are transactions of their own; the
 * number of the attempt fences the second one, so whoever was taken for dead changes nothing. An attempt makes at most one call that fails.
 * Whatever happens, the message stays as it is and shows the file's state.
 */
import { backoffMs } from "../../../core/backoff.ts";
import { sha256Hex } from "../../../core/media-type.ts";
import type { TenantScope } from "../../../core/scope.ts";
import type { Db } from "../../../db/pool.ts";
import { statement, time, type RowOf } from "../../../db/statement.ts";
import { tenantTransaction, type Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import { appendActivity } from "../../activity/append.ts";
import { enqueue } from "../../jobs.ts";
import { sniff } from "../../media-sniff.ts";
import { TooLarge, type MediaStore, type StagedFile } from "../../media-store.ts";
import type { GraphError } from "../graph/answer.ts";
import type { AccessToken, Graph } from "../graph/call.ts";
import { downloadMedia, findMedia, type Download } from "../graph/media-client.ts";
import { lockMediaContent } from "./media.ts";
import { beginCall, endCall } from "./calls.ts";
import type { AccessTokens } from "../outbox/access-tokens.ts";

export type FetchDeps = {
  /** Role kesher_app: the token is the tenant's own. */
  app: Db;
  store: MediaStore;
  graph: Graph;
  tokens: Pick<AccessTokens, "read" | "forget">;
  nowMs: () => number;
  random: () => number;
};

export type FetchResult =
  | { kind: "stored" | "expired"; reason: null }
  | { kind: "failed" | "refused"; reason: string }
  /** Another job will go on. */
  | { kind: "waits"; reason: string; seconds: number }
  /** There is nothing to do, or another one does it. */
  | { kind: "skipped"; reason: string };

const wantedRow = {
  id: "uuid",
  connectionId: "uuid",
  messageId: "uuid",
  conversationId: "uuid",
  phoneNumberId: "text",
  waMediaId: "text",
  url: "text?",
  urlExpiresAtMs: "time?",
  declaredSha256: "text?",
  attempts: "int",
  startedAtMs: "time?",
  crashes: "int",
  receivedAtMs: "time",
} as const;
type Wanted = RowOf<typeof wantedRow>;

const selectWanted = statement(
  "media_fetch.wanted",
  `select f.id, f.connection_id as "connectionId", f.message_id as "messageId", m.conversation_id as "conversationId",
          c.phone_number_id as "phoneNumberId", f.wa_media_id as "waMediaId", f.url, f.url_expires_at as "urlExpiresAtMs",
          f.declared_sha256 as "declaredSha256", f.attempts, f.started_at as "startedAtMs", f.crashes, f.received_at as "receivedAtMs"
     from whatsapp_media f
     join whatsapp_connections c on c.tenant_id = f.tenant_id and c.id = f.connection_id
     join whatsapp_messages m on m.tenant_id = f.tenant_id and m.id = f.message_id
    where f.tenant_id = $1 and f.id = $2 and f.state = 'pending' for update of f`,
  wantedRow,
);
const begin = statement(
  "media_fetch.begin",
  `update whatsapp_media set attempts = attempts + 1, started_at = $3::timestamptz, crashes = $4 where tenant_id = $1 and id = $2 returning attempts`,
  { attempts: "int" },
);
const retry = statement(
  "media_fetch.retry",
  `update whatsapp_media set started_at = null, url = case when $4 then null else url end, error_code = $5, error_reason = $6
    where tenant_id = $1 and id = $2 and state = 'pending' and attempts = $3 returning id`,
  { id: "uuid" },
);
const finish = statement(
  "media_fetch.finish",
  `update whatsapp_media set state = $4, started_at = null, url = null, error_code = $5, error_reason = $6
    where tenant_id = $1 and id = $2 and state = 'pending' and attempts = $3 returning id`,
  { id: "uuid" },
);
const store = statement(
  "media_fetch.store",
  `update whatsapp_media set state = 'stored', started_at = null, url = null, error_code = null, error_reason = null, sha256 = $4, bytes = $5,
          mime_type = $6, is_sha256_different = $7, stored_at = $8::timestamptz
    where tenant_id = $1 and id = $2 and state = 'pending' and attempts = $3 returning id`,
  { id: "uuid" },
);

/** Rejects only when the database fails: then the job is tried again. */
export async function fetchMedia(deps: FetchDeps, scope: TenantScope, mediaId: string, signal: AbortSignal): Promise<FetchResult> {
  const begun = await tenantTransaction(deps.app, scope, (tx) => beginAttempt(tx, scope, mediaId, deps.nowMs()));
  if (begun.kind !== "begun") return begun;
  const outcome = await attempt(deps, scope, begun.wanted, signal);
  if (outcome.kind === "retry" && outcome.isTokenRefused) deps.tokens.forget(begun.wanted.connectionId);
  try {
    return await settle(deps, scope, begun, outcome);
  } catch (error) {
    const code = codeOf(error);
    if (outcome.kind !== "bytes" || !diskCodes.has(code)) throw error;
    // The folder took the bytes, but not under their name: no crash of ours that may count against the file.
    return settle(deps, scope, begun, again(code.toLowerCase(), { isCallFailed: false }));
  }
}

type Begun = { kind: "begun"; wanted: Wanted; callId: string };

async function beginAttempt(tx: Tx, scope: TenantScope, mediaId: string, nowMs: number): Promise<Begun | FetchResult> {
  const [wanted] = await tx.query(selectWanted, [scope.tenantId, mediaId]);
  if (wanted === undefined) return { kind: "skipped", reason: "nothing_pending" };
  if (nowMs >= wanted.receivedAtMs + limits.mediaKeptByMetaMs)
    return finishNow(tx, scope, wanted, { kind: "expired", reason: null }, nowMs);
  const crashes = wanted.crashes + (wanted.startedAtMs === null ? 0 : 1);
  if (crashes >= limits.mediaCrashesMax) return finishNow(tx, scope, wanted, { kind: "failed", reason: "crashed_worker" }, nowMs);
  const leave = await beginCall(tx, scope, wanted.connectionId, nowMs);
  if (leave.kind === "wait") {
    await enqueueAgain(tx, scope, wanted, leave.seconds);
    return { kind: "waits", reason: "failed_calls", seconds: leave.seconds };
  }
  const [row] = await tx.query(begin, [scope.tenantId, wanted.id, time(nowMs), crashes]);
  return { kind: "begun", wanted: { ...wanted, attempts: row?.attempts ?? 0 }, callId: leave.callId };
}

async function finishNow<Result extends FetchResult>(
  tx: Tx,
  scope: TenantScope,
  wanted: Wanted,
  result: Result,
  nowMs: number,
): Promise<Result> {
  await tx.query(finish, [scope.tenantId, wanted.id, wanted.attempts, result.kind, null, result.reason]);
  await tell(tx, scope, wanted, result.kind, nowMs);
  return result;
}

type Outcome =
  | { kind: "bytes"; file: StagedFile; mimeType: string | null; isSha256Different: boolean }
  | { kind: "refused" | "failed"; reason: string; code: number | null; isCallFailed: boolean }
  | {
      kind: "retry";
      reason: string;
      code: number | null;
      isCallFailed: boolean;
      isTokenRefused: boolean;
      /** Least wait. */
      afterMs: number;
      /** The webhook's address is of no more use. */
      isUrlSpent: boolean;
    };

async function attempt(deps: FetchDeps, scope: TenantScope, wanted: Wanted, jobSignal: AbortSignal): Promise<Outcome> {
  const accessToken = await deps.tokens.read(scope.tenantId, wanted.connectionId);
  if (accessToken === null) return again("no_token", { afterMs: limits.mediaRetryMsMax, isCallFailed: false });
  const signal = AbortSignal.any([jobSignal, AbortSignal.timeout(limits.mediaFetchMsMax)]);
  const call = { deps, wanted, accessToken, signal };
  const { url, urlExpiresAtMs } = wanted;
  const isFresh = url !== null && urlExpiresAtMs !== null && deps.nowMs() < urlExpiresAtMs;
  const first = isFresh ? await take(call, url, wanted.declaredSha256, true) : await ask(call);
  // Not from a host of Meta's: nobody was called. What Graph itself says is another matter.
  const outcome = isFresh && first.kind === "refused" && first.reason === "host_not_allowed" ? await ask(call) : first;
  if (outcome.kind !== "bytes" || !outcome.isSha256Different) return outcome;
  // Cut or changed on its way, or Meta's hash means something else: it is fetched once more, and then taken as it is.
  await outcome.file.drop();
  return ask(call);
}

type Call = { deps: FetchDeps; wanted: Wanted; accessToken: AccessToken; signal: AbortSignal };

async function ask(call: Call): Promise<Outcome> {
  const { waMediaId, phoneNumberId, declaredSha256 } = call.wanted;
  const found = await findMedia(call.deps.graph, { waMediaId, phoneNumberId, accessToken: call.accessToken });
  if (found.kind === "refused") return refusal(found.error, false);
  if (found.kind === "unavailable") return again(found.reason);
  return take(call, found.url, found.sha256 ?? declaredSha256, false);
}

async function take(call: Call, url: string, declaredSha256: string | null, isUrlSpent: boolean): Promise<Outcome> {
  const { deps, accessToken, signal } = call;
  const download = await downloadMedia(deps.graph, { url, accessToken, signal });
  if (download.kind !== "bytes") return notDownloaded(download, isUrlSpent);
  let file: StagedFile;
  try {
    file = await deps.store.stage(download.bytes, limits.mediaBytesMax);
  } catch (error) {
    if (error instanceof TooLarge) return { kind: "refused", reason: "too_large", code: null, isCallFailed: false };
    const code = codeOf(error);
    // A full or broken disk is ours, not a failed call.
    return again(code.toLowerCase(), { isUrlSpent, isCallFailed: !diskCodes.has(code) });
  }
  const { mimeType, isText } = await sniff(file.path);
  const expected = sha256Hex(declaredSha256);
  return {
    kind: "bytes",
    file,
    mimeType: mimeType ?? (isText ? "text/plain" : null),
    isSha256Different: expected !== null && expected !== file.sha256,
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "cut";
}

const diskCodes: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EROFS", "EIO", "EMFILE", "ENFILE", "EACCES", "EPERM", "ENOENT"]);

function notDownloaded(download: Exclude<Download, { kind: "bytes" }>, isUrlSpent: boolean): Outcome {
  switch (download.kind) {
    case "gone":
      return again("gone", { isUrlSpent, afterMs: 1_000 });
    case "host_not_allowed":
      return { kind: "refused", reason: "host_not_allowed", code: null, isCallFailed: false };
    case "refused":
      return refusal(download.error, isUrlSpent);
    case "unavailable":
      return again(download.reason, { isUrlSpent });
    default:
      return download satisfies never;
  }
}

/** A refusal of the address in the webhook is no word about the file. */
function refusal(error: GraphError, isUrlSpent: boolean): Outcome {
  const { code, waitMs } = error;
  const reason = `graph_${code}`;
  if (error.class === "token") {
    return again(reason, { code, isUrlSpent, isTokenRefused: true, afterMs: limits.mediaRetryMsMax });
  }
  if (error.retryable || waitMs !== null || isUrlSpent) return again(reason, { code, isUrlSpent, afterMs: waitMs ?? 0 });
  return { kind: "failed", reason, code, isCallFailed: true };
}

function again(reason: string, more: Partial<Omit<Extract<Outcome, { kind: "retry" }>, "kind" | "reason">> = {}): Outcome {
  return { kind: "retry", reason, code: null, isCallFailed: true, isTokenRefused: false, afterMs: 0, isUrlSpent: false, ...more };
}

async function settle(deps: FetchDeps, scope: TenantScope, { wanted, callId }: Begun, outcome: Outcome): Promise<FetchResult> {
  const nowMs = deps.nowMs();
  const hasFailed = outcome.kind !== "bytes" && outcome.isCallFailed;
  const key = [scope.tenantId, wanted.id, wanted.attempts] as const;
  try {
    return await tenantTransaction(deps.app, scope, async (tx): Promise<FetchResult> => {
      await endCall(tx, scope, { connectionId: wanted.connectionId, callId, hasFailed }, nowMs);
      switch (outcome.kind) {
        case "bytes": {
          const { file, mimeType, isSha256Different } = outcome;
          await lockMediaContent(tx, scope, file.sha256);
          const values = [file.sha256, file.bytes, mimeType, isSha256Different, time(nowMs)] as const;
          if ((await tx.query(store, [...key, ...values])).length === 0) return takenOver;
          await file.keep(scope.tenantId);
          await tell(tx, scope, wanted, "stored", nowMs);
          return { kind: "stored", reason: null };
        }
        case "failed":
        case "refused": {
          const { kind, reason, code } = outcome;
          if ((await tx.query(finish, [...key, kind, code, reason])).length === 0) return takenOver;
          await tell(tx, scope, wanted, kind, nowMs);
          return { kind, reason };
        }
        case "retry": {
          const { reason, code, isUrlSpent } = outcome;
          if ((await tx.query(retry, [...key, isUrlSpent, code, reason])).length === 0) return takenOver;
          const seconds = waitSeconds(deps, wanted.attempts, outcome.afterMs);
          await enqueueAgain(tx, scope, wanted, seconds);
          return { kind: "waits", reason, seconds };
        }
        default:
          return outcome satisfies never;
      }
    });
  } finally {
    if (outcome.kind === "bytes") await outcome.file.drop();
  }
}

const takenOver: FetchResult = { kind: "skipped", reason: "taken_over" };

/** What Meta or the reason asks for, and more with each attempt. A spent address costs no wait: the next attempt asks for another one. */
function waitSeconds(deps: FetchDeps, attempts: number, afterMs: number): number {
  if (afterMs > 0) return Math.ceil(afterMs / 1_000);
  const growing = { firstMs: limits.mediaRetryMsMin, factor: 2, maxMs: limits.mediaRetryMsMax };
  return Math.ceil(backoffMs(growing, attempts, deps.random()) / 1_000);
}

function enqueueAgain(tx: Tx, scope: TenantScope, wanted: Wanted, seconds: number): Promise<void> {
  const data = { tenantId: scope.tenantId, connectionId: wanted.connectionId, mediaId: wanted.id };
  return enqueue(tx, "media-fetch", [data], { startAfterSeconds: seconds });
}

/** Last in its transaction, as every append is. */
async function tell(tx: Tx, scope: TenantScope, wanted: Wanted, state: string, nowMs: number): Promise<void> {
  const { messageId, conversationId } = wanted;
  const data = { mediaId: wanted.id, state };
  await appendActivity(tx, [{ tenantId: scope.tenantId, type: "message.media_changed", conversationId, messageId, data }], nowMs);
}
