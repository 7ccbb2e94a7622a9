/**
 * Three clients of Meta's Cloud API as they come from npm, unmodified, each behind the same few verbs. They are told where the program is by the
 * means that they offer their users: a base address; where there is none, a `fetch` of the user's that changes nothing but the origin.
 */
import assert from "node:assert/strict";
import { Client as GreatDetail } from "@great-detail/whatsapp";
import { GraphApiError, WhatsAppClient } from "@kapso/whatsapp-cloud-api";
import { normalizeWebhook, verifySignature } from "@kapso/whatsapp-cloud-api/server";
import { WhatsAppAPI } from "whatsapp-api-js";
import {
  ActionButtons,
  ActionList,
  Body,
  BodyComponent,
  BodyParameter,
  Button,
  Contacts,
  Document,
  Footer,
  Header,
  HeaderComponent,
  HeaderParameter,
  Image,
  Interactive,
  ListSection,
  Location,
  Name,
  Phone,
  Reaction,
  Row,
  Template,
  Text,
  URLComponent,
} from "whatsapp-api-js/messages";
import type { ClientMessage, ServerMessageResponse } from "whatsapp-api-js/types";
import type { Received } from "./endpoint.ts";

export type Place = { url: string; key: string; phoneNumberId: string; secret: string };
export type File = { bytes: Uint8Array; mimeType: string; name: string };
export type Heard =
  | { kind: "status"; id: string; status: string; callback: string | null }
  | { kind: "message"; id: string; from: string; type: string; mediaId: string | null };

/** Whatever is sent answers Meta's id of it. */
export type CloudClient = {
  text(to: string, body: string, more?: { replyTo?: string; callback?: string }): Promise<string>;
  template(to: string, name: string, language: string): Promise<string>;
  /** The sample `appointment_reminder`, whose parameters are counted. */
  reminder(to: string, name: string, time: string): Promise<string>;
  /** The sample `order_update`: an image, parameters with names, the end of an address. */
  order(to: string, values: { imageId: string; name: string; order: string }): Promise<string>;
  buttons(to: string): Promise<string>;
  list(to: string): Promise<string>;
  image(to: string, file: { id: string } | { link: string }): Promise<string>;
  document(to: string, id: string, name: string): Promise<string>;
  location(to: string): Promise<string>;
  contacts(to: string): Promise<string>;
  react(to: string, messageId: string, emoji: string): Promise<string>;
  markRead(messageId: string, isTyping: boolean): Promise<unknown>;
  upload(file: File): Promise<string>;
  download(mediaId: string): Promise<Uint8Array>;
  /** Meta's code, out of the client's own kind of error. */
  codeOf(error: unknown): number;
  /** What the client's own reader of webhooks makes of a request that it has verified. Rejects when the signature is wrong. */
  hear(received: Received): Promise<Heard[]>;
};

// oxlint-disable-next-line typescript/no-explicit-any -- answers and errors of others, read by the tests that assert them.
type Json = any;

const place = { latitude: 32.0543, longitude: 34.7516, name: "Jaffa", address: "Clock Tower Square" };
const question = { text: "מתי נוח?", header: "תור", footer: "Kesher" };

/** `whatsapp-api-js` has no base address: its `ponyfill.fetch` is the place. It never throws for Meta's errors, but answers them. */
export function openWhatsAppApiJs({ url, key, phoneNumberId, secret }: Place): CloudClient {
  const api = new WhatsAppAPI({
    token: key,
    appSecret: secret,
    v: "v24.0",
    ponyfill: { fetch: (input, init) => fetch(String(input).replace("https://graph.facebook.com", url), init) },
  });
  const idOf = (answer: ServerMessageResponse): string => {
    if ("error" in answer) throw Object.assign(new Error("refused"), { answer });
    return answer.messages[0].id;
  };
  const send = async (to: string, message: ClientMessage, replyTo?: string, callback?: string): Promise<string> =>
    idOf(await api.sendMessage(phoneNumberId, to, message, replyTo, callback));
  const heard: Heard[] = [];
  api.on.status = ({ id, status, biz_opaque_callback_data: callback }) => {
    heard.push({ kind: "status", id, status, callback: callback ?? null });
  };
  api.on.message = ({ message }: Json) => {
    heard.push({ kind: "message", id: message.id, from: message.from, type: message.type, mediaId: message[message.type]?.id ?? null });
  };
  return {
    text: (to, body, { replyTo, callback } = {}) => send(to, new Text(body), replyTo, callback),
    template: (to, name, language) => send(to, new Template(name, language)),
    reminder: (to, name, time) =>
      send(to, new Template("appointment_reminder", "he", new BodyComponent(new BodyParameter(name), new BodyParameter(time)))),
    order: (to, { imageId, name, order }) =>
      send(
        to,
        new Template(
          "order_update",
          "en",
          // The client wants a name here as soon as the text has names.
          new HeaderComponent(new HeaderParameter(new Image(imageId, true), "image")),
          new BodyComponent(new BodyParameter(name, "name"), new BodyParameter(order, "order")),
          new URLComponent(order),
        ),
      ),
    buttons: (to) =>
      send(
        to,
        new Interactive(
          new ActionButtons(new Button("am", "בבוקר"), new Button("pm", "בערב")),
          new Body(question.text),
          new Header(question.header),
          new Footer(question.footer),
        ),
      ),
    list: (to) =>
      send(to, new Interactive(new ActionList("שעות", new ListSection("היום", new Row("9", "09:00", "פנוי"))), new Body(question.text))),
    image: (to, file) => send(to, "id" in file ? new Image(file.id, true, "caption") : new Image(file.link)),
    document: (to, id, name) => send(to, new Document(id, true, "caption", name)),
    location: (to) => send(to, new Location(place.longitude, place.latitude, place.name, place.address)),
    contacts: (to) => send(to, new Contacts([new Name("Dana Levi", "Dana"), new Phone("+972501234567", "CELL")])),
    react: (to, messageId, emoji) => send(to, new Reaction(messageId, emoji)),
    async markRead(messageId, isTyping) {
      const answer = await api.markAsRead(phoneNumberId, messageId, isTyping ? "text" : undefined);
      assert.deepEqual(answer, { success: true });
    },
    async upload({ bytes, mimeType, name }) {
      const form = new FormData();
      form.set("file", new Blob([Uint8Array.from(bytes)], { type: mimeType }), name);
      const answer: Json = await api.uploadMedia(phoneNumberId, form);
      if (answer.error !== undefined) throw Object.assign(new Error("refused"), { answer });
      return answer.id;
    },
    async download(mediaId) {
      const answer: Json = await api.retrieveMedia(mediaId, phoneNumberId);
      if (answer.error !== undefined) throw Object.assign(new Error("refused"), { answer });
      return (await api.fetchMedia(answer.url)).bytes();
    },
    codeOf: (error: Json) => error.answer.error.code,
    async hear({ json, text, headers }) {
      heard.length = 0;
      await api.post(json, text, String(headers["x-hub-signature-256"]));
      return [...heard];
    },
  };
}

/** `baseUrl` is the place. */
export function openKapso({ url, key, phoneNumberId, secret }: Place): CloudClient {
  const client = new WhatsAppClient({ accessToken: key, baseUrl: url });
  const { messages, media } = client;
  const id = (answer: Json): string => answer.messages[0].id;
  return {
    text: async (to, body, { replyTo, callback } = {}) =>
      id(
        await messages.sendText({
          phoneNumberId,
          to,
          body,
          ...(replyTo === undefined ? {} : { contextMessageId: replyTo }),
          ...(callback === undefined ? {} : { bizOpaqueCallbackData: callback }),
        }),
      ),
    template: async (to, name, language) =>
      id(await messages.sendTemplate({ phoneNumberId, to, template: { name, language: { code: language } } })),
    reminder: async (to, name, time) => {
      const parameters = [name, time].map((text) => ({ type: "text" as const, text }));
      const template = { name: "appointment_reminder", language: { code: "he" }, components: [{ type: "body" as const, parameters }] };
      return id(await messages.sendTemplate({ phoneNumberId, to, template }));
    },
    order: async (to, { imageId, name, order }) => {
      const template: Json = {
        name: "order_update",
        language: { code: "en" },
        components: [
          { type: "header", parameters: [{ type: "image", image: { id: imageId } }] },
          {
            type: "body",
            parameters: [
              { type: "text", parameterName: "name", text: name },
              { type: "text", parameterName: "order", text: order },
            ],
          },
          { type: "button", subType: "url", index: "0", parameters: [{ type: "text", text: order }] },
        ],
      };
      return id(await messages.sendTemplate({ phoneNumberId, to, template }));
    },
    buttons: async (to) =>
      id(
        await messages.sendInteractiveButtons({
          phoneNumberId,
          to,
          header: { type: "text", text: question.header },
          bodyText: question.text,
          footerText: question.footer,
          buttons: [
            { id: "am", title: "בבוקר" },
            { id: "pm", title: "בערב" },
          ],
        }),
      ),
    list: async (to) =>
      id(
        await messages.sendInteractiveList({
          phoneNumberId,
          to,
          bodyText: question.text,
          buttonText: "שעות",
          sections: [{ title: "היום", rows: [{ id: "9", title: "09:00", description: "פנוי" }] }],
        }),
      ),
    image: async (to, file) =>
      id(await messages.sendImage({ phoneNumberId, to, image: "id" in file ? { ...file, caption: "caption" } : file })),
    document: async (to, mediaId, name) =>
      id(await messages.sendDocument({ phoneNumberId, to, document: { id: mediaId, filename: name, caption: "caption" } })),
    location: async (to) => id(await messages.sendLocation({ phoneNumberId, to, location: place })),
    contacts: async (to) =>
      id(
        await messages.sendContacts({
          phoneNumberId,
          to,
          contacts: [{ name: { formattedName: "Dana Levi", firstName: "Dana" }, phones: [{ phone: "+972501234567", type: "CELL" }] }],
        }),
      ),
    react: async (to, messageId, emoji) => id(await messages.sendReaction({ phoneNumberId, to, reaction: { messageId, emoji } })),
    async markRead(messageId, isTyping) {
      const answer: Json = await messages.markRead({
        phoneNumberId,
        messageId,
        ...(isTyping ? { typingIndicator: { type: "text" } } : {}),
      });
      assert.equal(answer.success, true);
    },
    upload: async ({ bytes, mimeType, name }) =>
      (await media.upload({ phoneNumberId, type: mimeType, file: new Blob([Uint8Array.from(bytes)], { type: mimeType }), fileName: name }))
        .id,
    // Meta's files want the token, too.
    download: async (mediaId) => new Uint8Array((await media.download({ mediaId, phoneNumberId, auth: "always" })) as ArrayBuffer),
    codeOf(error) {
      assert(error instanceof GraphApiError, String(error));
      return error.code;
    },
    async hear({ text, headers }) {
      const signatureHeader = String(headers["x-hub-signature-256"]);
      assert(verifySignature({ appSecret: secret, rawBody: text, signatureHeader }), "the client does not accept the signature");
      const { messages: said, statuses } = normalizeWebhook(JSON.parse(text));
      return [
        ...said.map((message: Json): Heard => {
          const { id: messageId, from, type } = message;
          return { kind: "message", id: messageId, from, type, mediaId: message[type]?.id ?? null };
        }),
        ...statuses.map((one): Heard => {
          const callback = one["bizOpaqueCallbackData"];
          return { kind: "status", id: one.id, status: one.status, callback: typeof callback === "string" ? callback : null };
        }),
      ];
    },
  };
}

/** `baseUrl` is the place. As it is (9.2.0), it leaves the version out of its addresses, which Graph allows. */
export function openGreatDetail({ url, key, phoneNumberId, secret }: Place): CloudClient {
  const authorization = { Authorization: `Bearer ${key}` };
  const sdk = new GreatDetail({ baseUrl: url, request: { headers: authorization } });
  const send = async (to: string, message: Json): Promise<string> => {
    const answer: Json = await sdk.message.createMessage({ phoneNumberID: phoneNumberId, to, ...message }).json();
    return answer.messages[0].id;
  };
  const template = (to: string, name: string, language: string, components: Json[] = []): Promise<string> =>
    send(to, { type: "template", template: { name, language: { code: language }, components } });
  return {
    text: (to, body, { replyTo, callback } = {}) =>
      send(to, {
        type: "text",
        text: { body },
        ...(replyTo === undefined ? {} : { context: { message_id: replyTo } }),
        ...(callback === undefined ? {} : { biz_opaque_callback_data: callback }),
      }),
    template,
    reminder: (to, name, time) =>
      template(to, "appointment_reminder", "he", [{ type: "body", parameters: [name, time].map((text) => ({ type: "text", text })) }]),
    order: (to, { imageId, name, order }) =>
      template(to, "order_update", "en", [
        { type: "header", parameters: [{ type: "image", image: { id: imageId } }] },
        {
          type: "body",
          parameters: [
            { type: "text", parameter_name: "name", text: name },
            { type: "text", parameter_name: "order", text: order },
          ],
        },
        { type: "button", sub_type: "url", index: 0, parameters: [{ type: "text", text: order }] },
      ]),
    buttons: (to) =>
      send(to, {
        type: "interactive",
        interactive: {
          type: "button",
          header: { type: "text", text: question.header },
          body: { text: question.text },
          footer: { text: question.footer },
          action: {
            buttons: [
              { type: "reply", reply: { id: "am", title: "בבוקר" } },
              { type: "reply", reply: { id: "pm", title: "בערב" } },
            ],
          },
        },
      }),
    list: (to) =>
      send(to, {
        type: "interactive",
        interactive: {
          type: "list",
          body: { text: question.text },
          action: { button: "שעות", sections: [{ title: "היום", rows: [{ id: "9", title: "09:00", description: "פנוי" }] }] },
        },
      }),
    image: (to, file) => send(to, { type: "image", image: "id" in file ? { ...file, caption: "caption" } : file }),
    document: (to, id, name) => send(to, { type: "document", document: { id, filename: name, caption: "caption" } }),
    location: (to) => send(to, { type: "location", location: place }),
    contacts: (to) =>
      send(to, {
        type: "contacts",
        contacts: [{ name: { formatted_name: "Dana Levi", first_name: "Dana" }, phones: [{ phone: "+972501234567", type: "CELL" }] }],
      }),
    react: (to, messageId, emoji) => send(to, { type: "reaction", reaction: { message_id: messageId, emoji } }),
    async markRead(messageId, isTyping) {
      const status = { phoneNumberID: phoneNumberId, status: "read", message_id: messageId } as const;
      const answer = await sdk.message.createStatus({ ...status, ...(isTyping ? { typing_indicator: { type: "text" } } : {}) }).json();
      assert.deepEqual(answer, { success: true });
    },
    async upload({ bytes, mimeType, name }) {
      const file = new Blob([Uint8Array.from(bytes)], { type: mimeType });
      const answer: Json = await sdk.media.upload({ phoneNumberID: phoneNumberId, file, filename: name, mimeType }).json();
      return answer.id;
    },
    async download(mediaId) {
      const { url: mediaURL }: Json = await sdk.media.getURL({ mediaID: mediaId, phoneNumberID: phoneNumberId }).json();
      return sdk.media.download({ mediaURL, request: { headers: authorization } }).bytes();
    },
    codeOf(error: Json) {
      assert.equal(error.name, "HTTPError", String(error));
      return error.data.error.code;
    },
    async hear({ text, headers }) {
      const read = await sdk.webhook.eventNotification({ method: "POST", query: {}, headers, body: text } as Json);
      await read.verifySignature(secret);
      const notification: Json = read.eventNotification;
      const { messages = [], statuses = [] } = notification.entry[0].changes[0].value;
      return [
        ...messages.map((message: Json): Heard => {
          const { id, from, type } = message;
          return { kind: "message", id, from, type, mediaId: message[type]?.id ?? null };
        }),
        ...statuses.map(({ id, status, biz_opaque_callback_data: callback }: Json): Heard => ({
          kind: "status",
          id,
          status,
          callback: callback ?? null,
        })),
      ];
    },
  };
}
