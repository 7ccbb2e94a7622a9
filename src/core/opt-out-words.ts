/**
 * Words by which a customer ends marketing messages or asks for them again. A word counts only when it is the whole message: "stop the
 * delivery" is no opt-out. Words that mean too much else (cancel, end, quit; ביטול) are left out; a tenant may have them.
 */
export type Said = "stop" | "resume";
/** Null: ours. */
export type OptOutWords = { stop: readonly string[] | null; resume: readonly string[] | null };

/** A line for each language. */
export const ourStopWords = listed(
  "הסר, הסרה, הסר אותי, הסירו, הסירו אותי, תסירו אותי, להסרה, להסרה מהרשימה, הסרה מרשימת התפוצה",
  "הפסק, הפסיקו, תפסיקו, הפסקה, להפסיק, הפסק לשלוח, ביטול הרשמה, ביטול דיוור, הפסקת פרסומות, הפסק פרסומות",
  "stop, stop all, stop promotions, stop messages, stop marketing, unsubscribe, unsubscribe me, opt out, remove me",
  "إيقاف, أوقف, توقف, أوقفوا, إلغاء الاشتراك, ألغ الاشتراك, إلغاء اشتراكي, إيقاف الرسائل, إيقاف العروض, إزالة",
  "стоп, отписаться, отписка, отпишите, отпишите меня, отменить подписку",
  "baja, darme de baja, dar de baja, cancelar suscripción, detener promociones",
  "parar, descadastrar, parar promoções",
  "désabonner, me désabonner, se désabonner, désinscription, arrêter les promotions",
  "stopp, abmelden, abbestellen",
);

export const ourResumeWords = listed(
  "התחל, הצטרף, הצטרפות, הרשמה לדיוור, חידוש דיוור",
  "start, unstop, subscribe, resubscribe, opt in, start promotions, resume promotions",
  "ابدأ, بدء, اشتراك, اشترك, استئناف العروض",
  "старт, подписаться, возобновить подписку",
  "alta, suscribirme, reanudar promociones",
  "inscrever",
  "réabonner, me réabonner",
  "anmelden",
);

function listed(...lines: readonly string[]): readonly string[] {
  return lines.flatMap((line) => line.split(", "));
}

/** What one of these texts says, taken whole; `stop` goes first. On the path in, so a text that is too long for any word costs nothing. */
export function wordOf(texts: readonly (string | null)[], words: OptOutWords): Said | null {
  const [stop, resume] = [setOf(words.stop ?? ourStopWords), setOf(words.resume ?? ourResumeWords)];
  const longest = Math.max(stop.charsMax, resume.charsMax);
  let said: Said | null = null;
  for (const text of texts) {
    if (text === null || text.length > longest) continue;
    const word = normaliseWord(text);
    if (stop.words.has(word)) return "stop";
    if (resume.words.has(word)) said = "resume";
  }
  return said;
}

/**
 * Letters and digits alone, in one form for all spellings: without case, accents, niqqud, tashkeel, tatweel, marks of direction, spaces,
 * punctuation and emoji; alef, ya and ta marbuta in one shape each, as people type them.
 */
export function normaliseWord(text: string): string {
  if (/^[\s!-~]*$/.test(text)) return text.toLowerCase().replaceAll(/[^a-z0-9]+/g, "");
  return text
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]|\u0640/gu, "")
    .replaceAll(/[\u0671\u0649\u06CC\u0629\u06A9]/g, (letter) => shapes.get(letter) ?? letter);
}

/** Letters that have no decomposition: wasla, alef maksura, the Persian ya and kaf, ta marbuta. */
const shapes: ReadonlyMap<string, string> = new Map([
  ["\u0671", "\u0627"],
  ["\u0649", "\u064A"],
  ["\u06CC", "\u064A"],
  ["\u0629", "\u0647"],
  ["\u06A9", "\u0643"],
]);

/** Where in a message's content a word may stand: what was typed, or the button that was tapped; of an edit, what it says now. */
export function textsIn(content: unknown): (string | null)[] {
  if (typeof content !== "object" || content === null || !("kind" in content)) return [];
  const field = (name: string): string | null => {
    const value: unknown = Reflect.get(content, name);
    return typeof value === "string" ? value : null;
  };
  switch (content.kind) {
    case "text":
      return [field("body")];
    case "button":
      return [field("text"), field("payload")];
    case "button_reply":
    case "list_reply":
      return [field("title"), field("id")];
    case "edit":
      return textsIn(innerOf(content));
    default:
      return [];
  }
}

/** An edit holds no edit. */
function innerOf(content: object): unknown {
  const inner: unknown = Reflect.get(content, "message");
  const isEdit = typeof inner === "object" && inner !== null && Reflect.get(inner, "kind") === "edit";
  return isEdit ? null : inner;
}

/** `charsMax`: more than these a text that says one of the words does not have, with all its marks, spaces and exclamation marks. */
type WordSet = { words: ReadonlySet<string>; charsMax: number };
/** Lists are few and read once for a batch: each is put in order once. */
const sets = new WeakMap<readonly string[], WordSet>();
/** A letter with its niqqud or tashkeel. */
const charsPerLetter = 3;
const ornamentChars = 10;

function setOf(list: readonly string[]): WordSet {
  const known = sets.get(list);
  if (known !== undefined) return known;
  const words = new Set(list.map(normaliseWord));
  const made = { words, charsMax: Math.max(0, ...Array.from(words, ({ length }) => length)) * charsPerLetter + ornamentChars };
  sets.set(list, made);
  return made;
}
