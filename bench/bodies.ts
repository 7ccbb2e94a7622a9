/**
 * Decks: files of HTTP requests that are signed before the clock starts, each with what it will add to the database if it is stored.
 * A record is: u32 bytes of the request, u16 updates, u16 new messages, u16 new status facts, u8 length and text of a wamid, the request.
 */
import { createHmac } from "node:crypto";
import { open } from "node:fs/promises";
import { createRandom } from "../src/sandbox/random.ts";
import { makeTexts, escaped, profileName } from "./texts.ts";
import {
  appSecret,
  contactOfOutbound,
  customersOf,
  displayPhoneNumber,
  phone,
  phoneNumberId,
  pickContact,
  pickTenant,
  tenantCount,
  tenantOfBlock,
  userId,
  wabaId,
  waMessageId,
  type Random,
} from "./world.ts";

export const shapes = {
  /** One message of each customer, so that contacts and conversations are there. */
  introduction: { updatesPerPost: 20 },
  one: { updatesPerPost: 1 },
  twenty: { updatesPerPost: 20 },
  statuses: { updatesPerPost: 50 },
  mix: { updatesPerPost: 20 },
} as const;
export type Shape = keyof typeof shapes;

export type DeckOptions = {
  shape: Shape;
  updates: number;
  /** Keeps the wamids of decks apart. */
  number: number;
  /** First outbound message that statuses are about; a multiple of `messagesPerBlock`. */
  firstOutbound: number;
  /** All messages for this tenant instead of by Zipf. */
  tenant?: number;
};
export type Deck = { file: string; posts: number; updates: number; shape: Shape };

type Post = { body: string; updates: number; messages: number; facts: number; waMessageId: string };

/** Statuses come three to a message, so a block of messages fills three POSTs. */
export function messagesPerBlock(shape: Shape): number {
  return shapes[shape].updatesPerPost;
}

/** Outbound messages that a deck of so many updates speaks about. */
export function outboundOf(shape: Shape, updates: number): number {
  if (shape !== "statuses" && shape !== "mix") return 0;
  const perBlock = messagesPerBlock(shape);
  return Math.ceil(updates / (shape === "mix" ? 4 : 3) / perBlock) * perBlock;
}

const texts = makeTexts();
const names = new Map<number, string>();
const shuffleWindow = 32;
const duplicateShare = 0.05;
const writeBytes = 4 * 2 ** 20;

/** The bodies alone, unsigned. */
export function* plainBodies(options: DeckOptions): Generator<Buffer> {
  for (const { body } of postsOf(options)) yield Buffer.from(body, "latin1");
}

export async function writeDeck(file: string, options: DeckOptions): Promise<Deck> {
  const handle = await open(file, "w");
  try {
    let posts = 0;
    let updates = 0;
    let pieces: Buffer[] = [];
    let bytes = 0;
    for (const post of postsOf(options)) {
      const record = recordOf(post);
      pieces.push(record);
      bytes += record.length;
      posts += 1;
      updates += post.updates;
      if (bytes < writeBytes) continue;
      await handle.write(Buffer.concat(pieces, bytes));
      pieces = [];
      bytes = 0;
    }
    await handle.write(Buffer.concat(pieces, bytes));
    // Not while the database syncs its own.
    await handle.sync();
    return { file, posts, updates, shape: options.shape };
  } finally {
    await handle.close();
  }
}

/** The reading side of a record; null at the end of what the buffer holds. */
export function readRecord(buffer: Buffer, at: number) {
  if (at + 11 > buffer.length) return null;
  const requestBytes = buffer.readUInt32LE(at);
  const idBytes = buffer.readUInt8(at + 10);
  const start = at + 11 + idBytes;
  const end = start + requestBytes;
  if (end > buffer.length) return null;
  return {
    updates: buffer.readUInt16LE(at + 4),
    messages: buffer.readUInt16LE(at + 6),
    facts: buffer.readUInt16LE(at + 8),
    waMessageId: buffer.toString("latin1", at + 11, start),
    request: buffer.subarray(start, end),
    end,
  };
}
export type LoadRecord = NonNullable<ReturnType<typeof readRecord>>;

function recordOf(post: Post): Buffer {
  const body = Buffer.from(post.body, "latin1");
  const signature = createHmac("sha256", appSecret).update(body).digest("hex");
  const head = Buffer.from(
    "POST /webhook/whatsapp HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: facebookexternalua\r\nAccept: */*\r\nContent-Type: application/json\r\n" +
      `X-Hub-Signature-256: sha256=${signature}\r\nContent-Length: ${body.length}\r\n\r\n`,
    "latin1",
  );
  const id = Buffer.from(post.waMessageId, "latin1");
  const facts = Buffer.alloc(11);
  facts.writeUInt32LE(head.length + body.length, 0);
  facts.writeUInt16LE(post.updates, 4);
  facts.writeUInt16LE(post.messages, 6);
  facts.writeUInt16LE(post.facts, 8);
  facts.writeUInt8(id.length, 10);
  return Buffer.concat([facts, id, head, body]);
}

function* postsOf(options: DeckOptions): Generator<Post> {
  const random = createRandom(1_000 + options.number);
  switch (options.shape) {
    case "introduction":
      yield* introduction();
      return;
    case "one":
    case "twenty":
      yield* messagePosts(random, options);
      return;
    case "statuses":
    case "mix":
      yield* shuffled(random, blocks(random, options), options.shape === "mix" ? duplicateShare : 0);
      return;
    default:
      options.shape satisfies never;
  }
}

function* introduction(): Generator<Post> {
  for (let tenant = 0; tenant < tenantCount; tenant += 1) {
    const { first, count } = customersOf(tenant);
    for (let from = first; from < first + count; from += shapes.introduction.updatesPerPost) {
      const size = Math.min(shapes.introduction.updatesPerPost, first + count - from);
      const contacts = Array.from({ length: size }, (_, index) => from + index);
      yield messagePost(
        tenant,
        contacts.map((contact) => ({ contact, id: waMessageId("introduction", contact), text: texts[contact % texts.length] ?? '""' })),
      );
    }
  }
}

function* messagePosts(random: Random, { shape, updates, number, tenant: fixed }: DeckOptions): Generator<Post> {
  const perPost = shapes[shape].updatesPerPost;
  for (let next = 0; next < updates; next += perPost) {
    const tenant = fixed ?? pickTenant(random);
    yield messagePost(tenant, messages(random, { tenant, count: perPost, stream: `in${number}`, first: next }));
  }
}

/** A block: for the mix as many messages from customers as it has outbound ones, then the three states of each outbound one, shuffled. */
function* blocks(random: Random, { shape, updates, number, firstOutbound }: DeckOptions): Generator<Post> {
  const perBlock = messagesPerBlock(shape);
  const outbound = outboundOf(shape, updates);
  const nowSeconds = Math.floor(Date.now() / 1_000);
  for (let first = firstOutbound; first < firstOutbound + outbound; first += perBlock) {
    const tenant = tenantOfBlock(first / perBlock);
    if (shape === "mix") {
      yield messagePost(tenant, messages(random, { tenant, count: perBlock, stream: `mix${number}`, first: first - firstOutbound }));
    }
    const statuses: { contact: number; json: string }[] = [];
    for (let index = first; index < first + perBlock; index += 1) {
      const contact = contactOfOutbound(index, tenant);
      const id = waMessageId("out", index);
      for (const [later, state] of ["sent", "delivered", "read"].entries()) {
        statuses.push({ contact, json: status(id, contact, state, nowSeconds - 3 + later) });
      }
    }
    shuffle(random, statuses);
    for (let from = 0; from < statuses.length; from += perBlock) yield statusPost(tenant, statuses.slice(from, from + perBlock));
  }
}

/** Mixes POSTs of neighbouring blocks; a share of them comes once more, a little later. */
function* shuffled(random: Random, posts: Iterable<Post>, repeated: number): Generator<Post> {
  const held: Post[] = [];
  const takeOne = (): Post[] => {
    const [post] = held.splice(Math.floor(random() * held.length), 1);
    if (post === undefined) return [];
    if (random() < repeated) held.push({ ...post, messages: 0, facts: 0, waMessageId: "" });
    return [post];
  };
  for (const post of posts) {
    held.push(post);
    if (held.length > shuffleWindow) yield* takeOne();
  }
  while (held.length > 0) yield* takeOne();
}

type Said = { contact: number; id: string; text: string };

function messages(random: Random, wanted: { tenant: number; count: number; stream: string; first: number }): Said[] {
  return Array.from({ length: wanted.count }, (_, index) => ({
    contact: pickContact(random, wanted.tenant),
    id: waMessageId(wanted.stream, wanted.first + index),
    text: texts[Math.floor(random() * texts.length)] ?? '""',
  }));
}

function messagePost(tenant: number, said: readonly Said[]): Post {
  const atSeconds = Math.floor(Date.now() / 1_000);
  const list = said.map(
    ({ contact, id, text }) =>
      `{"from":"${phone(contact)}","from_user_id":"${userId(contact)}","id":"${id}","timestamp":"${atSeconds}","text":{"body":${text}},"type":"text"}`,
  );
  const body = envelope(tenant, contactsOf(said), `"messages":[${list.join(",")}]`);
  return { body, updates: said.length, messages: said.length, facts: 0, waMessageId: said[0]?.id ?? "" };
}

function status(id: string, contact: number, state: string, atSeconds: number): string {
  return (
    `{"id":"${id}","status":"${state}","timestamp":"${atSeconds}","recipient_id":"${phone(contact)}","recipient_user_id":"${userId(contact)}",` +
    `"pricing":{"billable":true,"pricing_model":"PMP","category":"service","type":"regular"}}`
  );
}

function statusPost(tenant: number, statuses: readonly { contact: number; json: string }[]): Post {
  const body = envelope(tenant, contactsOf(statuses), `"statuses":[${statuses.map(({ json }) => json).join(",")}]`);
  return { body, updates: statuses.length, messages: 0, facts: statuses.length, waMessageId: "" };
}

function contactsOf(named: readonly { contact: number }[]): string {
  return [...new Set(named.map(({ contact }) => contact))]
    .map((contact) => `{"profile":{"name":${nameOf(contact)}},"wa_id":"${phone(contact)}","user_id":"${userId(contact)}"}`)
    .join(",");
}

function nameOf(contact: number): string {
  const known = names.get(contact) ?? escaped(profileName(contact));
  names.set(contact, known);
  return known;
}

function envelope(tenant: number, contacts: string, list: string): string {
  return (
    `{"object":"whatsapp_business_account","entry":[{"id":"${wabaId(tenant)}","changes":[{"value":{"messaging_product":"whatsapp",` +
    `"metadata":{"display_phone_number":"${displayPhoneNumber(tenant)}","phone_number_id":"${phoneNumberId(tenant)}"},` +
    `"contacts":[${contacts}],${list}},"field":"messages"}]}]}`
  );
}

function shuffle(random: Random, list: unknown[]): void {
  for (let last = list.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [list[last], list[other]] = [list[other], list[last]];
  }
}
