/** A person who leaves behind all that a person can, a neighbour who does the same, and the words by which they are looked for. */
import assert from "node:assert/strict";
import { bodyOf, bodyOfChanges, echo, failed, message, status, type Element, type Fields } from "./bodies.ts";
import { register } from "./endpoint.ts";
import type { PrivacyRig } from "./privacy.ts";
import { randomDigits, type Connected, type Rig } from "./worker.ts";

export type Person = { phone: string; oldPhone: string; userId: string; name: string; words: string[] };

export function makePerson(letter: string): Person {
  const digits = randomDigits();
  const person = {
    phone: `97250${digits.slice(-9)}`,
    oldPhone: `97252${digits.slice(-9)}`,
    userId: `IL.${digits}`,
    name: `נועה-${letter}-${digits}`,
  };
  return { ...person, words: [person.phone, person.oldPhone, person.userId, person.name] };
}

type Lab = { rig: Rig; privacy: PrivacyRig };

/** Everything that one person can leave behind on one number; the words that must be gone afterwards are noted with the person. */
async function liveThrough(
  { rig, privacy }: Lab,
  number: Connected,
  { person, group }: { person: Person; group: string },
): Promise<{ contactId: string; conversationId: string }> {
  const seconds = (agoMs: number): number => rig.clock.nowMs - agoMs;
  const { phone, oldPhone, userId, name } = person;
  const id = (what: string): string => {
    const made = `wamid.${what}.${userId.slice(3)}`;
    person.words.push(made);
    return made;
  };
  const said = (what: string): string => {
    const text = `${what} של ${userId.slice(3)}`;
    person.words.push(text);
    return text;
  };
  const me = { phone, userId, name };
  const text = (what: string): Fields => ({ type: "text", text: { body: said(what) } });
  // First known by an older number, as somebody without a user id; the change of number joins the two.
  await rig.receive(bodyOf(message(number, { phone: oldPhone, name }, id("old"), seconds(90_000), text("from the old number"))));
  await rig.drain({ suppression: privacy.suppression });
  const changed: Element = {
    number,
    list: "messages",
    element: {
      from: oldPhone,
      id: id("changed"),
      timestamp: String(Math.floor(seconds(80_000) / 1_000)),
      type: "system",
      system: { body: said("changed"), type: "user_changed_number", wa_id: phone, user_id: userId },
    },
  };
  await rig.receive(bodyOf(changed));
  await rig.drain({ suppression: privacy.suppression });
  const first = id("first");
  await rig.receive(
    bodyOf(
      message(number, me, first, seconds(60_000), text("first")),
      message(number, me, id("image"), seconds(59_000), {
        type: "image",
        image: { id: `media${userId.slice(3)}`, mime_type: "image/png", sha256: "x", caption: said("caption") },
      }),
      message(number, me, id("reaction"), seconds(58_000), { type: "reaction", reaction: { message_id: first, emoji: "👍" } }),
      echo(number, phone, id("echo"), seconds(57_000), text("echo")),
      {
        number,
        list: "calls",
        field: "calls",
        element: {
          id: id("call").replace("wamid.", "wacid."),
          from: phone,
          to: number.displayPhoneNumber,
          event: "connect",
          direction: "USER_INITIATED",
          timestamp: String(Math.floor(seconds(56_000) / 1_000)),
        },
        contacts: [{ wa_id: phone, user_id: userId, profile: { name } }],
      },
      status(number, id("echo"), "delivered", seconds(55_000), { recipient_id: phone, recipient_user_id: userId }),
      failed(number, id("unknown"), seconds(54_000), 131_026, { recipient_id: phone, recipient_user_id: userId }),
      {
        number,
        list: "user_preferences",
        field: "user_preferences",
        element: {
          wa_id: phone,
          user_id: userId,
          category: "marketing_messages",
          value: "stop",
          timestamp: Math.floor(seconds(53_000) / 1_000),
          detail: said("no more"),
        },
        contacts: [{ wa_id: phone, user_id: userId, profile: { name } }],
      },
      message(number, me, id("group"), seconds(52_000), { group_id: group, ...text("in the group") }),
      // Has no usable time: parked.
      {
        number,
        list: "messages",
        element: { from: phone, id: id("parked"), timestamp: "never", type: "text", text: { body: said("parked") } },
        contacts: [{ wa_id: phone, profile: { name } }],
      },
    ),
  );
  await rig.drain({ suppression: privacy.suppression });
  const [row] = await rig.sql<{ contactId: string; conversationId: string }>(
    `select c.contact_id as "contactId", c.id as "conversationId" from whatsapp_conversations c
     join whatsapp_messages m on m.conversation_id = c.id and m.wa_message_id = $1`,
    [first],
  );
  assert.ok(row);
  const [image] = await rig.sql<{ id: string }>(`select id from whatsapp_messages where wa_message_id = $1`, [
    `wamid.image.${userId.slice(3)}`,
  ]);
  await privacy.keepFile(number.tenantId, image?.id ?? "", `bytes of ${userId}`, `file of ${userId.slice(3)}.png`);
  person.words.push(`bytes of ${userId}`, `file of ${userId.slice(3)}`);
  const [canonical] = await rig.sql<{ id: string }>(`select coalesce(merged_into_id, id) as id from whatsapp_contacts where id = $1`, [
    row.contactId,
  ]);
  return { contactId: canonical?.id ?? "", conversationId: row.conversationId };
}

/** What others wrote in the group about what the person wrote there. */
async function othersAnswer(
  { rig, privacy }: Lab,
  number: Connected,
  { person, other, group }: { person: Person; other: Person; group: string },
): Promise<{ reply: string }> {
  const seconds = (agoMs: number): number => rig.clock.nowMs - agoMs;
  const target = `wamid.group.${person.userId.slice(3)}`;
  const reply = `wamid.reply.${other.userId.slice(3)}`;
  const me = { phone: other.phone, userId: other.userId, name: other.name };
  const body = `a reply by ${other.userId}`;
  await rig.receive(
    bodyOf(
      message(number, me, reply, seconds(40_000), {
        group_id: group,
        type: "text",
        text: { body },
        context: { from: person.phone, id: target },
      }),
      message(number, me, `wamid.like.${other.userId.slice(3)}`, seconds(39_000), {
        group_id: group,
        type: "reaction",
        reaction: { message_id: target, emoji: "❤" },
      }),
    ),
  );
  await rig.drain({ suppression: privacy.suppression });
  return { reply };
}

/** An event of the account that names many people at once. */
function addressBook(number: Connected, people: readonly Person[]): Fields {
  const entries = people.map(({ phone, name }) => ({ type: "contact", contact: { full_name: name, phone_number: phone }, action: "add" }));
  const metadata = { display_phone_number: number.displayPhoneNumber, phone_number_id: number.phoneNumberId };
  const value = { messaging_product: "whatsapp", metadata, state_sync: entries };
  return bodyOfChanges([{ wabaId: number.wabaId, changes: [{ field: "smb_app_state_sync", value }] }]);
}

export async function makeErasureWorld(lab: Lab) {
  const { rig, privacy } = lab;
  const tenantId = await rig.tenant();
  const number = await rig.connect(tenantId);
  await register(rig, tenantId, { url: "http://127.0.0.1:9/hook" });
  await register(rig, tenantId, { url: "http://127.0.0.1:9/other", form: "events" });
  const group = `group-${randomDigits()}@g.us`;
  const [noa, dana] = [makePerson("n"), makePerson("d")];
  const mine = await liveThrough(lab, number, { person: noa, group });
  const theirs = await liveThrough(lab, number, { person: dana, group });
  const { reply } = await othersAnswer(lab, number, { person: noa, other: dana, group });
  await rig.receive(addressBook(number, [noa, dana]));
  await rig.drain({ suppression: privacy.suppression });
  return { tenantId, number, noa, dana, mine, theirs, group, reply };
}
