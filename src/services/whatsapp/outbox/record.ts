/**
 * Writes what became of attempts, for many at once: one transaction, in sets. Every statement about the outbox names the claim, so an
 * attempt that was taken away meanwhile (its node was thought dead) touches nothing there; what Graph answered is still the truth about
 * the message and settles an `unknown`. Locks in the order of ARCHITECTURE.md: conversations, wamids, messages, activity. Role kesher_ingest.
 */
import { nextSendState, type SendState } from "../../../core/send-state.ts";
import { metaSecond } from "../../../core/window.ts";
import { bigints, bools, ints, texts, uuids } from "../../../db/arrays.ts";
import type { Db } from "../../../db/pool.ts";
import { statement } from "../../../db/statement.ts";
import { transaction, type Tx } from "../../../db/transaction.ts";
import { appendActivity, type ActivityEvent } from "../../activity/append.ts";
import { requestProbes } from "../connections/probes.ts";
import { errorFact } from "../graph/errors.ts";
import { failuresIn, reconsiderAnswers } from "../conversation-answers.ts";
import { noteMetaVerdicts } from "../meta-verdicts.ts";
import { lockWaMessageIds, settleMessages } from "../statuses.ts";
import { readRefusals, recordLanes } from "./lanes.ts";
import { judgeAttempt, type Attempt, type Verdict } from "./outcome.ts";
import { lockConversations, promoteNext } from "./turns.ts";

const finish = statement(
  "outbox.finish",
  `delete from whatsapp_sends s using unnest($1::uuid[], $2::uuid[], $3::uuid[]) as u (tenant_id, message_id, claim_id)
   where s.tenant_id = u.tenant_id and s.message_id = u.message_id and s.claim_id = u.claim_id returning s.message_id as "messageId"`,
  { messageId: "uuid" },
);

const requeue = statement(
  "outbox.requeue",
  `update whatsapp_sends s set state = 'queued', claim_id = null, node_id = null, due_at = statement_timestamp() + make_interval(secs => u.after_ms / 1000.0),
     attempts = s.attempts - u.is_free::int, refusals = s.refusals + u.is_refused::int
   from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::bool[], $6::bool[]) as u (tenant_id, message_id, claim_id, after_ms, is_free, is_refused)
   where s.tenant_id = u.tenant_id and s.message_id = u.message_id and s.claim_id = u.claim_id`,
  {},
);

/** An echo of the very message may have come first under the same wamid: the send takes its place. */
const dropEchoes = statement(
  "outbox.drop_echoes",
  `with dropped as (
     delete from whatsapp_messages e using unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[]) as u (tenant_id, connection_id, wa_message_id, id)
     where e.tenant_id = u.tenant_id and e.connection_id = u.connection_id and e.wa_message_id = u.wa_message_id and e.origin = 'phone' and e.id <> u.id
       and exists (select from whatsapp_messages m where m.tenant_id = u.tenant_id and m.id = u.id and m.wa_message_id is null)
     returning e.tenant_id, e.conversation_id, e.role, u.id, u.wa_message_id
   ), counted as (
     select k.tenant_id, coalesce(k.merged_into_id, k.id) as id, count(*) filter (where d.role = 'message') as messages
     from dropped d join whatsapp_conversations k on k.tenant_id = d.tenant_id and k.id = d.conversation_id group by 1, 2
   )
   update whatsapp_conversations c set outbound_count = c.outbound_count - n.messages,
     last_message_id = coalesce((select d.id from dropped d where d.wa_message_id = c.last_message_wa_message_id limit 1), c.last_message_id)
   from counted n where c.tenant_id = n.tenant_id and c.id = n.id`,
  {},
);

/** A wamid that another message bears already proves nothing about this one. */
const accept = statement(
  "outbox.accept",
  `update whatsapp_messages m set wa_message_id = u.wa_message_id,
     status = case when m.status in ('pending', 'unknown') then 'accepted' else m.status end
   from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[]) as u (tenant_id, connection_id, wa_message_id, id)
   where m.tenant_id = u.tenant_id and m.id = u.id and (m.wa_message_id is null or m.wa_message_id = u.wa_message_id)
     and not exists (select from whatsapp_messages o where o.tenant_id = u.tenant_id and o.connection_id = u.connection_id and o.wa_message_id = u.wa_message_id and o.id <> u.id)
   returning m.id, m.status, old.status as "previousStatus"`,
  { id: "uuid", status: "text", previousStatus: "text" },
);

const fail = statement(
  "outbox.fail",
  `update whatsapp_messages m set status = u.status, failed_at = case when u.status = 'failed' then $4::timestamptz end,
     error_code = u.error_code, error_title = u.error_title, error_details = u.error_details
   from unnest($1::uuid[], $2::uuid[], $3::text[], $5::int[], $6::text[], $7::text[]) as u (tenant_id, id, status, error_code, error_title, error_details)
   where m.tenant_id = u.tenant_id and m.id = u.id and m.status in ('pending', 'unknown') and m.wa_message_id is null and m.status <> u.status
   returning m.id, old.status as "previousStatus"`,
  { id: "uuid", previousStatus: "text" },
);

/** Of an attempt that will be repeated: why it was not accepted yet. */
const noteReason = statement(
  "outbox.note_reason",
  `update whatsapp_messages m set error_code = u.error_code, error_title = u.error_title, error_details = u.error_details
   from unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[]) as u (tenant_id, id, error_code, error_title, error_details)
   where m.tenant_id = u.tenant_id and m.id = u.id and m.status = 'pending'`,
  {},
);

type Ended = { verdict: Verdict; state: Exclude<SendState, "queued"> };

/** Each message at most once in the call. Writing the same again changes nothing. Answers the tenants whose activity has grown. */
export function recordAttempts(ingest: Db, attempts: readonly Attempt[], at: { nowMs: number; random: () => number }): Promise<string[]> {
  if (attempts.length === 0) return Promise.resolve([]);
  const { nowMs, random } = at;
  return transaction(ingest, async (tx) => {
    await lockConversations(
      tx,
      attempts.map(({ send }) => send),
    );
    const refused = attempts.filter(({ outcome }) => outcome.kind === "refused");
    const refusals = refused.length === 0 ? new Map<string, number>() : await readRefusals(tx, connectionsOf(refused));
    const verdicts = attempts.map((attempt) => judgeAttempt(attempt, refusals.get(attempt.send.connectionId) ?? 0, random()));
    const ended: Ended[] = [];
    const repeated: Verdict[] = [];
    for (const verdict of verdicts) {
      const state = nextSendState("dispatching", verdict.event);
      if (state === "queued" || state === null) repeated.push(verdict);
      else ended.push({ verdict, state });
    }
    const events = [...(await recordAccepted(tx, ended)), ...(await recordFailed(tx, ended, nowMs))];
    await repeat(tx, repeated);
    await leaveOutbox(tx, ended);
    events.push(...(await recordLanes(tx, verdicts)));
    await requestProbes(tx, troubled(verdicts), "trouble");
    await appendActivity(tx, events, nowMs);
    return [...new Set(events.map((event) => event.tenantId))];
  });
}

/** Numbers whose token, registration or account Graph's refusals speak of, rather than of the one message. */
function troubled(verdicts: readonly Verdict[]): { tenantId: string; connectionId: string }[] {
  return verdicts.flatMap(({ send: { tenantId, connectionId }, error }) => {
    if (error === null || error.code === null) return [];
    const fact = errorFact(error.code);
    return fact.class === "token" || fact.blame === "account" || fact.action === "register_number" ? [{ tenantId, connectionId }] : [];
  });
}

function connectionsOf(attempts: readonly Attempt[]): string[] {
  return [...new Set(attempts.map(({ send }) => send.connectionId))];
}

async function leaveOutbox(tx: Tx, ended: readonly Ended[]): Promise<void> {
  if (ended.length === 0) return;
  const sends = ended.map(({ verdict }) => verdict.send);
  await tx.query(finish, [
    uuids(sends.map((send) => send.tenantId)),
    uuids(sends.map((send) => send.messageId)),
    uuids(sends.map((send) => send.claimId)),
  ]);
  await promoteNext(tx, sends);
}

async function repeat(tx: Tx, verdicts: readonly Verdict[]): Promise<void> {
  if (verdicts.length === 0) return;
  await tx.query(requeue, [
    uuids(verdicts.map(({ send }) => send.tenantId)),
    uuids(verdicts.map(({ send }) => send.messageId)),
    uuids(verdicts.map(({ send }) => send.claimId)),
    bigints(verdicts.map(({ afterMs }) => Math.round(afterMs))),
    bools(verdicts.map(({ isFree }) => isFree)),
    bools(verdicts.map(({ event, isFree }) => event === "postponed" && !isFree)),
  ]);
  const refused = verdicts.filter(({ error }) => error !== null);
  if (refused.length === 0) return;
  await tx.query(noteReason, [
    uuids(refused.map(({ send }) => send.tenantId)),
    uuids(refused.map(({ send }) => send.messageId)),
    ints(refused.map(({ error }) => error?.code ?? null)),
    texts(refused.map(({ error }) => error?.title ?? null)),
    texts(refused.map(({ error }) => error?.details ?? null)),
  ]);
}

async function recordAccepted(tx: Tx, ended: readonly Ended[]): Promise<ActivityEvent[]> {
  const seen = new Set<string>();
  const accepted = ended
    .flatMap(({ verdict: { send, waMessageId } }) => (waMessageId === null ? [] : [{ send, waMessageId }]))
    // Two messages under one wamid: the second learns nothing from it.
    .filter(({ send, waMessageId }) => {
      const key = `${send.connectionId} ${waMessageId}`;
      return !seen.has(key) && seen.add(key) !== undefined;
    });
  if (accepted.length === 0) return [];
  const keys = accepted.map(({ send, waMessageId }) => ({ tenantId: send.tenantId, connectionId: send.connectionId, waMessageId }));
  await lockWaMessageIds(tx, keys);
  const values = [
    uuids(keys.map((key) => key.tenantId)),
    uuids(keys.map((key) => key.connectionId)),
    texts(keys.map((key) => key.waMessageId)),
    uuids(accepted.map(({ send }) => send.messageId)),
  ];
  await tx.query(dropEchoes, values);
  const rows = new Map((await tx.query(accept, values)).map((row) => [row.id, row]));
  const known = keys.filter((_, index) => rows.has(accepted[index]?.send.messageId ?? ""));
  const { changed, verdicts } = await settleMessages(tx, known);
  await noteMetaVerdicts(tx, verdicts);
  await reconsiderAnswers(tx, failuresIn(changed));
  const events: ActivityEvent[] = accepted.flatMap(({ send, waMessageId }) => {
    // Adopted by a status that came first: that told it already.
    const row = rows.get(send.messageId);
    if (row === undefined || row.previousStatus === row.status) return [];
    return [
      {
        tenantId: send.tenantId,
        type: "message.accepted",
        conversationId: send.conversationId,
        messageId: send.messageId,
        data: { waMessageId },
      },
    ];
  });
  for (const message of changed) {
    events.push({
      tenantId: message.tenantId,
      type: "message.status_changed",
      conversationId: message.conversationId,
      messageId: message.id,
      data: { status: message.status, previousStatus: "accepted" },
    });
  }
  // What was accepted under a wamid that is another's is not known to be accepted at all.
  const strange = ended.filter(({ verdict: { send, waMessageId } }) => waMessageId !== null && !rows.has(send.messageId));
  return [
    ...events,
    ...(await writeFailures(
      tx,
      strange.map(({ verdict }) => ({ verdict, state: "unknown" as const })),
      0,
    )),
  ];
}

async function recordFailed(tx: Tx, ended: readonly Ended[], nowMs: number): Promise<ActivityEvent[]> {
  const failed = ended.filter(({ state }) => state !== "accepted");
  const events = await writeFailures(tx, failed, nowMs);
  await reconsiderAnswers(
    tx,
    failed.flatMap(({ verdict, state }) => (state === "failed" ? [verdict.send] : [])),
  );
  await noteMetaVerdicts(
    tx,
    failed.flatMap(({ verdict: { send, event, error, startedAtMs } }) =>
      event === "refused" && error?.code === 131_047
        ? [
            {
              tenantId: send.tenantId,
              conversationId: send.conversationId,
              refusedAtMs: metaSecond(startedAtMs),
              freeEntryPointExpiresAtMs: null,
            },
          ]
        : [],
    ),
  );
  return events;
}

async function writeFailures(tx: Tx, failed: readonly Ended[], nowMs: number): Promise<ActivityEvent[]> {
  if (failed.length === 0) return [];
  const rows = await tx.query(fail, [
    uuids(failed.map(({ verdict }) => verdict.send.tenantId)),
    uuids(failed.map(({ verdict }) => verdict.send.messageId)),
    texts(failed.map(({ state }) => state)),
    new Date(nowMs).toISOString(),
    ints(failed.map(({ verdict }) => verdict.error?.code ?? null)),
    texts(failed.map(({ verdict }) => verdict.error?.title ?? null)),
    texts(failed.map(({ verdict }) => verdict.error?.details ?? null)),
  ]);
  const previous = new Map(rows.map((row) => [row.id, row.previousStatus]));
  return failed.flatMap(({ verdict: { send, error }, state }) => {
    const previousStatus = previous.get(send.messageId);
    if (previousStatus === undefined) return [];
    return [
      {
        tenantId: send.tenantId,
        type: "message.status_changed",
        conversationId: send.conversationId,
        messageId: send.messageId,
        data: { status: state, previousStatus, errorCode: error?.code ?? null },
      },
    ];
  });
}
