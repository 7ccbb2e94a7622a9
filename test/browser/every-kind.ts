/** A message of every type of Meta's field `messages` (PLATFORM section 2), and what an agent must see of each. Files come by the sandbox's phone. */
const business = { wabaId: "100000000000001", phoneNumberId: "200000000000002" };

export type Kind = { name: string; body: object; from?: string; sees: readonly RegExp[] };

/** The first of `sees` is nobody else's. */
export const kinds: readonly Kind[] = [
  {
    name: "text",
    body: { type: "text", text: { body: "*חשוב* _נטוי_ ~מחוק~ `קוד` https://example.com/a" } },
    sees: [/חשוב/, /example\.com/],
  },
  {
    name: "referral",
    body: {
      type: "text",
      text: { body: "ראיתי את המודעה" },
      referral: { source_url: "https://fb.me/ad", source_type: "ad", source_id: "1", headline: "מבצע סתיו", body: "עד סוף החודש" },
    },
    sees: [/ממודעה/, /מבצע סתיו/],
  },
  {
    name: "location",
    body: { type: "location", location: { latitude: 32.0853, longitude: 34.7818, name: "המחסן", address: "הרצל 1, תל אביב" } },
    sees: [/המחסן/, /הרצל 1/, /פתיחה במפה/],
  },
  {
    name: "contacts",
    body: {
      type: "contacts",
      contacts: [
        {
          name: { formatted_name: "דנה כהן" },
          org: { company: "כהן בע״מ" },
          phones: [{ phone: "+972 50-111-2222", wa_id: "972501112222", type: "CELL" }],
          emails: [{ email: "dana@example.com" }],
        },
      ],
    },
    sees: [/דנה כהן/, /כהן בע״מ/, /dana@example\.com/],
  },
  {
    name: "contact shared on request",
    body: { type: "contacts", contacts: [{ origin: "contact_request", phones: [{ phone: "+972 52-555-4444" }] }] },
    sees: [/52-555-4444/],
  },
  { name: "button", body: { type: "button", button: { payload: "CANCEL_88", text: "ביטול התור" } }, sees: [/ביטול התור/] },
  { name: "button reply", body: interactive("button_reply", { id: "yes", title: "כן, תודה" }), sees: [/כן, תודה/] },
  {
    name: "list reply",
    body: interactive("list_reply", { id: "r2", title: "משלוח מהיר", description: "יום אחד" }),
    sees: [/משלוח מהיר/, /יום אחד/],
  },
  {
    name: "flow reply",
    body: interactive("nfm_reply", { name: "flow", body: "נשלח", response_json: '{"flow_token":"t","shoe_size":"42"}' }),
    sees: [/shoe size/, /42/],
  },
  {
    name: "call permission",
    body: interactive("call_permission_reply", { response: "accept", is_permanent: false }),
    sees: [/אישר\/ה שיחות/],
  },
  {
    name: "order",
    body: {
      type: "order",
      order: {
        catalog_id: "55",
        text: "עם אריזת מתנה",
        product_items: [
          { product_retailer_id: "sku-1", quantity: 2, item_price: 9.5, currency: "ILS" },
          { product_retailer_id: "sku-2", quantity: 1, item_price: 30, currency: "ILS" },
        ],
      },
    },
    sees: [/sku-1/, /sku-2/, /49/, /אריזת מתנה/],
  },
  {
    name: "forwarded about a product",
    body: {
      type: "text",
      text: { body: "יש במלאי?" },
      context: { forwarded: true, referred_product: { catalog_id: "55", product_retailer_id: "sku-9" } },
    },
    sees: [/הועברה/, /sku-9/],
  },
  {
    name: "unsupported",
    body: {
      type: "unsupported",
      unsupported: { type: "poll_creation" },
      errors: [{ code: 131_051, title: "Message type unknown", error_data: { details: "Polls are not supported" } }],
    },
    sees: [/סקר/, /לא ניתן להציג/, /131051/],
  },
  {
    name: "unavailable",
    body: { type: "unsupported", errors: [{ code: 131_060, title: "This message is currently unavailable" }] },
    sees: [/131060/, /לא ניתן להציג/],
  },
  { name: "of the future", body: { type: "hologram", hologram: { body: "x" } }, sees: [/hologram/] },
  {
    name: "new number",
    body: { type: "system", system: { type: "user_changed_number", body: "changed", wa_id: "972547777777" } },
    sees: [/54-777-7777/],
  },
];

function interactive(type: string, reply: object): object {
  return { type: "interactive", interactive: { type, [type]: reply } };
}

export type Sender = { digits: string; name: string };

/** Meta's POST with one message. */
export function webhookOf(sender: Sender, message: { id: string; atSeconds: number; body: object; groupId?: string }): object {
  const { digits, name } = sender;
  const { id, atSeconds, body, groupId } = message;
  const value = {
    messaging_product: "whatsapp",
    metadata: { display_phone_number: "972550000000", phone_number_id: business.phoneNumberId },
    contacts: [{ profile: { name }, wa_id: digits }],
    messages: [{ from: digits, id, timestamp: String(atSeconds), ...(groupId === undefined ? {} : { group_id: groupId }), ...body }],
  };
  return { object: "whatsapp_business_account", entry: [{ id: business.wabaId, changes: [{ field: "messages", value }] }] };
}
