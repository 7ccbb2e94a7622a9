/** `POST /{phone}/messages`: checks in the order of Meta's, then the ledger and what becomes of it. Also read receipts and typing. */
import { readRecord, type Wire } from "../../services/whatsapp/graph/wire.ts";
import type { PhoneNumber } from "../accounts.ts";
import type { Fault } from "../faults.ts";
import type { Accepted } from "../ledger.ts";
import type { Pair } from "../people.ts";
import { newWaMessageId } from "../random.ts";
import { isPairFree, pairDebtAfter } from "../rates.ts";
import { fateOf, type Group, type World } from "../world.ts";
import { GraphRefusal, json, refuseParameter, type Reply } from "./answer.ts";
import { checkContacts, checkContent } from "./check-content.ts";
import { checkTemplateMessage } from "./check-template.ts";
import { invalid, needText } from "./check.ts";

/** How long the customer sees the business type. */
const typingMs = 25_000;

export async function answerMessages(world: World, number: PhoneNumber, body: Wire | null, fault: Fault | null): Promise<Reply> {
  if (body?.["messaging_product"] !== "whatsapp") throw refuseParameter("The parameter messaging_product is required.");
  if (body["status"] !== undefined) return markRead(world, number, body);
  const to = readRecipient(world, number, body);
  const type = body["type"] ?? "text";
  if (typeof type !== "string") throw refuseParameter("Param type must be a string.");
  const callback = readCallback(body);
  if (number.status !== "CONNECTED") throw new GraphRefusal(133_010);
  const nowMs = world.nowMs();
  if (!number.rate.isFree(nowMs)) throw new GraphRefusal(130_429);
  if (number.hasPairRate && to.group === null && !isPairFree(to.pair.debtMs, nowMs)) throw new GraphRefusal(131_056);
  const category = checkBody(world, number, { body, type, to });
  if (type !== "template" && to.group === null && !world.people.isWindowOpen(to.pair, nowMs)) throw new GraphRefusal(131_047);

  number.rate.take(nowMs);
  to.pair.debtMs = pairDebtAfter(to.pair.debtMs, nowMs);
  to.pair.sequence += 1;
  const before = fault?.kind === "duplicate_wamid" ? world.ledger.accepted().at(-1) : undefined;
  const accepted = world.ledger.accept({
    waMessageId: before?.waMessageId ?? newWaMessageId(),
    phoneNumberId: number.phoneNumberId,
    to: to.address,
    userId: to.group === null ? to.pair.person.userId : null,
    callback,
    category,
    body,
    atMs: nowMs,
    sequence: to.pair.sequence,
  });
  if (fault?.kind === "status_first") await reportSent(world, accepted);
  world.statuses.plan(fateOf(world, accepted), fault);
  const id = fault?.kind === "wrong_wamid" ? newWaMessageId() : accepted.waMessageId;
  return json({ messaging_product: "whatsapp", contacts: [to.contact], messages: [{ id, message_status: "accepted" }] });
}

async function reportSent(world: World, message: Accepted): Promise<void> {
  const change = world.statuses.report(fateOf(world, message), { status: "sent", atMs: world.nowMs() });
  // Nobody took it: then it was not the first either.
  await world.webhooks.post(change).catch(() => world.webhooks.deliver(change));
}

type Recipient = { address: string; pair: Pair; group: Group | null; contact: Wire };

/** With both, `to` wins. A user id in `to` is no phone and is refused. */
function readRecipient(world: World, number: PhoneNumber, body: Wire): Recipient {
  const { to, recipient } = body;
  const pairOf = (address: string): Pair => world.people.pair(number.phoneNumberId, world.people.find(address));
  if (body["recipient_type"] === "group") {
    const group = typeof to === "string" ? world.groups.get(to) : undefined;
    if (group?.phoneNumberId !== number.phoneNumberId) throw invalid("Group is not known to this number");
    return { address: group.id, pair: pairOf(group.id), group, contact: { input: to, wa_id: group.id } };
  }
  if (typeof to === "string") {
    const phone = to.replaceAll(/[+\s()-]/g, "");
    if (!/^\d{5,20}$/.test(phone)) throw refuseParameter("Param to must be a valid WhatsApp id or phone number.");
    if (phone === number.displayPhoneNumber.replaceAll(/\D/g, "")) throw new GraphRefusal(131_021);
    return { address: phone, pair: pairOf(phone), group: null, contact: { input: to, wa_id: phone } };
  }
  if (typeof recipient !== "string") throw refuseParameter("The parameter to is required.");
  if (!/^[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}$/.test(recipient))
    throw refuseParameter("Param recipient must be a business-scoped user id.");
  return { address: recipient, pair: pairOf(recipient), group: null, contact: { input: recipient, user_id: recipient } };
}

/** Answers the category of its price. */
function checkBody(world: World, number: PhoneNumber, message: { body: Wire; type: string; to: Recipient }): string {
  const { body, type, to } = message;
  const context = readRecord(body["context"]);
  if (context !== null) needText(context["message_id"], "context['message_id']", 512);
  if (type === "contacts") {
    checkContacts(body["contacts"]);
    return "service";
  }
  const content = readRecord(body[type]);
  if (content === null) throw refuseParameter(`The parameter ${type} is required.`);
  checkContent(type, content, world.media);
  if (type !== "template") return "service";
  const template = checkTemplateMessage(world, number.wabaId, content);
  if (template.category === "AUTHENTICATION" && to.contact["user_id"] !== undefined) throw new GraphRefusal(131_062);
  return template.category.toLowerCase();
}

function readCallback(body: Wire): string | null {
  const callback = body["biz_opaque_callback_data"];
  if (callback === undefined || callback === null) return null;
  if (typeof callback !== "string") throw refuseParameter("Param biz_opaque_callback_data must be a string.");
  if (callback.length > 512) throw refuseParameter("Param biz_opaque_callback_data must be at most 512 characters long.");
  return callback;
}

/** Earlier messages of the same customer count as read, too. */
function markRead(world: World, number: PhoneNumber, body: Wire): Reply {
  if (body["status"] !== "read") throw refuseParameter("Param status must be one of {read}.");
  const id = needText(body["message_id"], "message_id", 512);
  const message = world.ledger.findWritten(id);
  if (message?.phoneNumberId !== number.phoneNumberId) throw invalid(`Message ${id} is not one that this number received`);
  const typing = readRecord(body["typing_indicator"]);
  if (typing !== null && typing["type"] !== "text") throw refuseParameter("Param typing_indicator['type'] must be one of {text}.");
  for (const other of world.ledger.written()) {
    const isSame = other.userId === message.userId && other.phoneNumberId === message.phoneNumberId && other.groupId === message.groupId;
    if (isSame && other.order <= message.order) other.isRead = true;
  }
  if (typing !== null) world.people.pair(number.phoneNumberId, world.people.find(message.userId)).typingUntilMs = world.nowMs() + typingMs;
  return json({ success: true });
}
