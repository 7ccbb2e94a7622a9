import assert from "node:assert/strict";
import { test } from "node:test";
import { createControl } from "../src/sandbox/control.ts";
import { sandboxUserId } from "../src/sandbox/people.ts";
import type { Update } from "../src/services/whatsapp/graph/updates.ts";
import { codeOf, customer, startSandboxRig, type Rig } from "./support/sandbox-rig.ts";

const phone = customer.from;
const statusOf = async (rig: Rig): Promise<Extract<Update, { kind: "status" }>> => {
  const update = await rig.next();
  assert(update.kind === "status");
  return update;
};

test("The phone writes, replies, reacts and reads, and sees both sides of its chat", async (t) => {
  const rig = await startSandboxRig(t);
  const dana = rig.sandbox.phone(phone);
  const first = await dana.write({ type: "text", text: "Is it in stock?", name: "Dana" });
  await rig.next();
  assert.deepEqual([dana.isWindowOpen(), dana.seesTyping()], [true, false]);
  const read = { messaging_product: "whatsapp", status: "read", message_id: first.waMessageId, typing_indicator: { type: "text" } };
  assert.deepEqual((await rig.graph("POST", `${rig.sandbox.phoneNumberId}/messages`, read)).json, { success: true });
  assert.equal(dana.seesTyping(), true);
  const sent = await rig.send(phone, { context: { message_id: first.waMessageId } });
  const answer = String(sent.json.messages[0].id);
  assert.equal(dana.read(), 1);
  assert.deepEqual([(await statusOf(rig)).status, dana.read()], ["read", 0]);
  await dana.react(answer, "👍");
  await dana.reply(answer, "thanks");
  for (const expected of ["reaction", "text"]) {
    const update = await rig.next();
    assert(update.kind === "message");
    assert.equal(update.type, expected);
  }
  assert.deepEqual(
    dana.chat().map(({ direction, type, reported, replyTo }) => [direction, type, reported, replyTo]),
    [
      ["fromCustomer", "text", ["read"], null],
      ["fromBusiness", "text", ["read"], first.waMessageId],
      ["fromCustomer", "reaction", [], null],
      ["fromCustomer", "text", [], answer],
    ],
  );
  rig.clock.ms += 25_000;
  assert.equal(dana.seesTyping(), false);
  assert.equal(codeOf(await rig.graph("POST", `${rig.sandbox.phoneNumberId}/messages`, { ...read, message_id: "wamid.none" })), 131_009);
});

test("A voice note is played once, and a reaction is only ever sent", async (t) => {
  const rig = await startSandboxRig(t, { statusDelaysMs: { sent: 0, delivered: 1, read: 2, played: 3 } });
  await rig.sandbox.phone(phone).write({ type: "text" });
  await rig.next();
  const voice = { type: "audio", audio: { link: "https://a.example/b.ogg", voice: true } };
  for (const [more, expected] of [
    [voice, ["sent", "delivered", "read", "played"]],
    [{ type: "reaction", reaction: { message_id: "wamid.x", emoji: "👍" } }, ["sent"]],
    [{}, ["sent", "delivered", "read"]],
  ] as const) {
    await rig.send(phone, more);
    for (const _ of expected) await statusOf(rig);
    assert.deepEqual(rig.sandbox.ledger().at(-1)?.reported, expected);
  }
});

test("A hidden phone is known by its user id alone, in messages, answers and statuses", async (t) => {
  const rig = await startSandboxRig(t);
  const userId = sandboxUserId(phone);
  const dana = rig.sandbox.phone(phone);
  dana.hide();
  await dana.write({ type: "text", text: "hi" });
  const update = await rig.next();
  assert(update.kind === "message");
  assert.deepEqual([update.from.phone, update.from.userId, update.from.username], [null, userId, "user4567"]);
  const answer = await rig.send(userId);
  assert.deepEqual(answer.json.contacts, [{ input: userId, user_id: userId }]);
  dana.read();
  const status = await statusOf(rig);
  assert.deepEqual([status.recipient?.phone, status.recipient?.userId], [null, userId]);
  dana.show();
  await dana.write({ type: "text", text: "hi" });
  const shown = await rig.next();
  assert(shown.kind === "message");
  assert.equal(shown.from.phone, phone);
  assert.equal(
    codeOf(
      await rig.graph("POST", `${rig.sandbox.phoneNumberId}/messages`, {
        messaging_product: "whatsapp",
        to: userId,
        type: "text",
        text: { body: "x" },
      }),
    ),
    100,
  );
});

test("A new number means a new user id, and the message about it names the old one", async (t) => {
  const rig = await startSandboxRig(t);
  await rig.sandbox.phone(phone).changeNumber("972509999999");
  await rig.next();
  const body = JSON.parse(JSON.stringify(rig.posts[0]?.json)).entry[0].changes[0].value;
  assert.equal(body.contacts, undefined);
  assert.deepEqual(
    [body.messages[0].system.wa_id, body.messages[0].system.user_id, body.messages[0].system.previous_user_id],
    ["972509999999", sandboxUserId("972509999999"), sandboxUserId(phone)],
  );
});

test("A group gets its messages once, and tells of each participant", async (t) => {
  const rig = await startSandboxRig(t, { statusDelaysMs: { sent: 0, delivered: 1, read: null } });
  const group = rig.sandbox.addGroup(["972500000001", "972500000002"]);
  const body = { messaging_product: "whatsapp", recipient_type: "group", to: group, type: "text", text: { body: "all" } };
  assert.equal((await rig.graph("POST", `${rig.sandbox.phoneNumberId}/messages`, body)).status, 200);
  const seen = [];
  for (let count = 0; count < 3; count += 1) seen.push(await statusOf(rig));
  assert.deepEqual(seen.map(({ status, groupId, participant }) => `${status} ${groupId} ${participant}`).toSorted(), [
    `delivered ${group} ${sandboxUserId("972500000001")}`,
    `delivered ${group} ${sandboxUserId("972500000002")}`,
    `sent ${group} `,
  ]);
  assert.equal(codeOf(await rig.graph("POST", `${rig.sandbox.phoneNumberId}/messages`, { ...body, to: "none" })), 131_009);
  await rig.sandbox.sendCustomerMessage({ ...customer, type: "text", groupId: group });
  const update = await rig.next();
  assert(update.kind === "message");
  assert.equal(update.groupId, group);
});

test("Echoes and what happens to the account come as webhooks of their own fields", async (t) => {
  const rig = await startSandboxRig(t);
  await rig.sandbox.postEcho(phone, "on my way");
  assert.equal((await rig.next()).kind, "echo");
  assert.equal(JSON.parse(JSON.stringify(rig.posts[0]?.json)).entry[0].changes[0].field, "smb_message_echoes");
  await rig.sandbox.postChange({ field: "account_update", value: { event: "DISABLED_UPDATE", ban_info: { waba_ban_state: "DISABLE" } } });
  const update = await rig.next();
  assert(update.kind === "account");
  assert.deepEqual([update.field, update.event], ["account_update", "DISABLED_UPDATE"]);
});

test("By JSON the page and other processes do the same: phones, ledger, faults, webhooks", async (t) => {
  const rig = await startSandboxRig(t);
  const control = createControl(rig.sandbox);
  // oxlint-disable-next-line typescript/no-explicit-any -- the shape is what is asserted.
  const call = async (method: string, path: string, body: object = {}): Promise<{ status: number; json: any }> => {
    const [name = "", query = ""] = path.split("?");
    return control({ method, path: name, query: new URLSearchParams(query), body });
  };
  const bytes = Buffer.from("ffd8ff", "hex").toString("base64");
  const written = await call("POST", `phones/${phone}/messages`, {
    type: "image",
    bytes,
    mimeType: "image/jpeg",
    text: "see",
    name: "Dana",
  });
  assert.equal(written.json.status, 200);
  await call("POST", "faults", { rules: [{ when: { to: phone }, fault: { kind: "error", code: 131_016 } }] });
  assert.deepEqual([codeOf(await rig.send(phone)), codeOf(await rig.send(phone))], [131_016, null]);
  const ledger = (await call("GET", `ledger?to=${phone}`)).json;
  assert.deepEqual([ledger.accepted, ledger.acceptedForgotten, ledger.entries.length], [1, 0, 1]);
  assert.equal(
    (await call("POST", "statuses", { waMessageId: ledger.entries[0].waMessageId, status: "failed", errorCode: 131_026 })).json.status,
    200,
  );
  const chat = (await call("GET", `phones/${phone}/chat`)).json;
  assert.deepEqual(
    chat.messages.map(({ type }: { type: string }) => type),
    ["image", "text"],
  );
  await call("POST", "conduct", { withheld: "all" });
  assert.equal((await call("POST", `phones/${phone}/messages`, { type: "text", text: "later" })).json.status, 0);
  assert.deepEqual((await call("POST", "release")).json, { released: 1 });
  assert.equal(JSON.stringify((await call("GET", "numbers")).json).includes(rig.sandbox.accessToken), false);
  for (const [method, path, body] of [
    ["POST", `phones/${phone}/fly`, {}],
    ["POST", "phones/1/read", {}],
    ["POST", "faults", { rules: [{ fault: { kind: "earthquake" } }] }],
    ["POST", "statuses", { waMessageId: "wamid.none", status: "read" }],
  ] as const) {
    assert.equal((await call(method, path, body)).status, 400, path);
  }
  assert.equal((await call("GET", "elsewhere")).status, 404);
});
