/** Templates: our fields beside Meta's list of components. */
import {
  boxed,
  choice,
  json,
  list,
  media,
  number,
  numberAsText,
  record,
  text,
  unpacked,
  wordOf,
  type MediaOf,
  type Notes,
  type Place,
  type Shape,
} from "./shape.ts";
import { readButton, readOnly, writeButton } from "./template-button-shapes.ts";
import { readRecord, type Wire } from "./wire.ts";

const parameterName = ["parameter_name", text] as const;
const textParameter = typed("text", { name: parameterName, text: ["text", text] });
const currency = typed("currency", {
  name: parameterName,
  code: ["currency.code", text],
  amount1000: ["currency.amount_1000", number],
  fallbackValue: ["currency.fallback_value", text],
});
/** Meta shows the fallback and ignores the parts of the time that older clients send. */
const dateTime = typed(
  "date_time",
  { name: parameterName, fallbackValue: ["date_time.fallback_value", text] },
  ["day_of_week", "year", "month", "day_of_month", "hour", "minute", "calendar", "timestamp"].map((part) => `date_time.${part}`),
);

function typed(type: string, fields: Parameters<typeof record>[0]["fields"], ignored: readonly string[] = []): Shape {
  return record({ ours: { type }, constants: { type }, fields, ignored });
}

const byType = { ours: ({ type }: Wire) => type, theirs: ({ type }: Wire) => type, key: "type" };
const bodyParameter = choice({ text: textParameter, currency, date_time: dateTime }, byType);

const unnamed = ["parameter_name"];
const headerParameter = choice(
  {
    text: textParameter,
    currency,
    date_time: dateTime,
    image: typed("image", { media: ["image", media("image")] }, unnamed),
    video: typed("video", { media: ["video", media("video")] }, unnamed),
    document: typed("document", { media: ["document", media("document")], filename: ["document.filename", text] }, unnamed),
    location: typed(
      "location",
      {
        latitude: ["location.latitude", numberAsText],
        longitude: ["location.longitude", numberAsText],
        name: ["location.name", text],
        address: ["location.address", text],
      },
      unnamed,
    ),
    product: typed(
      "product",
      { catalogId: ["product.catalog_id", text], productRetailerId: ["product.product_retailer_id", text] },
      unnamed,
    ),
  },
  byType,
);

const offer = list(
  boxed("limited_time_offer", record({ fields: { expiresAtMs: ["expiration_time_ms", number] } }), { type: "limited_time_offer" }),
);
const tapTarget = list(
  boxed("tap_target_configuration", list(record({ fields: { url: ["url", text], title: ["title", text] } })), {
    type: "tap_target_configuration",
  }),
);

/** What stands under `template`. */
export const template: Shape = {
  write(value, mediaOf) {
    const content = readRecord(value) ?? {};
    const components = writeComponents(content, mediaOf);
    const language = { code: content["language"] };
    return components.length === 0 ? { name: content["name"], language } : { name: content["name"], language, components };
  },
  read(wire, at, notes) {
    const head = outer.read(wire, at, notes);
    const { components, ...rest } = readRecord(head) ?? {};
    if (readRecord(head) === null) return undefined;
    const place = { field: at.field, param: `${at.param}['components']` };
    return { ...rest, ...readComponents(components, place, notes) };
  },
};

const outer = record({
  ours: { type: "template" },
  fields: { name: ["name", text], language: ["language.code", text], components: ["components", json] },
  ignored: ["language.policy", "namespace"],
});

function writeComponents(content: Wire, mediaOf: MediaOf): unknown[] {
  const { header, body, buttons, cards, limitedTimeOffer, tapTarget: target } = content;
  const components: unknown[] = [];
  if (header !== undefined) components.push({ type: "header", parameters: [headerParameter.write(header, mediaOf)] });
  if (limitedTimeOffer !== undefined) {
    components.push({ type: "limited_time_offer", parameters: offer.write([limitedTimeOffer], mediaOf) });
  }
  if (target !== undefined) components.push({ type: "tap_target_configuration", parameters: tapTarget.write([[target]], mediaOf) });
  if (body !== undefined) components.push({ type: "body", parameters: list(bodyParameter).write(body, mediaOf) });
  if (Array.isArray(cards)) {
    const written = cards.map((card, index) => ({ card_index: index, components: writeComponents(readRecord(card) ?? {}, mediaOf) }));
    components.push({ type: "carousel", cards: written });
  }
  if (Array.isArray(buttons)) components.push(...buttons.map((button) => writeButton(readRecord(button) ?? {}, mediaOf)));
  return components;
}

function readComponents(wire: unknown, at: Place, notes: Notes): Wire {
  const found = unpacked(wire);
  if (found === undefined || found === null) return {};
  if (!Array.isArray(found)) {
    notes.faults.push({ ...at, rule: "value", detail: "must be an array" });
    return {};
  }
  const value: { [key: string]: unknown } = {};
  const buttons: unknown[] = [];
  found.forEach((one: unknown, index) => {
    const component = readRecord(unpacked(one)) ?? {};
    readComponent(component, { field: at.field, param: `${at.param}[${index}]` }, { notes, value, buttons });
  });
  return buttons.length === 0 ? value : { ...value, buttons };
}

type Found = { notes: Notes; value: { [key: string]: unknown }; buttons: unknown[] };

function readComponent(component: Wire, at: Place, { notes, value, buttons }: Found): void {
  const kind = wordOf(component["type"]);
  const under = (name: string): Place => ({ field: `${at.field}.${name}`, param: `${at.param}['parameters']` });
  const once = (name: string, given: unknown): void => {
    if (given === undefined) return;
    if (value[name] !== undefined) notes.faults.push({ ...at, rule: "value", detail: `is a second component of type ${name}` });
    value[name] = given;
  };
  const { parameters } = component;
  switch (kind) {
    case "header":
      noteStrangers(component, ["type", "parameters"], at, notes);
      return once("header", readOnly(parameters, headerParameter, under("header"), notes));
    case "body":
      noteStrangers(component, ["type", "parameters"], at, notes);
      return once("body", list(bodyParameter).read(parameters, under("body"), notes));
    case "limited_time_offer":
      noteStrangers(component, ["type", "parameters"], at, notes);
      return once("limitedTimeOffer", firstOf(offer.read(parameters, under("limitedTimeOffer"), notes)));
    case "tap_target_configuration":
      noteStrangers(component, ["type", "parameters"], at, notes);
      return once("tapTarget", firstOf(firstOf(tapTarget.read(listed(parameters), under("tapTarget"), notes))));
    case "carousel":
      noteStrangers(component, ["type", "cards"], at, notes);
      return once("cards", readCards(component["cards"], at, notes));
    case "button":
      noteStrangers(component, ["type", "sub_type", "index", "parameters"], at, notes);
      return readButton(component, { field: `${at.field}.buttons.${buttons.length}`, param: at.param }, { notes, buttons });
    case null:
    default:
      notes.faults.push({
        field: at.field,
        param: `${at.param}['type']`,
        rule: kind === null ? "missing" : "value",
        detail: "must be one of {HEADER, BODY, BUTTON, CAROUSEL, LIMITED_TIME_OFFER, TAP_TARGET_CONFIGURATION}",
      });
  }
}

function readCards(wire: unknown, at: Place, notes: Notes): unknown {
  const cards = list(
    {
      write: (value) => value,
      read(card, place, own) {
        const found = readRecord(unpacked(card)) ?? {};
        noteStrangers(found, ["components"], place, own);
        return readComponents(found["components"], { field: place.field, param: `${place.param}['components']` }, own);
      },
    },
    { position: "card_index" },
  );
  return cards.read(wire, { field: `${at.field}.cards`, param: `${at.param}['cards']` }, notes);
}

/** Some clients give the one target bare. */
function listed(parameters: unknown): unknown {
  const found = unpacked(parameters);
  if (!Array.isArray(found)) return found;
  return found.map((one: unknown) => {
    const parameter = readRecord(one);
    const target = parameter?.["tap_target_configuration"];
    return parameter === null || Array.isArray(target) ? one : { ...parameter, tap_target_configuration: [target] };
  });
}

function noteStrangers(component: Wire, known: readonly string[], at: Place, notes: Notes): void {
  for (const key of Object.keys(component)) {
    if (known.includes(key)) continue;
    notes.faults.push({ ...at, rule: "unknown", detail: `Unexpected key "${key.slice(0, 40)}" on param "${at.param}".` });
  }
}

function firstOf(value: unknown): unknown {
  return Array.isArray(value) ? (value[0] as unknown) : undefined;
}
