/** Webhook bodies in Meta's shape, as small as a test can do with. Times are in milliseconds and told in seconds. */

export type Fields = { readonly [key: string]: unknown };
type Number = { wabaId: string; phoneNumberId: string; displayPhoneNumber: string };

export const seconds = (atMs: number): string => String(Math.floor(atMs / 1_000));

/** One element of a change, with where it belongs. `list` is where Meta puts it. */
export type Element = {
  number: Number;
  list: "messages" | "statuses" | "message_echoes" | "calls" | "user_preferences" | "errors";
  element: Fields;
  contacts?: readonly Fields[];
  field?: string;
  /** Under `value.standby`. */
  standby?: boolean;
};

/** A change for each element. */
export function changeOf({ number, list, element, contacts, field = "messages", standby = false }: Element): Fields {
  const metadata = { display_phone_number: number.displayPhoneNumber, phone_number_id: number.phoneNumberId };
  const lists = { ...(contacts === undefined ? {} : { contacts }), [list]: [element] };
  const value = { messaging_product: "whatsapp", metadata, ...(standby ? { standby: lists } : lists) };
  return { field: standby ? "standby" : field, value };
}

/** One body; an entry for each account. */
export function bodyOf(...elements: readonly Element[]): Fields {
  const changes = Map.groupBy(elements, ({ number }) => number.wabaId);
  return bodyOfChanges([...changes].map(([wabaId, ofAccount]) => ({ wabaId, changes: ofAccount.map(changeOf) })));
}

export function bodyOfChanges(entries: readonly { wabaId: string; changes: readonly unknown[] }[]): Fields {
  return { object: "whatsapp_business_account", entry: entries.map(({ wabaId, changes }) => ({ id: wabaId, changes })) };
}

type Customer = { phone?: string; userId?: string; name?: string };

/** A message of a customer. */
export function message(
  number: Number,
  from: Customer,
  id: string,
  atMs: number,
  fields: Fields = { type: "text", text: { body: id } },
): Element {
  const ids = {
    ...(from.phone === undefined ? {} : { from: from.phone }),
    ...(from.userId === undefined ? {} : { from_user_id: from.userId }),
  };
  return { number, list: "messages", element: { ...ids, id, timestamp: seconds(atMs), ...fields }, contacts: [contactOf(from)] };
}

function contactOf({ phone, userId, name }: Customer): Fields {
  return {
    ...(name === undefined ? {} : { profile: { name } }),
    ...(phone === undefined ? {} : { wa_id: phone }),
    ...(userId === undefined ? {} : { user_id: userId }),
  };
}

export function echo(number: Number, to: string, id: string, atMs: number, fields: Fields = { type: "text", text: { body: id } }): Element {
  const element = { from: number.displayPhoneNumber, to, id, timestamp: seconds(atMs), ...fields };
  return { number, list: "message_echoes", field: "smb_message_echoes", element };
}

export function status(number: Number, id: string, word: string, atMs: number, fields: Fields = {}): Element {
  return { number, list: "statuses", element: { id, status: word, timestamp: seconds(atMs), ...fields } };
}

export function failed(number: Number, id: string, atMs: number, code: number, fields: Fields = {}): Element {
  return status(number, id, "failed", atMs, { errors: [{ code, title: `Error ${code}` }], ...fields });
}
