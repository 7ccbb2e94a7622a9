/** What Meta wraps around everything that it posts. */
import { asMetaWrites } from "../services/whatsapp/graph/meta-json.ts";
import type { Wire } from "../services/whatsapp/graph/wire.ts";

export type Envelope = { wabaId: string; phoneNumberId: string; displayPhoneNumber: string };

/** One change of one account; only the field `messages` and its kin carry the number's metadata. */
export type Change = { wabaId: string; number: Envelope | null; field: string; value: Wire };

/** Changes that may share an element: lists of the same number and field grow together, as Meta does it. */
const joined = ["contacts", "statuses", "messages", "message_echoes"];

/** The whole body of a webhook; up to 1,000 updates may share one. */
export function webhookBody(changes: readonly Change[], atMs: number): Wire {
  const entries = new Map<string, { id: string; time?: number; changes: Wire[] }>();
  const open = new Map<string, Record<string, unknown>>();
  for (const change of changes) {
    const { wabaId, number, field, value } = change;
    const entry = entries.get(wabaId) ?? { id: wabaId, ...(number === null ? { time: Math.floor(atMs / 1000) } : {}), changes: [] };
    entries.set(wabaId, entry);
    const kind = joined.find((name) => name !== "contacts" && name in value);
    const key = number === null || kind === undefined ? null : `${wabaId} ${number.phoneNumberId} ${field} ${kind}`;
    const before = key === null ? undefined : open.get(key);
    if (before !== undefined) {
      for (const name of joined) grow(before, name, value[name]);
      continue;
    }
    const fresh = number === null ? value : { messaging_product: "whatsapp", metadata: metadataOf(number), ...copyLists(value) };
    if (key !== null) open.set(key, fresh);
    entry.changes.push({ field, value: fresh });
  }
  return { object: "whatsapp_business_account", entry: [...entries.values()] };
}

function metadataOf(number: Envelope): Wire {
  return { display_phone_number: number.displayPhoneNumber, phone_number_id: number.phoneNumberId };
}

function copyLists(value: Wire): Record<string, unknown> {
  const copy: Record<string, unknown> = { ...value };
  for (const name of joined) {
    const list = copy[name];
    if (Array.isArray(list)) copy[name] = [...(list as unknown[])];
  }
  return copy;
}

function grow(into: Record<string, unknown>, name: string, more: unknown): void {
  if (!Array.isArray(more)) return;
  const list = into[name];
  if (Array.isArray(list)) list.push(...(more as unknown[]));
  else into[name] = [...(more as unknown[])];
}

export function metaJson(value: Wire): Buffer {
  return Buffer.from(asMetaWrites(JSON.stringify(value)), "ascii");
}
