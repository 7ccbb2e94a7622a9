/** Buttons of templates: each is a component of its own at Meta, with the one parameter that its word calls for. */
import { productSections } from "./interactive-shapes.ts";
import { boxed, json, number, record, text, unpacked, wordOf, type MediaOf, type Notes, type Place, type Shape } from "./shape.ts";
import { readRecord, type Wire } from "./wire.ts";

const unnamed = ["parameter_name"];

/** What stands in the one parameter of a button, or in the one that bears its word. */
const buttonParameters: Readonly<Record<string, Shape>> = {
  quick_reply: record({ fields: { payload: ["payload", text] }, constants: { type: "payload" }, ignored: unnamed }),
  url: record({ fields: { text: ["text", text] }, constants: { type: "text" }, ignored: unnamed }),
  copy_code: record({ fields: { couponCode: ["coupon_code", text] }, constants: { type: "coupon_code" } }),
  flow: record({
    fields: { flowToken: ["action.flow_token", text], flowActionData: ["action.flow_action_data", json] },
    constants: { type: "action" },
  }),
  catalog: record({
    fields: { thumbnailProductRetailerId: ["action.thumbnail_product_retailer_id", text] },
    constants: { type: "action" },
  }),
  mpm: record({
    fields: {
      thumbnailProductRetailerId: ["action.thumbnail_product_retailer_id", text],
      sections: ["action.sections", productSections],
    },
    constants: { type: "action" },
  }),
};

const callParameters: Readonly<Record<"ttlMinutes" | "payload", readonly [string, Shape]>> = {
  ttlMinutes: ["ttl_minutes", boxed("ttl_minutes", number, { type: "ttl_minutes" })],
  payload: ["payload", boxed("payload", text, { type: "payload" })],
};

export function writeButton({ type, index, ...fields }: Wire, mediaOf: MediaOf): unknown {
  const button = { type: "button", sub_type: type, index: String(index) };
  if (type === "voice_call") {
    const given = Object.entries(callParameters).filter(([key]) => fields[key] !== undefined);
    return given.length === 0 ? button : { ...button, parameters: given.map(([key, [, shape]]) => shape.write(fields[key], mediaOf)) };
  }
  const shape = buttonParameters[String(type)];
  return { ...button, parameters: [shape?.write(fields, mediaOf)] };
}

/** A button without anything to fill in says nothing; clients send such for telephone numbers. */
export function readButton(component: Wire, at: Place, { notes, buttons }: { notes: Notes; buttons: unknown[] }): void {
  const type = wordOf(component["sub_type"]);
  const parameters = unpacked(component["parameters"]);
  const isEmpty = parameters === undefined || parameters === null || (Array.isArray(parameters) && parameters.length === 0);
  if (type === "phone_number" && isEmpty) return;
  notes.params.set(at.field, at.param);
  notes.params.set(`${at.field}.index`, `${at.param}['index']`);
  const index = number.read(component["index"], { field: `${at.field}.index`, param: `${at.param}['index']` }, notes);
  const under = { field: at.field, param: `${at.param}['parameters']` };
  const head = { type, ...(index === undefined ? {} : { index }) };
  if (type === "voice_call") {
    buttons.push({ ...head, ...readCallParameters(Array.isArray(parameters) ? parameters : [], under, notes) });
    return;
  }
  const shape = type !== null && Object.hasOwn(buttonParameters, type) ? buttonParameters[type] : undefined;
  if (shape === undefined) {
    const words = [...Object.keys(buttonParameters), "voice_call"].join(", ").toUpperCase();
    const rule = type === null ? "missing" : "value";
    notes.faults.push({ field: at.field, param: `${at.param}['sub_type']`, rule, detail: `must be one of {${words}}` });
    return;
  }
  const fields = isEmpty && (type === "flow" || type === "catalog") ? {} : readOnly(parameters, shape, under, notes);
  buttons.push({ ...head, ...readRecord(fields) });
}

function readCallParameters(parameters: readonly unknown[], at: Place, notes: Notes): Wire {
  const value: { [key: string]: unknown } = {};
  parameters.forEach((parameter, index) => {
    const place = { field: at.field, param: `${at.param}[${index}]` };
    const word = wordOf(readRecord(parameter)?.["type"]);
    const found = Object.entries(callParameters).find(([, [type]]) => type === word);
    if (found === undefined) notes.faults.push({ ...place, rule: "value", detail: "must be of type ttl_minutes or payload" });
    else value[found[0]] = found[1][1].read(parameter, { ...place, field: `${at.field}.${found[0]}` }, notes);
  });
  return value;
}

/** The single parameter of a component. */
export function readOnly(wire: unknown, shape: Shape, at: Place, notes: Notes): unknown {
  const found = unpacked(wire);
  if (found === undefined || found === null) return undefined;
  if (!Array.isArray(found) || found.length > 1) {
    notes.faults.push({ ...at, rule: "value", detail: "must be an array of one parameter" });
    return undefined;
  }
  const [only] = found as readonly unknown[];
  return shape.read(only, { field: at.field, param: `${at.param}[0]` }, notes);
}
