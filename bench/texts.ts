/** Names and texts of 40 to 200 characters in Hebrew and English (and Arabic, for the inbox), as JSON strings that are escaped like Meta's (ASCII only). */
import { createRandom } from "../src/sandbox/random.ts";
import type { Random } from "./world.ts";

export const hebrew =
  "שלום רציתי לשאול האם החנות פתוחה היום ומתי אפשר לבוא תודה רבה מחכה לתשובה יש לכם משלוח לבית ההזמנה שלי עוד לא הגיעה אפשר חשבונית בבקשה כמה זה עולה מחר בבוקר".split(
    " ",
  );
export const english =
  "hello I would like to know whether my order has been shipped yet because the tracking page shows nothing since Monday thanks a lot please send me the invoice when can I come by".split(
    " ",
  );
export const arabic =
  "مرحبا أردت أن أسأل عن الطلب متى يصل إلى البيت شكرا جزيلا هل المتجر مفتوح اليوم أحتاج فاتورة من فضلك كم السعر مع التوصيل".split(" ");
const firstNames = ["נועה", "Yossi", "דניאל", "Maya", "אורי", "Dana", "תמר", "Amir", "רוני", "Lior"];
const lastNames = ["לוי", "Cohen", "מזרחי", "Peretz", "ביטון", "Katz", "פרידמן", "Haddad"];
const textCount = 4_096;

export function makeTexts(): readonly string[] {
  const random = createRandom(7);
  return Array.from({ length: textCount }, (_, index) =>
    escaped(sentence(random, index % 2 === 0 ? hebrew : english, 40 + Math.floor(random() * 160))),
  );
}

export function profileName(contact: number): string {
  return `${pick(firstNames, contact)} ${pick(lastNames, Math.floor(contact / firstNames.length))}`;
}

export function escaped(text: string): string {
  return JSON.stringify(text).replaceAll(/[^ -~]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** `length` characters of these words, in any order. */
export function sentence(random: Random, words: readonly string[], length: number): string {
  let text = "";
  while (text.length < length) text += `${pick(words, Math.floor(random() * words.length))} `;
  return text.slice(0, length - 1) + ".";
}

function pick(list: readonly string[], index: number): string {
  return list[index % list.length] ?? "";
}
