/** Every type of message that can be sent, ours beside Meta's: the object that stands under the type's own word. */
import { interactive } from "./interactive-shapes.ts";
import { flag, list, media, numberAsText, record, text, textOrNothing, type MediaKind, type Shape } from "./shape.ts";
import { template } from "./template-shapes.ts";

const word = (key: string) => [key, text] as const;
const type = word("type");

const contact = record({
  fields: {
    name: [
      "name",
      record({
        fields: {
          formattedName: word("formatted_name"),
          firstName: word("first_name"),
          lastName: word("last_name"),
          middleName: word("middle_name"),
          prefix: word("prefix"),
          suffix: word("suffix"),
        },
      }),
    ],
    phones: ["phones", list(record({ fields: { phone: word("phone"), waId: word("wa_id"), type } }))],
    emails: ["emails", list(record({ fields: { email: word("email"), type } }))],
    urls: ["urls", list(record({ fields: { url: word("url"), type } }))],
    addresses: [
      "addresses",
      list(
        record({
          fields: {
            street: word("street"),
            city: word("city"),
            state: word("state"),
            zip: word("zip"),
            country: word("country"),
            countryCode: word("country_code"),
            type,
          },
        }),
      ),
    ],
    org: ["org", record({ fields: { company: word("company"), department: word("department"), title: word("title") } })],
    birthday: word("birthday"),
  },
});

/** For `contacts` what stands there is the list itself. */
const contacts: Shape = {
  write: (value, mediaOf) => list(contact).write((value as { contacts?: unknown }).contacts, mediaOf),
  read: (wire, at, notes) => ({
    type: "contacts",
    contacts: list(contact).read(wire, { field: `${at.field}.contacts`, param: at.param }, notes),
  }),
};

function mediaShape(kind: MediaKind, fields: Parameters<typeof record>[0]["fields"]): Shape {
  return record({ ours: { type: kind }, fields: { media: ["", media(kind)], ...fields } });
}

const caption = word("caption");

/** By Meta's word, which is our `type`. */
export const contentShapes = {
  text: record({ ours: { type: "text" }, fields: { body: word("body"), previewUrl: ["preview_url", flag] } }),
  image: mediaShape("image", { caption }),
  video: mediaShape("video", { caption }),
  audio: mediaShape("audio", { voice: ["voice", flag] }),
  document: mediaShape("document", { caption, filename: word("filename") }),
  sticker: mediaShape("sticker", {}),
  location: record({
    ours: { type: "location" },
    fields: {
      latitude: ["latitude", numberAsText],
      longitude: ["longitude", numberAsText],
      name: word("name"),
      address: word("address"),
    },
  }),
  contacts,
  reaction: record({
    ours: { type: "reaction" },
    fields: { waMessageId: word("message_id"), emoji: ["emoji", textOrNothing] },
  }),
  template,
  interactive,
} as const;
