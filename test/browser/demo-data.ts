/** A florist's day for the pictures of the inbox: who wrote what, what was answered, and what went wrong. Times are told in minutes before now. */
import type { Page } from "playwright-core";
import { until } from "../support/program.ts";
import { ask, control, waitMs, type BrowserSandbox } from "./sandbox.ts";

const minuteMs = 60_000;

type Line = { ago: number; type?: string; text?: string; extra?: object; bytes?: string; mimeType?: string; filename?: string };
type Customer = { phone: string; name: string; lines: readonly Line[]; answers?: readonly string[] };

const customers: readonly Customer[] = [
  {
    phone: "972545550101",
    name: "أحمد ناصر",
    lines: [{ ago: 1_330, text: "هل عندكم باقات بأقل من 150 شيكل؟" }],
  },
  { phone: "442079460958", name: "Emma Clarke", lines: [{ ago: 4_400, text: "Lovely, see you on Thursday at 10:30 then." }] },
  { phone: "972545550105", name: "סיוון מזרחי", lines: [{ ago: 2_930, text: "תודה רבה! הזר היה מהמם" }] },
  {
    phone: "972545550106",
    name: "رنا خوري",
    lines: [{ ago: 190, text: "أريد إلغاء الطلب 20418 من فضلك" }],
    answers: ["تم الإلغاء، والمبلغ يعود خلال 3 أيام."],
  },
  {
    phone: "12025550143",
    name: "Daniel Cohen-Rivera",
    lines: [
      { ago: 130, text: "Hi! Do you deliver to Haifa on *Friday mornings*?" },
      { ago: 128, text: "It's for my mother, order #20455 https://flowers.example/o/20455" },
    ],
    answers: ["Yes, between 08:00 and 11:00. Delivery is ₪35."],
  },
  {
    phone: "972545550109",
    name: "יעל בן־דוד",
    lines: [
      { ago: 60, text: "היי, אפשר זר ורוד למחר ב־9:30?" },
      { ago: 59, text: "לרחוב הרצל 14, דירה 6" },
    ],
  },
  {
    phone: "972545550110",
    name: "مريم حداد",
    lines: [
      { ago: 45, text: "مرحبا، كم سعر باقة الورد الأحمر الكبيرة؟" },
      { ago: 44, type: "location" },
    ],
    answers: ["أهلاً مريم! الباقة الكبيرة بـ 240 ₪، والتوصيل 35 ₪."],
  },
];

/** The conversation that most pictures show. */
const noa = "972545550111";
const closedPhone = "972545550107";
const failedPhone = "972545550108";

/** The sandbox's own list of customers, as the browser keeps it. */
export const demoPhones = JSON.stringify([
  { digits: noa, name: "נועה לוי" },
  ...customers.map(({ phone, name }) => ({ digits: phone, name })),
]);

export type DemoIds = { noa: string; closed: string; failed: string; mariam: string; connection: string };

/** Writes it all through the real webhook and API, and waits until it is there. */
export async function seedDemo(page: Page, { post }: Pick<BrowserSandbox, "post">): Promise<DemoIds> {
  await setUpBusiness(page);
  for (const { phone, name, lines } of customers) for (const line of lines) await write(page, phone, name, line);
  await write(page, closedPhone, "אורי גולן", { ago: 1_560, text: "אני אחשוב על זה ואחזור אליכם" });
  await write(page, failedPhone, "Lena Weiss", { ago: 25, text: "Where is my parcel? Tracking says delivered" });
  const answered = await tellNoasStory(page);
  for (const { phone, answers = [] } of customers) {
    for (const body of answers) answered.push(await answer(page, await conversationOf(page, phone), body));
  }
  await Promise.all(answered.map((id) => becomes(page, id, "read")));
  for (const { phone, answers = [] } of customers)
    if (answers.length > 0) await ask(page, "POST", `/api/v1/conversations/${await conversationOf(page, phone)}/read`, {});
  const failed = await conversationOf(page, failedPhone);
  await control(page, "POST", "faults", { rules: [{ fault: { kind: "fails", code: 131_026 }, times: 1 }] });
  await becomes(page, await answer(page, failed, "So sorry about that! Let me check with the courier."), "failed");
  await post(strange("wamid.demo.1", "987654321"));
  await post(strange("wamid.demo.2", "987654321"));
  await control(page, "POST", "states", { qualityRating: "YELLOW" });
  const { data } = await ask(page, "GET", "/api/v1/connections");
  await ask(page, "POST", `/api/v1/connections/${data[0].id}/setup`, {});
  return {
    noa: await conversationOf(page, noa),
    closed: await conversationOf(page, closedPhone),
    failed,
    mariam: await conversationOf(page, "972545550110"),
    connection: data[0].id,
  };
}

async function setUpBusiness(page: Page): Promise<void> {
  const [tenant] = (await ask(page, "GET", "/api/v1/tenants")).data;
  await ask(page, "PATCH", `/api/v1/tenants/${tenant.id}`, { name: "פרחי כרמל" });
  for (const [name, colour] of [
    ["VIP", "violet"],
    ["משלוח", "teal"],
    ["שכחו אותי", "red"],
    ["طلبية", "amber"],
  ]) {
    await ask(page, "POST", "/api/v1/labels", { name, colour });
  }
  await ask(page, "POST", "/api/v1/canned-replies", {
    shortcut: "שעות",
    texts: { he: "אנחנו פתוחים א׳–ה׳ 8:00–19:00, ו׳ עד 14:00.", en: "We are open Sun–Thu 8:00–19:00, Fri until 14:00." },
  });
  await ask(page, "POST", "/api/v1/canned-replies", { shortcut: "delivery", texts: { en: "Hi {{name}}, delivery in the city is ₪35." } });
  await ask(page, "POST", "/api/v1/api-keys", { name: "CRM", scopes: ["read", "send"] });
  await ask(page, "POST", "/api/v1/endpoints", { name: "CRM", url: "http://127.0.0.1:9/hooks/kesher", form: "events" });
  await ask(page, "POST", "/api/v1/invitations", { email: "maya@flowers.example", role: "agent" });
}

/** Answers which messages are ours. */
async function tellNoasStory(page: Page): Promise<string[]> {
  const name = "נועה לוי";
  await write(page, noa, name, { ago: 2_900, text: "שלום, אפשר להזמין זר ליום שישי?" });
  await write(page, noa, name, { ago: 16, text: "היי! ראיתי את המודעה שלכם. *כמה עולה* זר כזה?", extra: ad });
  const picture = await drawBouquet(page);
  await write(page, noa, name, { ago: 15, type: "image", text: "משהו כזה, בגוונים של ורוד", bytes: picture, mimeType: "image/jpeg" });
  const id = await conversationOf(page, noa);
  const first = await answer(page, id, "היי נועה! זר כזה עולה 180 ₪ כולל אגרטל\nאפשר גם גדול יותר ב־_240 ₪_.");
  await write(page, noa, name, { ago: 0, type: "order", text: "זה מה שאני רוצה", extra: order });
  await write(page, noa, name, { ago: 0, text: "אפשר משלוח עד 10:30? הטלפון שלי 052-555-0111" });
  const second = await answer(page, id, "בטח, השליח יתקשר לפני שהוא מגיע.");
  const { data } = await ask(page, "GET", "/api/v1/labels");
  const labelIds = data.filter((label: { name: string }) => ["VIP", "משלוח"].includes(label.name)).map((label: { id: string }) => label.id);
  await ask(page, "POST", `/api/v1/conversations/${id}/labels`, { add: labelIds });
  await ask(page, "POST", `/api/v1/conversations/${id}/notes`, { body: "לקוחה קבועה, לתת 10% הנחה." });
  const { person } = await ask(page, "GET", "/api/v1/session");
  await ask(page, "PATCH", `/api/v1/conversations/${id}`, { assigneeId: person.id });
  const { messages } = await control(page, "GET", `phones/${noa}/chat`);
  const last = messages.findLast((one: { direction: string }) => one.direction === "fromBusiness");
  await control(page, "POST", `phones/${noa}/react`, { waMessageId: last.waMessageId, emoji: "❤️" });
  return [first, second];
}

const ad = {
  referral: {
    source_url: "https://fb.example/ad/20418",
    source_type: "ad",
    source_id: "120210000000",
    headline: "זר ורדים ליום האם",
    body: "משלוח באותו יום בכל האזור",
    media_type: "image",
  },
};
const order = {
  order: {
    catalog_id: "55",
    text: "זה מה שאני רוצה",
    product_items: [
      { product_retailer_id: "BOUQUET-PINK-L", quantity: 1, item_price: 180, currency: "ILS" },
      { product_retailer_id: "CARD", quantity: 2, item_price: 9.5, currency: "ILS" },
    ],
  },
};

async function write(page: Page, phone: string, name: string, { ago, type = "text", ...line }: Line): Promise<void> {
  await control(page, "POST", `phones/${phone}/messages`, { type, name, ...line, atMs: Date.now() - ago * minuteMs });
}

async function conversationOf(page: Page, waId: string): Promise<string> {
  let id = "";
  await until(`${waId} is there`, waitMs, async () => {
    id = (await ask(page, "GET", `/api/v1/conversations?waId=${waId}`)).data[0]?.id ?? "";
    return id !== "";
  });
  return id;
}

/** Accepted by Meta, and so in its place between what the customer writes. */
async function answer(page: Page, conversationId: string, body: string): Promise<string> {
  const { id } = await ask(page, "POST", "/api/v1/messages", { conversationId, content: { type: "text", body } });
  await until("the answer is accepted", waitMs, async () => (await ask(page, "GET", `/api/v1/messages/${id}`)).waMessageId !== null);
  return id;
}

async function becomes(page: Page, id: string, goal: string): Promise<void> {
  await until(`the answer is ${goal}`, waitMs, async () => (await ask(page, "GET", `/api/v1/messages/${id}`)).status === goal);
}

/** Of an account that nobody has connected. */
function strange(id: string, wabaId: string): object {
  const value = {
    messaging_product: "whatsapp",
    metadata: { display_phone_number: "972550000009", phone_number_id: "123456789" },
    contacts: [{ profile: { name: "Tom" }, wa_id: "972545550199" }],
    messages: [{ from: "972545550199", id, timestamp: String(Math.floor(Date.now() / 1_000)), type: "text", text: { body: "Hello?" } }],
  };
  return { object: "whatsapp_business_account", entry: [{ id: wabaId, changes: [{ field: "messages", value }] }] };
}

/** A picture that nobody has the rights to: petals on a canvas. JPEG in base64. */
async function drawBouquet(page: Page): Promise<string> {
  return page.evaluate<string>(`(() => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 420 });
    const pen = canvas.getContext("2d");
    const sky = pen.createLinearGradient(0, 0, 0, 420);
    sky.addColorStop(0, "#fdf2f8"); sky.addColorStop(1, "#dcfce7");
    pen.fillStyle = sky; pen.fillRect(0, 0, 640, 420);
    let seed = 7;
    const next = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
    const tones = ["#ec4899", "#f472b6", "#be185d", "#fbcfe8", "#fb7185"];
    for (let flower = 0; flower < 26; flower += 1) {
      const x = 180 + next() * 280, y = 60 + next() * 190, size = 20 + next() * 22;
      pen.strokeStyle = "#15803d"; pen.lineWidth = 4; pen.beginPath(); pen.moveTo(x, y); pen.quadraticCurveTo(320, 300, 320, 400); pen.stroke();
      pen.fillStyle = tones[flower % tones.length];
      for (let petal = 0; petal < 7; petal += 1) {
        const turn = (petal / 7) * Math.PI * 2;
        pen.beginPath(); pen.ellipse(x + Math.cos(turn) * size * 0.6, y + Math.sin(turn) * size * 0.6, size * 0.55, size * 0.36, turn, 0, 7); pen.fill();
      }
      pen.fillStyle = "#fde68a"; pen.beginPath(); pen.arc(x, y, size * 0.3, 0, 7); pen.fill();
    }
    return canvas.toDataURL("image/jpeg", 0.85).split(",")[1];
  })()`);
}
