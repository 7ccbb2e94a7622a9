/** Clients of Meta's Cloud API from npm, against a fresh program in its sandbox: only the address, the key and the secret are ours. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { sampleFile } from "../src/sandbox/sample-files.ts";
import { openGreatDetail, openKapso, openWhatsAppApiJs, type CloudClient, type Heard, type Place } from "./support/clients.ts";
import { startReceiver, type Received } from "./support/endpoint.ts";
import { startNewcomer } from "./support/newcomer.ts";
import { until } from "./support/program.ts";

const newcomer = await startNewcomer({ after });
const photo = sampleFile("image");
const paper = sampleFile("document");
const link = "https://example.com/menu.jpg";

const clients: [string, (place: Place) => CloudClient][] = [
  ["whatsapp-api-js", openWhatsAppApiJs],
  ["@kapso/whatsapp-cloud-api", openKapso],
  ["@great-detail/whatsapp", openGreatDetail],
];

for (const [index, [name, open]] of clients.entries()) {
  test(`${name} sends every kind of message, gets files, and hears every status, as if this were Meta`, async (t) => {
    const phone = newcomer.phone(`97250100000${index}`);
    const to = phone.digits;
    const receiver = await startReceiver(t);
    const { secret } = await newcomer.register({ name, url: receiver.url, form: "meta", topics: ["messages"] });
    const { key, phoneNumberId, program } = newcomer;
    const client = open({ url: program.url, key, phoneNumberId, secret });

    // The customer begins: a text, and a photo that the client fetches.
    const hello = await phone.write({ type: "text", text: "שלום 🙂 / hi", name: 'Dana "D" לוי' });
    const picture = await phone.write({ type: "image", text: "זה" });
    const mine = await hearAll(client, receiver.received, (all) => all.filter((one) => isMessageOf(one, to)).length === 2);
    const [first, second] = mine.filter((one) => isMessageOf(one, to));
    assert.deepEqual([first?.id, second?.id], [hello, picture], "in the order in which they were written");
    assert(second?.kind === "message" && second.mediaId !== null);
    const { mediaId } = second;
    await until("the customer's photo is here", 60_000, () => client.download(mediaId).then(isPhoto, () => false));

    await client.markRead(picture, true);
    assert.equal(await phone.seesTyping(), true);
    const seen = await phone.chat();
    assert.deepEqual(
      seen.map(({ reported }) => reported),
      [["read"], ["read"]],
    );

    const sent = new Map<string, { id: string; callback: string | null }>();
    const note = async (what: string, sending: Promise<string>, callback: string | null = null): Promise<void> => {
      sent.set(what, { id: await sending, callback });
    };
    const photoId = await client.upload({ bytes: photo.bytes, mimeType: "image/jpeg", name: photo.filename });
    const paperId = await client.upload({ bytes: paper.bytes, mimeType: "application/pdf", name: paper.filename });
    assert.deepEqual(Buffer.from(await client.download(photoId)), photo.bytes, "an upload can be read again");
    await note("text", client.text(to, "שלום"));
    await note("reply", client.text(to, "reply", { replyTo: hello, callback: 'order/17 "א"' }), 'order/17 "א"');
    await note("template", client.template(to, "hello_world", "en_US"));
    await note("template, counted", client.reminder(to, "דנה", "10:00"));
    await note("template, named", client.order(to, { imageId: photoId, name: "Dana", order: "17" }));
    await note("buttons", client.buttons(to));
    await note("list", client.list(to));
    await note("image", client.image(to, { id: photoId }));
    await note("image by link", client.image(to, { link }));
    await note("document", client.document(to, paperId, "חשבון.pdf"));
    await note("location", client.location(to));
    await note("contacts", client.contacts(to));
    await note("reaction", client.react(to, hello, "👍"));

    const chat = (await phone.chat()).filter(({ direction }) => direction === "fromBusiness");
    const ids = [...sent.values()].map(({ id }) => id);
    assert.deepEqual(
      chat.map(({ waMessageId }) => waMessageId),
      ids,
      "the customer has them all, in this order",
    );
    assert.equal(chat[1]?.replyTo, hello);

    // What came back: by our own API, and by the client's reader of its webhooks.
    const wanted = [...sent].flatMap(([what, { id, callback }]) =>
      (what === "reaction" ? ["sent"] : ["sent", "delivered", "read"]).map((status) => ({ kind: "status" as const, id, status, callback })),
    );
    const isOurs = (one: Heard): boolean => one.kind === "status" && ids.includes(one.id);
    const heard = await hearAll(client, receiver.received, (all) => all.filter(isOurs).length >= wanted.length);
    assert.deepEqual(sorted(heard.filter(isOurs)), sorted(wanted));
    const read = async (id: string) => (await newcomer.api("GET", `messages?waMessageId=${encodeURIComponent(id)}`)).json.data[0];
    for (const [what, { id, callback }] of sent) {
      // It shows on the message that it is about.
      if (what === "reaction") continue;
      const message = await read(id);
      assert.deepEqual([message.status, message.callback, message.error], ["read", callback, null], what);
      assert(message.sentAt !== null && message.deliveredAt !== null && message.readAt !== null, what);
    }
    const reactions: { from: string; emoji: string }[] = (await read(hello)).reactions;
    assert.deepEqual(
      reactions.map(({ from, emoji }) => [from, emoji]),
      [["business", "👍"]],
    );
  });

  test(`${name} gets Meta's own codes as its own errors`, async () => {
    const to = `97250100000${index}`;
    const { key, phoneNumberId, program } = newcomer;
    const here = { url: program.url, key, phoneNumberId, secret: "unused" };
    const client = open(here);
    await newcomer.phone(to).write({ type: "text", text: "again" });
    const codeOf = async (sending: Promise<unknown>): Promise<number> =>
      sending.then(
        () => assert.fail("it was taken"),
        (error: unknown) => client.codeOf(error),
      );
    assert.equal(await codeOf(client.text("972509999999", "out of the blue")), 131_047);
    assert.equal(await codeOf(client.template(to, "no_such_template", "he")), 132_001);
    assert.equal(await codeOf(client.template(to, "appointment_reminder", "he")), 132_000);
    assert.equal(await codeOf(client.image(to, { id: "123456789012345" })), 100);
    assert.equal(await codeOf(client.text(to, "x".repeat(4_096), { replyTo: "y".repeat(600) })), 131_009);
    assert.equal(await codeOf(client.upload({ bytes: Buffer.from("MZ\0\0 no image"), mimeType: "image/png", name: "a.png" })), 100);
    assert.equal(await codeOf(open({ ...here, phoneNumberId: "1" }).text(to, "hi")), 100);
    assert.equal(await codeOf(open({ ...here, key: "EAAnotours" }).text(to, "hi")), 190);
  });
}

test("a webhook that was changed on its way is refused by every client's own check", async (t) => {
  const receiver = await startReceiver(t);
  const { secret } = await newcomer.register({ name: "Changed", url: receiver.url, form: "meta", topics: ["messages"] });
  const written = await newcomer.phone("972501000009").write({ type: "text", text: "שלום" });
  await until("the webhook came", 60_000, () => receiver.received.some(({ text }) => text.includes(written)));
  const came = receiver.received.find(({ text }) => text.includes(written)) ?? assert.fail();
  const text = came.text.replace("972501000009", "972501000008");
  for (const [name, open] of clients) {
    const client = open({ url: newcomer.program.url, key: newcomer.key, phoneNumberId: newcomer.phoneNumberId, secret });
    assert.equal((await client.hear(came)).length, 1, name);
    await assert.rejects(client.hear({ ...came, text, json: JSON.parse(text) }), name);
  }
});

/** Everything that the endpoint got so far, read by the client; waits until it is enough. */
async function hearAll(client: CloudClient, received: readonly Received[], isEnough: (all: Heard[]) => boolean): Promise<Heard[]> {
  const all: Heard[] = [];
  let at = 0;
  await until("the endpoint heard of everything", 60_000, async () => {
    for (; at < received.length; at += 1) all.push(...(await client.hear(received[at] ?? assert.fail())));
    return isEnough(all);
  });
  return all;
}

function isMessageOf(one: Heard, from: string): boolean {
  return one.kind === "message" && one.from === from;
}

function isPhoto(bytes: Uint8Array): boolean {
  return photo.bytes.equals(bytes);
}

function sorted(all: readonly Heard[]): string[] {
  return all.map((one) => JSON.stringify(one, Object.keys(one).toSorted())).toSorted();
}
