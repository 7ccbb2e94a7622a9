import assert from "node:assert/strict";
import { test } from "node:test";
import type { Fault } from "../src/sandbox/faults.ts";
import { createRandom } from "../src/sandbox/random.ts";
import type { Update } from "../src/services/whatsapp/graph/updates.ts";
import { codeOf, customer, startSandboxRig, type Answer, type Rig } from "./support/sandbox-rig.ts";

const phone = customer.from;

async function openedRig(t: Parameters<typeof startSandboxRig>[0], options: Parameters<typeof startSandboxRig>[1] = {}): Promise<Rig> {
  const rig = await startSandboxRig(t, options);
  await rig.sandbox.sendCustomerMessage({ ...customer, type: "text", text: "hi" });
  await rig.next();
  return rig;
}

/** How the caller sees it. That there is no answer is told by requests that are made later and have theirs, not by a clock. */
async function seen(rig: Rig, fault: Fault | null = null): Promise<string> {
  const taken = Promise.withResolvers<void>();
  const test = ({ isSend }: { isSend: boolean }): boolean => {
    if (isSend) taken.resolve();
    return isSend;
  };
  if (fault !== null) rig.sandbox.fail({ when: { test }, fault });
  const answered = rig.send(phone).then(shown, () => "broken");
  if (fault?.kind !== "timeout") return answered;
  await taken.promise;
  const later = async (): Promise<string> => {
    for (let turn = 0; turn < 3; turn += 1) assert.equal((await rig.graph("GET", rig.sandbox.phoneNumberId)).status, 200);
    return "no answer";
  };
  return Promise.race([answered, later()]);
}

function shown(answer: Answer): string {
  return codeOf(answer) === null
    ? `${answer.status} ${answer.json?.messages === undefined ? "strange" : "accepted"}`
    : `${answer.status} (#${codeOf(answer)})`;
}

const cases: [Fault, string, accepted: number][] = [
  [{ kind: "status", status: 502 }, "502 strange", 0],
  [{ kind: "status", status: 429, body: "" }, "429 strange", 0],
  [{ kind: "error", code: 130_429 }, "429 (#130429)", 0],
  [{ kind: "error", code: 190 }, "401 (#190)", 0],
  [{ kind: "error", code: 131_000, status: 200 }, "200 (#131000)", 0],
  [{ kind: "timeout", accepts: false }, "no answer", 0],
  [{ kind: "timeout", accepts: true }, "no answer", 1],
  [{ kind: "reset", accepts: false }, "broken", 0],
  [{ kind: "reset", accepts: true }, "broken", 1],
  [{ kind: "cut" }, "broken", 1],
  [{ kind: "answer", status: 200, body: "" }, "200 strange", 1],
  [{ kind: "answer", status: 500, body: "<html>" }, "500 strange", 1],
  [{ kind: "late", ms: 30 }, "200 accepted", 1],
  [{ kind: "no_statuses" }, "200 accepted", 1],
];

test("Every scripted fault hits one send, and the ledger tells whether it was accepted all the same", async (t) => {
  const rig = await openedRig(t);
  for (const [fault, expected, accepted] of cases) {
    const before = rig.sandbox.ledger().length;
    assert.equal(await seen(rig, fault), expected, JSON.stringify(fault));
    assert.equal(rig.sandbox.ledger().length - before, accepted, JSON.stringify(fault));
  }
  assert.equal(await seen(rig), "200 accepted");
});

test("A fault for a number, a customer, a callback, a type or a path hits these alone, as often as it was said", async (t) => {
  const rig = await openedRig(t);
  const other = rig.sandbox.addNumber();
  const fault: Fault = { kind: "error", code: 131_016 };
  const isHit = async (more: object = {}, to = phone): Promise<boolean> => codeOf(await rig.send(to, more)) === 131_016;
  rig.sandbox.fail({ when: { phoneNumberId: other.phoneNumberId }, times: null, fault });
  assert.equal(await isHit(), false);
  for (let time = 0; time < 3; time += 1) {
    assert.equal(codeOf(await rig.send(phone, {}, other.phoneNumberId, other.accessToken)), 131_016);
  }
  rig.sandbox.clearFaults();
  rig.sandbox.fail({ when: { to: phone, callback: "m_7" }, times: 2, fault });
  const hits = [];
  for (const callback of ["m_6", "m_7", "m_7", "m_7"]) hits.push(await isHit({ biz_opaque_callback_data: callback }));
  assert.deepEqual(hits, [false, true, true, false]);
  rig.sandbox.fail({ when: { path: "/message_templates", method: "GET" }, fault });
  assert.equal(await isHit(), false);
  assert.equal(codeOf(await rig.graph("GET", `${rig.sandbox.wabaId}/message_templates`)), 131_016);
  rig.sandbox.fail({ when: { test: ({ body }) => JSON.stringify(body).includes("secret word") }, fault });
  assert.deepEqual([await isHit(), await isHit({ text: { body: "the secret word" } })], [false, true]);
});

test("A read receipt or another request does not use up a fault that is meant for the next send", async (t) => {
  const rig = await openedRig(t);
  const { waMessageId } = await rig.sandbox.sendCustomerMessage({ ...customer, type: "text" });
  rig.sandbox.failNext({ kind: "error", code: 131_016 });
  const read = { messaging_product: "whatsapp", status: "read", message_id: waMessageId };
  assert.equal((await rig.graph("POST", `${rig.sandbox.phoneNumberId}/messages`, read)).status, 200);
  assert.equal((await rig.graph("GET", rig.sandbox.phoneNumberId)).status, 200);
  assert.equal(codeOf(await rig.send(phone)), 131_016);
});

const statusOf = async (rig: Rig): Promise<Extract<Update, { kind: "status" }>> => {
  const update = await rig.next();
  assert(update.kind === "status");
  return update;
};

test("A status can come, and be taken, before the answer to its own send", async (t) => {
  const rig = await openedRig(t, { statusDelaysMs: { sent: 1, delivered: 2, read: null } });
  rig.sandbox.failNext({ kind: "status_first" });
  const { json } = await rig.send(phone, { biz_opaque_callback_data: "m_1" });
  // By now the next one may have come, too.
  const [early] = rig.posts.flatMap(({ updates }) => updates).filter(({ kind }) => kind === "status");
  assert(early?.kind === "status" && early.status === "sent", "before the answer");
  const first = await statusOf(rig);
  const second = await statusOf(rig);
  assert.deepEqual([first.status, first.waMessageId, first.callback, second.status], ["sent", json.messages[0].id, "m_1", "delivered"]);
});

test("A wrong wamid is one that no status names, a duplicate one is that of the message before", async (t) => {
  const rig = await openedRig(t, { statusDelaysMs: { sent: 1, delivered: 100_000, read: null } });
  const sendOne = async (fault?: Fault): Promise<[string, string]> => {
    if (fault !== undefined) rig.sandbox.failNext(fault);
    const { json } = await rig.send(phone);
    return [String(json.messages[0].id), (await statusOf(rig)).waMessageId];
  };
  const [answered, told] = await sendOne({ kind: "wrong_wamid" });
  assert.notEqual(answered, told);
  const [before] = await sendOne();
  assert.deepEqual(await sendOne({ kind: "duplicate_wamid" }), [before, before]);
  assert.equal(rig.sandbox.ledger().length, 3);
});

test("What is accepted may fail later, with any code", async (t) => {
  const rig = await openedRig(t, { statusDelaysMs: { sent: 1, delivered: 2, read: 3 } });
  rig.sandbox.failNext({ kind: "fails", code: 131_049 });
  assert.equal((await rig.send(phone)).status, 200);
  const update = await statusOf(rig);
  assert.deepEqual([update.status, update.error?.code, update.pricing], ["failed", 131_049, null]);
});

test("Webhooks can be withheld, and come days later with the times of then, in batches, repeated and in another order", async (t) => {
  const rig = await openedRig(t, { statusDelaysMs: { sent: 0, delivered: 0, read: 0 } });
  rig.sandbox.setRates({ perSecond: null, hasPairRate: false });
  rig.sandbox.conduct({ withheld: "statuses", batchMax: 1_000, batchMs: 1, copies: 2, isShuffled: true });
  const sentAtMs = rig.clock.ms;
  for (let count = 0; count < 400; count += 1) await rig.send(phone);
  while (rig.sandbox.heldWebhooks() < 1_200) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(rig.posts.length, 1, "nothing but the customer's message");
  rig.clock.ms += 5 * 86_400_000;
  assert.equal(rig.sandbox.release(), 1_200);
  const seen: string[] = [];
  for (let count = 0; count < 2_400; count += 1) {
    const update = await statusOf(rig);
    assert.equal(update.atMs, sentAtMs);
    seen.push(`${update.waMessageId} ${update.status}`);
  }
  assert.deepEqual(new Set(rig.posts.slice(1).map(({ updates }) => updates.length)), new Set([1_000, 200]));
  const distinct = new Set(seen);
  assert.equal(distinct.size, 1_200, "each twice");
  const inOrder = rig.sandbox
    .ledger()
    .flatMap(({ waMessageId }) => ["sent", "delivered", "read"].map((status) => `${waMessageId} ${status}`));
  assert.deepEqual(distinct, new Set(inOrder));
  assert.notDeepEqual(seen.slice(0, 10), inOrder.slice(0, 10));
});

test("A webhook that is not taken is posted again until it is, and is never lost on the way", async (t) => {
  const rig = await openedRig(t, { statusDelaysMs: { sent: 0, delivered: 0, read: null } });
  rig.refusals.left = 3;
  await rig.send(phone);
  assert.deepEqual(new Set([(await statusOf(rig)).status, (await statusOf(rig)).status]), new Set(["sent", "delivered"]));
  assert.deepEqual(rig.troubles, []);
});

test("However much the delays vary, the order of a message's statuses stays; the same seed gives the same chance", async (t) => {
  const rig = await openedRig(t, { statusJitter: 0.9, statusDelaysMs: { sent: 10, delivered: 60, read: null } });
  for (let count = 0; count < 4; count += 1) await rig.send(phone, { biz_opaque_callback_data: `m_${count}` });
  // As they were posted: on the way one may overtake another.
  for (let count = 0; count < 8; count += 1) await statusOf(rig);
  for (const { reported } of rig.sandbox.ledger()) assert.deepEqual(reported, ["sent", "delivered"]);
  const draws = (seed: number): number[] => Array.from({ length: 20 }, createRandom(seed));
  assert.deepEqual(draws(1), draws(1));
  assert.notDeepEqual(draws(1), draws(2));
});
