/**
 * The races that break systems of this kind, each brought about by hand with two transactions, so that it happens every time.
 * `planted-bugs.test.ts` runs this file with the bugs themselves and expects it to fail.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { transaction, type Tx } from "../src/db/transaction.ts";
import { newId } from "../src/db/new-id.ts";
import { appendActivity, type ActivityEvent } from "../src/services/activity/append.ts";
import { listActivity } from "../src/services/activity/list.ts";
import { lockConversations } from "../src/services/whatsapp/outbox/turns.ts";
import { insertMessages, type MessageRow } from "../src/services/whatsapp/messages.ts";
import type { Failpoint } from "../src/failpoint.ts";
import type { Lane } from "../src/services/whatsapp/graph/updates.ts";
import { bodyOf, changeOf, bodyOfChanges, echo, failed, message, status } from "./support/bodies.ts";
import { until } from "./support/program.ts";
import { startRig, type Connected } from "./support/worker.ts";

const rig = await startRig({ after }, { connectionsMax: 6 });
const number = async (): Promise<Connected> => rig.connect(await rig.tenant({ autoReplyEnabled: false }));
let ordinal = 0;
const nextId = (): string => `wamid.race${(ordinal += 1)}`;
const event = (tenantId: string, type: string): ActivityEvent => ({ tenantId, type, conversationId: null, messageId: null, data: {} });

/** A transaction that has done its work and waits before COMMIT. */
async function held(work: (tx: Tx) => Promise<unknown>): Promise<{ commit(): Promise<void> }> {
  const [worked, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const ended = transaction(rig.ingest, async (tx) => {
    await work(tx);
    worked.resolve();
    await go.promise;
  });
  await Promise.race([worked.promise, ended]);
  return {
    async commit() {
      go.resolve();
      await ended;
    },
  };
}

/** A worker's turn that waits before COMMIT. */
async function heldTurn(lane: Lane): Promise<{ commit(): Promise<void> }> {
  const [reached, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const failpoint: Failpoint = (name) => {
    if (name !== "worker.before_commit") return undefined;
    reached.resolve();
    return go.promise;
  };
  const ended = rig.turn(lane, { failpoint });
  await Promise.race([reached.promise, ended]);
  return {
    async commit() {
      go.resolve();
      await ended;
    },
  };
}

/** Whether it waits for another transaction, or has come to its end without. */
async function untilBlockedOrDone(act: Promise<unknown>): Promise<"blocked" | "done"> {
  let isDone = false;
  const end = (): void => void (isDone = true);
  act.then(end, end);
  await until("it is blocked or done", 60_000, async () => isDone || (await blocked()) > 0);
  return isDone ? "done" : "blocked";
}

async function blocked(): Promise<number> {
  const [row] = await rig.sql<{ n: number }>(
    `select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return row?.n ?? 0;
}

test("a webhook is not acknowledged before its COMMIT, and not at all when that fails (I1)", async () => {
  const mine = await number();
  const blocker = await rig.ingest.pool.connect();
  let said: string | null = null;
  try {
    await blocker.query("begin; lock table webhook_intake in exclusive mode");
    const answer = rig
      .receive(bodyOf(message(mine, { phone: "972501" }, nextId(), rig.clock.nowMs)))
      .then(({ received }) => (said = received));
    assert.equal(await untilBlockedOrDone(answer), "blocked");
    assert.equal(said, null, "acknowledged before COMMIT");
    await rig.sql(`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`);
    await answer;
    assert.equal(said, "unavailable");
  } finally {
    await blocker.query("rollback");
    blocker.release();
  }
  assert.deepEqual(await rig.sql("select id from webhook_deliveries"), []);
});

test("two transactions that store one message at once make one row, and the second learns that it is a duplicate (I2)", async () => {
  const mine = await number();
  const first = await rig.receive(bodyOf(message(mine, { phone: "972501" }, nextId(), rig.clock.nowMs)));
  assert.equal(first.received, "stored");
  await rig.drain();
  const [conversation] = await rig.sql<{ id: string }>("select id from whatsapp_conversations where connection_id = $1", [mine.id]);
  assert.ok(conversation);
  const row: MessageRow = {
    tenantId: mine.tenantId,
    id: newId(rig.clock.nowMs),
    connectionId: mine.id,
    conversationId: conversation.id,
    waMessageId: nextId(),
    direction: "inbound",
    origin: "customer",
    type: "text",
    role: "message",
    content: "{}",
    raw: "{}",
    status: "received",
    atMs: rig.clock.nowMs,
    sentAtMs: null,
    senderPhone: "972501",
    senderUserId: null,
    targetWaMessageId: null,
    isStandby: false,
  };
  const one = await held((tx) => insertMessages(tx, [row], rig.clock.nowMs));
  const other = transaction(rig.ingest, (tx) => insertMessages(tx, [{ ...row, id: newId(rig.clock.nowMs) }], rig.clock.nowMs));
  assert.equal(await untilBlockedOrDone(other), "blocked");
  await one.commit();
  const outcome = await other.then(
    ([stored]) => stored?.outcome,
    (error: unknown) => String(error),
  );
  assert.equal(outcome, "duplicate");
});

test("a status that comes late moves no tick back, whatever batch it is in (I4)", async () => {
  const mine = await number();
  const id = nextId();
  await rig.receive(bodyOf(echo(mine, "972501", id, rig.clock.nowMs)));
  await rig.drain();
  for (const [index, word] of ["read", "sent", "delivered"].entries()) {
    await rig.receive(bodyOf(status(mine, id, word, rig.clock.nowMs + index)));
    await rig.drain();
    assert.equal(await statusOf(id), "read");
  }
});

test("an event that is committed later is never numbered before one that a reader has seen (I5)", async () => {
  const mine = await number();
  const early = await held((tx) => appendActivity(tx, [event(mine.tenantId, "early")], rig.clock.nowMs));
  const late = transaction(rig.ingest, (tx) => appendActivity(tx, [event(mine.tenantId, "late")], rig.clock.nowMs));
  await untilBlockedOrDone(late);
  const seen = await listActivity(rig.app, mine.scope, 0, 100);
  await early.commit();
  await late;
  const rest = await listActivity(rig.app, mine.scope, seen.at(-1)?.seq ?? 0, 100);
  assert.deepEqual(
    [...seen, ...rest].flatMap(({ type }) => (type === "early" || type === "late" ? [type] : [])),
    ["early", "late"],
    "a reader that goes on from its cursor has missed an event",
  );
});

test("every update of a change is taken, not only the first of its list", async () => {
  const mine = await number();
  const ids = [nextId(), nextId(), nextId()];
  const changes = ids.map((id) => changeOf(message(mine, { phone: "972501" }, id, rig.clock.nowMs)));
  const [change] = changes;
  assert.ok(change);
  const elements = ids.map((id) => message(mine, { phone: "972501" }, id, rig.clock.nowMs).element);
  const whole = { ...change, value: { ...(change["value"] as object), messages: elements } };
  await rig.receive(bodyOfChanges([{ wabaId: mine.wabaId, changes: [whole] }]));
  await rig.drain();
  const rows = await rig.sql<{ id: string }>("select wa_message_id as id from whatsapp_messages where connection_id = $1 order by 1", [
    mine.id,
  ]);
  assert.deepEqual(
    rows.map(({ id }) => id),
    ids.toSorted(),
  );
});

test("a status and its message that are applied at the same moment find each other, whoever is first (I3)", async () => {
  const mine = await number();
  const orders: [Lane, Lane][] = [
    ["whatsapp-statuses", "whatsapp-messages"],
    ["whatsapp-messages", "whatsapp-statuses"],
  ];
  for (const [first, second] of orders) {
    const id = nextId();
    await rig.receive(bodyOf(echo(mine, "972501", id, rig.clock.nowMs), status(mine, id, "delivered", rig.clock.nowMs + 1_000)));
    const one = await heldTurn(first);
    const other = rig.turn(second);
    await untilBlockedOrDone(other);
    await one.commit();
    await other;
    await rig.drain();
    assert.equal(await statusOf(id), "delivered", `${first} was first`);
  }
});

test("a failure that Meta reports waits for its conversation before it takes its message, so nobody who holds the one and wants the other waits in a circle", async () => {
  const mine = await number();
  const [told, unheard] = [nextId(), newId(rig.clock.nowMs)];
  await rig.receive(bodyOf(echo(mine, "972501", told, rig.clock.nowMs)));
  await rig.drain();
  // One whose answer from Graph nobody has recorded yet: only Meta's echo of our id tells whose failure it is.
  await rig.sql(
    `insert into whatsapp_messages (tenant_id, id, connection_id, conversation_id, direction, origin, type, role, content, status, wa_timestamp, created_at)
     select tenant_id, $2, connection_id, id, 'outbound', 'api', 'text', 'message', '{}', 'pending', now(), now()
     from whatsapp_conversations where connection_id = $1`,
    [mine.id, unheard],
  );
  const ownMessages = await rig.sql<{ id: string; conversationId: string }>(
    `select id, conversation_id as "conversationId" from whatsapp_messages where connection_id = $1`,
    [mine.id],
  );
  for (const failure of [
    failed(mine, told, rig.clock.nowMs, 131_026),
    failed(mine, nextId(), rig.clock.nowMs, 131_026, { biz_opaque_callback_data: unheard }),
  ]) {
    await rig.receive(bodyOf(failure));
    const recording = await held((tx) =>
      lockConversations(
        tx,
        ownMessages.map(({ conversationId }) => ({ tenantId: mine.tenantId, conversationId })),
      ),
    );
    const turn = rig.turn("whatsapp-statuses");
    assert.equal(await untilBlockedOrDone(turn), "blocked");
    const free = await rig.sql(`select from whatsapp_messages where connection_id = $1 for update skip locked`, [mine.id]);
    assert.equal(free.length, ownMessages.length);
    await recording.commit();
    await turn;
  }
  const ended = await rig.sql<{ status: string }>(`select status from whatsapp_messages where connection_id = $1`, [mine.id]);
  assert.deepEqual(
    ended.map(({ status: word }) => word),
    ["failed", "failed"],
  );
});

test("a customer's earlier word that arrives late moves no window back", async () => {
  const mine = await number();
  const lastWord = async (): Promise<number> => {
    const [row] = await rig.sql<{ at: number }>(
      "select last_customer_message_at as at from whatsapp_conversations where connection_id = $1",
      [mine.id],
    );
    return row?.at ?? 0;
  };
  const atMs = Math.floor(rig.clock.nowMs / 1_000) * 1_000;
  await rig.receive(bodyOf(message(mine, { phone: "972501" }, nextId(), atMs)));
  await rig.drain();
  await rig.receive(bodyOf(message(mine, { phone: "972501" }, nextId(), atMs - 3_600_000)));
  await rig.drain();
  assert.equal(await lastWord(), atMs);
});

async function statusOf(waMessageId: string): Promise<string | undefined> {
  const [row] = await rig.sql<{ status: string }>("select status from whatsapp_messages where wa_message_id = $1", [waMessageId]);
  return row?.status;
}
