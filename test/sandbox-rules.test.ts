import assert from "node:assert/strict";
import { test } from "node:test";
import { pairBurst, pairEveryMs } from "../src/sandbox/rates.ts";
import { sandboxUserId } from "../src/sandbox/people.ts";
import { codeOf, customer, startSandboxRig, type Rig } from "./support/sandbox-rig.ts";

const phone = customer.from;
const opened = async (rig: Rig, from = phone): Promise<void> => {
  await rig.sandbox.sendCustomerMessage({ ...customer, from, type: "text", text: "hi" });
  await rig.next();
};

test("To one customer 45 messages go at once, then one in 6 seconds, and 131056 enters nothing", async (t) => {
  const rig = await startSandboxRig(t);
  await opened(rig);
  for (let sent = 0; sent < pairBurst; sent += 1) assert.equal((await rig.send(phone)).status, 200);
  assert.equal(codeOf(await rig.send(phone)), 131_056);
  rig.clock.ms += pairEveryMs - 1;
  assert.equal(codeOf(await rig.send(phone)), 131_056);
  rig.clock.ms += 1;
  assert.deepEqual([codeOf(await rig.send(phone)), codeOf(await rig.send(sandboxUserId(phone)))], [null, 131_056], "by whatever address");
  assert.equal(rig.sandbox.ledger().length, pairBurst + 1);
});

test("A number takes its messages in any rolling second and refuses one more with 130429; the limit can be set and lifted", async (t) => {
  const rig = await startSandboxRig(t);
  const to = (index: number): string => `97250${String(index).padStart(7, "0")}`;
  const hello = { type: "template", template: { name: "hello_world", language: { code: "en_US" } } };
  const sendMany = async (count: number, from: number): Promise<(number | null)[]> =>
    (await Promise.all(Array.from({ length: count }, (_, index) => rig.send(to(from + index), hello)))).map(codeOf);
  assert.deepEqual(
    (await sendMany(81, 0)).filter((code) => code !== null),
    [130_429],
  );
  rig.clock.ms += 999;
  assert.deepEqual(await sendMany(1, 100), [130_429]);
  rig.clock.ms += 1;
  assert.deepEqual(await sendMany(1, 100), [null]);
  rig.sandbox.setRates({ perSecond: 3 });
  // Whichever of them comes last.
  assert.deepEqual((await sendMany(4, 200)).toSorted(), [130_429, null, null, null]);
  rig.sandbox.setRates({ perSecond: null, hasPairRate: false });
  assert.deepEqual(new Set(await sendMany(200, 300)), new Set([null]));
  for (let sent = 0; sent < 50; sent += 1) assert.equal(codeOf(await rig.send(to(1), hello)), null);
});

test("A template must exist in its language, be approved, and get every parameter in its form", async (t) => {
  const rig = await startSandboxRig(t);
  const send = async (template: object): Promise<number | null> => codeOf(await rig.send(phone, { type: "template", template }));
  const text = (value: string, name?: string): object => ({
    type: "text",
    text: value,
    ...(name === undefined ? {} : { parameter_name: name }),
  });
  const he = { name: "appointment_reminder", language: { code: "he" } };
  const body = (...parameters: object[]): object => ({ components: [{ type: "body", parameters }] });
  assert.equal(await send({ name: "hello_world", language: { code: "en_US" } }), null);
  assert.equal(await send({ name: "hello_world", language: { code: "he" } }), 132_001);
  assert.equal(await send({ name: "nothing", language: { code: "en_US" } }), 132_001);
  assert.equal(await send(he), 132_000);
  assert.equal(await send({ ...he, ...body(text("Dana")) }), 132_000);
  assert.equal(await send({ ...he, ...body(text("Dana"), text("10:00")) }), null);
  assert.equal(await send({ ...he, ...body(text("Dana"), text("10\n00")) }), 132_018);
  assert.equal(await send({ ...he, ...body(text("x".repeat(1_020)), text("10:00")) }), 132_005);
  assert.equal(await send({ ...he, ...body({ type: "image", image: { link: "https://a.example/b.jpg" } }, text("1")) }), 132_012);
  const order = (header: object, ...named: object[]): object => ({
    name: "order_update",
    language: { code: "en" },
    components: [
      { type: "header", parameters: [header] },
      { type: "body", parameters: named },
      { type: "button", sub_type: "url", index: "0", parameters: [text("17")] },
    ],
  });
  const image = { type: "image", image: { link: "https://a.example/b.jpg" } };
  assert.equal(await send(order(image, text("Dana", "name"), text("17", "order"))), null);
  assert.equal(await send(order(image, text("Dana", "name"), text("17", "number"))), 132_012);
  assert.equal(await send(order(text("no image"), text("Dana", "name"), text("17", "order"))), 132_012);
  const [hello] = rig.sandbox.templates().filter(({ name }) => name === "hello_world");
  assert.ok(hello);
  for (const [status, code] of [
    ["PAUSED", 132_015],
    ["DISABLED", 132_016],
    ["REJECTED", 132_001],
    ["APPROVED", null],
  ] as const) {
    rig.sandbox.changeTemplate(hello.id, { status });
    assert.equal(await send({ name: "hello_world", language: { code: "en_US" } }), code, status);
  }
});

test("Content is taken to Meta's limits and refused beyond them, with the field named", async (t) => {
  const rig = await startSandboxRig(t);
  rig.sandbox.setRates({ perSecond: null, hasPairRate: false });
  await opened(rig);
  const link = { link: "https://a.example/b" };
  const button = (id: string, title: string): object => ({ type: "reply", reply: { id, title } });
  const interactive = (value: object): object => ({ type: "interactive", interactive: { body: { text: "?" }, ...value } });
  const buttons = (...list: object[]): object => interactive({ type: "button", action: { buttons: list } });
  const list = (rows: number, title = "A"): object =>
    interactive({
      type: "list",
      action: { button: "Pick", sections: [{ title: "S", rows: Array.from({ length: rows }, (_, id) => ({ id: `${id}`, title })) }] },
    });
  const good: object[] = [
    { text: { body: "x".repeat(4_096) } },
    { type: "image", image: { ...link, caption: "x".repeat(1_024) } },
    { type: "document", document: { ...link, filename: "a.pdf" } },
    { type: "location", location: { latitude: "52.5", longitude: 13.4, name: "Depot" } },
    { type: "contacts", contacts: [{ name: { formatted_name: "A B" }, phones: [{ phone: "+972501234567" }] }] },
    { type: "reaction", reaction: { message_id: "wamid.x", emoji: "👍" } },
    { type: "reaction", reaction: { message_id: "wamid.x", emoji: "" } },
    buttons(button("a", "A"), button("b", "B"), button("c", "x".repeat(20))),
    list(10),
    interactive({ type: "cta_url", action: { name: "cta_url", parameters: { display_text: "Open", url: "https://a.example" } } }),
    interactive({ type: "flow", action: { parameters: { flow_message_version: "3", flow_id: "9", flow_cta: "Book" } } }),
    interactive({ type: "location_request_message", action: { name: "send_location" } }),
  ];
  for (const more of good) assert.equal(codeOf(await rig.send(phone, more)), null, JSON.stringify(more).slice(0, 200));
  const bad: [object, number, RegExp][] = [
    [{ text: { body: "x".repeat(4_097) } }, 100, /text\['body'\]/],
    [{ text: { body: "" } }, 131_008, /text\['body'\]/],
    [{ type: "image", image: { ...link, caption: "x".repeat(1_025) } }, 100, /caption/],
    [{ type: "image", image: { id: "404" } }, 100, /image\['id'\]/],
    [{ type: "audio", audio: { ...link, caption: "no" } }, 100, /caption/],
    [{ type: "location", location: { latitude: 91, longitude: 0 } }, 131_009, /latitude/],
    [{ type: "contacts", contacts: [{}] }, 131_008, /contacts\[0\]\['name'\]/],
    [{ type: "reaction", reaction: { message_id: "wamid.x", emoji: "no" } }, 131_009, /emoji/],
    [buttons(button("a", "A"), button("b", "B"), button("c", "C"), button("d", "D")), 131_009, /buttons/],
    [buttons(button("a", "x".repeat(21))), 131_009, /title/],
    [buttons(button("a", "A"), button("a", "B")), 131_009, /id/],
    [list(11), 131_009, /rows/],
    [list(1, "x".repeat(25)), 131_009, /title/],
    [{ type: "hologram", hologram: {} }, 100, /type/],
    [{ biz_opaque_callback_data: "x".repeat(513) }, 100, /biz_opaque_callback_data/],
    [{ context: {} }, 131_008, /context/],
  ];
  for (const [more, code, field] of bad) {
    const answer = await rig.send(phone, more);
    assert.equal(codeOf(answer), code, JSON.stringify(more).slice(0, 200));
    assert.match(answer.json.error.error_data.details, field);
    assert.match(answer.json.error.fbtrace_id, /^A/);
  }
  assert.equal(rig.sandbox.ledger().length, good.length);
});

test("A message to oneself, from an unregistered number, or from a number of others is refused", async (t) => {
  const rig = await startSandboxRig(t);
  assert.equal(codeOf(await rig.send(rig.sandbox.displayPhoneNumber)), 131_021);
  await rig.graph("POST", `${rig.sandbox.phoneNumberId}/deregister`);
  assert.equal(codeOf(await rig.send(phone)), 133_010);
  const register = (pin: string): Promise<number | null> =>
    rig.graph("POST", `${rig.sandbox.phoneNumberId}/register`, { messaging_product: "whatsapp", pin }).then(codeOf);
  assert.deepEqual([await register("12"), await register("123456"), await register("654321")], [100, null, 133_005]);
  assert.equal(codeOf(await rig.send(phone)), 131_047);
  const other = rig.sandbox.addNumber();
  assert.equal(codeOf(await rig.send(phone, {}, other.phoneNumberId)), 100);
  assert.equal(codeOf(await rig.send(phone, {}, other.phoneNumberId, other.accessToken)), 131_047);
});

test("Who has blocked the business is never reached, who has no WhatsApp fails with 131026, and who hides receipts never reads", async (t) => {
  const rig = await startSandboxRig(t, { statusDelaysMs: { sent: 1, delivered: 2, read: 3 } });
  const phones = ["972500000001", "972500000002", "972500000003"] as const;
  for (const from of phones) await opened(rig, from);
  rig.sandbox.phone(phones[0]).block();
  rig.sandbox.phone(phones[1]).set({ isReachable: false });
  rig.sandbox.phone(phones[2]).set({ showsReceipts: false });
  for (const to of phones) await rig.send(to);
  const fates: string[] = [];
  for (let count = 0; count < 4; count += 1) {
    const update = await rig.next();
    assert(update.kind === "status");
    fates.push(`${phones.findIndex((one) => update.recipient?.phone === one)} ${update.status} ${update.error?.code ?? ""}`.trim());
  }
  assert.deepEqual(fates.toSorted(), ["0 sent", "1 failed 131026", "2 delivered", "2 sent"]);
  await opened(rig, "972500000009");
  assert.deepEqual(
    rig.sandbox.ledger().map(({ reported }) => reported),
    [["sent"], ["failed"], ["sent", "delivered"]],
  );
});

test("Conversations are counted apart, the ledger holds as many as it may, and tells what it forgot", async (t) => {
  const rig = await startSandboxRig(t, { ledgerMax: 3 });
  const [a, b] = ["972500000001", "972500000002"];
  for (const from of [a, b]) await opened(rig, from);
  for (const to of [a, b, a, a, b]) await rig.send(to);
  assert.deepEqual(
    rig.sandbox.ledger().map(({ to, sequence }) => [to, sequence]),
    [
      [a, 2],
      [a, 3],
      [b, 2],
    ],
  );
  assert.deepEqual(rig.sandbox.counts(), { accepted: 5, acceptedForgotten: 2, written: 2, writtenForgotten: 0 });
});
