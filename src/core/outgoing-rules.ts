/** What Meta demands of a message beyond what a schema can say, and the one check that both shapes of the send API share. */
import { OutgoingContent } from "../contract/outgoing.ts";
import type { OutgoingInteractive } from "../contract/outgoing-interactive.ts";
import type { OutgoingTemplate } from "../contract/outgoing-template.ts";
import { limits } from "../limits.ts";
import { invalidRequest } from "./rejection.ts";
import { shapeFaults, type ShapeFault } from "./shape-faults.ts";

export type OutgoingFault = ShapeFault;

/**
 * Everything that is wrong with a content, field by field; empty when it can be sent. Whether the template exists, the file fits and
 * the window is open is not known here.
 */
export function checkOutgoing(content: unknown): OutgoingFault[] {
  const faults = shapeFaults(OutgoingContent, content, "content");
  // Without faults the value is what the schema describes.
  return faults.length > 0 ? faults : ruleFaults(content as OutgoingContent).slice(0, limits.contentFaultsMax);
}

/** Throws `invalid_request` that names each field. */
export function assertOutgoing(content: unknown): asserts content is OutgoingContent {
  const faults = checkOutgoing(content);
  if (faults.length > 0) throw invalidRequest(faults.map(({ field, detail }) => `${field}: ${detail}`).join("; "));
}

function ruleFaults(content: OutgoingContent): OutgoingFault[] {
  switch (content.type) {
    case "text":
      return blanks({ "content.body": content.body });
    case "interactive":
      return [...textFaults(content), ...actionFaults(content)];
    case "template":
      return templateFaults(content);
    case "image":
    case "video":
    case "audio":
    case "document":
    case "sticker":
    case "location":
    case "contacts":
    case "reaction":
      return [];
    default:
      return content satisfies never;
  }
}

function textFaults(content: OutgoingInteractive): OutgoingFault[] {
  const header = "header" in content && content.header?.type === "text" ? content.header.text : undefined;
  const footer = "footer" in content ? content.footer : undefined;
  return blanks({ "content.header.text": header, "content.body": content.body, "content.footer": footer });
}

function actionFaults(content: OutgoingInteractive): OutgoingFault[] {
  const at = "content.action";
  switch (content.subtype) {
    case "button":
      return buttonFaults(content.action.buttons, `${at}.buttons`);
    case "list":
      return listFaults(content.action.sections, at);
    case "product_list":
      return productFaults(content.action.sections, `${at}.sections`);
    case "flow":
      return flowFaults(content.action, at);
    case "carousel":
      return cardFaults(content.action.cards, `${at}.cards`);
    case "cta_url":
    case "location_request_message":
    case "address_message":
    case "product":
    case "catalog_message":
    case "call_permission_request":
    case "voice_call":
    case "request_contact_info":
      return [];
    default:
      return content satisfies never;
  }
}

/** Meta takes no two buttons with one id or one title, and no id with white space around it. */
function buttonFaults(buttons: readonly { id: string; title: string }[], at: string): OutgoingFault[] {
  return [
    ...buttons.flatMap(({ id, title }, index) => [
      ...blanks({ [`${at}.${index}.title`]: title }),
      ...(id === id.trim() ? [] : [fault(`${at}.${index}.id`, "may not begin or end with white space")]),
    ]),
    ...repeated(
      buttons.map(({ id }) => id),
      (index) => `${at}.${index}.id`,
    ),
    ...repeated(
      buttons.map(({ title }) => title),
      (index) => `${at}.${index}.title`,
    ),
  ];
}

type Sections = Extract<OutgoingInteractive, { subtype: "list" }>["action"]["sections"];

function listFaults(sections: Sections, at: string): OutgoingFault[] {
  const rows = sections.flatMap((section, place) =>
    section.rows.map((row, index) => ({ ...row, at: `${at}.sections.${place}.rows.${index}` })),
  );
  const extra = rows[limits.metaListRowsMax];
  return [
    ...titleFaults(sections, `${at}.sections`),
    ...(extra === undefined
      ? []
      : [fault(extra.at, `at most ${limits.metaListRowsMax} rows over all sections, ${rows.length} were given`)]),
    ...rows.flatMap((row) => blanks({ [`${row.at}.title`]: row.title })),
    ...repeated(
      rows.map(({ id }) => id),
      (index) => `${rows[index]?.at ?? at}.id`,
    ),
  ];
}

type ProductSections = Extract<OutgoingInteractive, { subtype: "product_list" }>["action"]["sections"];

function productFaults(sections: ProductSections, at: string): OutgoingFault[] {
  const places = sections.flatMap((section, place) =>
    section.productRetailerIds.map((_, index) => `${at}.${place}.productRetailerIds.${index}`),
  );
  const extra = places[limits.metaProductsMax];
  const tooMany = `at most ${limits.metaProductsMax} products over all sections, ${places.length} were given`;
  return [...titleFaults(sections, at), ...(extra === undefined ? [] : [fault(extra, tooMany)])];
}

function titleFaults(sections: readonly { title?: string }[], at: string): OutgoingFault[] {
  if (sections.length < 2) return [];
  return sections.flatMap((section, index) =>
    section.title === undefined || section.title.trim() === ""
      ? [{ field: `${at}.${index}.title`, detail: "is missing: with several sections each needs a title", rule: "missing" as const }]
      : [],
  );
}

type Flow = Extract<OutgoingInteractive, { subtype: "flow" }>["action"];

function flowFaults(flow: Flow, at: string): OutgoingFault[] {
  const faults: OutgoingFault[] = [];
  if ((flow.flowId === undefined) === (flow.flowName === undefined)) {
    faults.push({ field: `${at}.flowId`, detail: "either the id or the name of the flow is needed, and not both", rule: "missing" });
  }
  if (flow.flowAction === "data_exchange" && flow.flowActionPayload !== undefined) {
    faults.push(fault(`${at}.flowActionPayload`, "belongs to the action navigate only"));
  }
  return faults;
}

type Cards = Extract<OutgoingInteractive, { subtype: "carousel" }>["action"]["cards"];

function cardFaults(cards: Cards, at: string): OutgoingFault[] {
  const [first] = cards;
  return cards.flatMap((card, index) => {
    if (card.type !== first?.type) {
      return [fault(`${at}.${index}.type`, `must be ${first?.type ?? ""} as the first card's: all cards are of one kind`)];
    }
    return card.type === "replies" ? buttonFaults(card.action.buttons, `${at}.${index}.action.buttons`) : [];
  });
}

function templateFaults(template: OutgoingTemplate): OutgoingFault[] {
  const cards = template.cards ?? [];
  return [...filledFaults(template, "content"), ...cards.flatMap((card, index) => filledFaults(card, `content.cards.${index}`))];
}

function filledFaults({ body = [], buttons = [] }: Pick<OutgoingTemplate, "body" | "buttons">, at: string): OutgoingFault[] {
  const names = body.map(({ name }) => name);
  const isNamed = names[0] !== undefined;
  const mixed = names.findIndex((name) => (name !== undefined) !== isNamed);
  return [
    ...(mixed === -1 ? [] : [fault(`${at}.body.${mixed}.name`, "either all parameters have a name or none has")]),
    ...repeated(names, (index) => `${at}.body.${index}.name`),
    ...repeated(
      buttons.map(({ index }) => index),
      (index) => `${at}.buttons.${index}.index`,
    ),
  ];
}

function blanks(texts: Readonly<Record<string, string | undefined>>): OutgoingFault[] {
  return Object.entries(texts).flatMap(([field, text]) =>
    text !== undefined && text.trim() === "" ? [fault(field, "has nothing but white space")] : [],
  );
}

function repeated(values: readonly (string | number | undefined)[], field: (index: number) => string): OutgoingFault[] {
  const first = new Map<string | number, number>();
  return values.flatMap((value, index) => {
    const earlier = value === undefined ? undefined : first.get(value);
    if (value !== undefined && earlier === undefined) first.set(value, index);
    return earlier === undefined ? [] : [fault(field(index), `is the same as ${field(earlier)}`)];
  });
}

function fault(field: string, detail: string): OutgoingFault {
  return { field, detail, rule: "value" };
}
