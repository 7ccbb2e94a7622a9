/** What Meta, or its silence, can hold against a number. */
import type { ConnectionProblem, Sentence } from "./connection-problems.ts";

const seeManager: Sentence = {
  he: "פתחו את מנהל הוואטסאפ של Meta, ובדקו שם מה נדרש.",
  en: "Open Meta's WhatsApp Manager and see there what is asked for.",
  ar: "افتح مدير واتساب من Meta واطّلع هناك على المطلوب.",
};
const nothing: Sentence = { he: "אין צורך לעשות דבר.", en: "Nothing needs to be done.", ar: "لا حاجة إلى فعل شيء." };

export const numberProblems = {
  number_gone: {
    state: "problem",
    sentence: {
      he: "Meta אינה מוצאת את המספר הזה: הוא נמחק או הועבר.",
      en: "Meta does not find this number: it was deleted or moved.",
      ar: "لا تجد Meta هذا الرقم: حُذف أو نُقل.",
    },
    action: {
      he: "חברו את המספר מחדש, או נתקו אותו.",
      en: "Connect the number anew, or disconnect it.",
      ar: "اربط الرقم من جديد أو افصله.",
    },
  },
  number_not_registered: {
    state: "problem",
    sentence: {
      he: "המספר אינו רשום ב-Cloud API, ולכן אי אפשר לשלוח או לקבל.",
      en: "The number is not registered with the Cloud API: it can neither send nor receive.",
      ar: "الرقم غير مسجّل في Cloud API، فلا يمكنه الإرسال ولا الاستقبال.",
    },
    action: {
      he: "רשמו אותו: ״המשך הגדרה״, עם קוד ה-PIN של המספר אם יש כזה.",
      en: "Register it: “Continue set-up”, with the number's PIN if it has one.",
      ar: "سجّله: «متابعة الإعداد» مع رمز PIN للرقم إن وُجد.",
    },
  },
  number_flagged: {
    state: "warning",
    sentence: {
      he: "Meta סימנה את המספר בגלל איכות נמוכה. אם לא ישתפר, מגבלת ההודעות שלו תרד.",
      en: "Meta has flagged the number for low quality. If it does not improve, its messaging limit falls.",
      ar: "وسمت Meta الرقم بسبب جودة منخفضة. إن لم تتحسن فسينخفض حد رسائله.",
    },
    action: {
      he: "האטו דיוור שיווקי, ושלחו רק למי שביקש.",
      en: "Slow down marketing messages, and write only to people who asked for it.",
      ar: "خفّف الرسائل التسويقية ولا تراسل إلا من طلب ذلك.",
    },
  },
  number_restricted: {
    state: "problem",
    sentence: {
      he: "Meta הגבילה את המספר: הגיע למגבלת ההודעות שלו.",
      en: "Meta has restricted the number: it has reached its messaging limit.",
      ar: "قيّدت Meta الرقم: بلغ حد رسائله.",
    },
    action: seeManager,
  },
  number_banned: {
    state: "problem",
    sentence: {
      he: "Meta חסמה את המספר.",
      en: "Meta has banned the number.",
      ar: "حظرت Meta الرقم.",
    },
    action: {
      he: "הגישו ערעור במנהל הוואטסאפ של Meta.",
      en: "Appeal in Meta's WhatsApp Manager.",
      ar: "قدّم اعتراضًا في مدير واتساب من Meta.",
    },
  },
  sending_blocked: {
    state: "problem",
    sentence: {
      he: "Meta אינה מאפשרת כרגע לשלוח מהמספר הזה.",
      en: "Meta does not let this number send at present.",
      ar: "لا تسمح Meta حاليًا لهذا الرقم بالإرسال.",
    },
    action: seeManager,
  },
  sending_limited: {
    state: "warning",
    sentence: {
      he: "Meta מגבילה את השליחה מהמספר הזה.",
      en: "Meta limits what this number may send.",
      ar: "تقيّد Meta ما يمكن لهذا الرقم إرساله.",
    },
    action: seeManager,
  },
  quality_low: {
    state: "problem",
    sentence: {
      he: "איכות המספר נמוכה: לקוחות רבים חסמו אותו או דיווחו עליו.",
      en: "The number's quality is low: many customers have blocked or reported it.",
      ar: "جودة الرقم منخفضة: حظره أو أبلغ عنه عملاء كثيرون.",
    },
    action: {
      he: "האטו דיוור שיווקי, ושלחו רק למי שביקש.",
      en: "Slow down marketing messages, and write only to people who asked for it.",
      ar: "خفّف الرسائل التسويقية ولا تراسل إلا من طلب ذلك.",
    },
  },
  quality_medium: {
    state: "warning",
    sentence: {
      he: "איכות המספר ירדה לבינונית.",
      en: "The number's quality has fallen to medium.",
      ar: "انخفضت جودة الرقم إلى متوسطة.",
    },
    action: {
      he: "בדקו אילו תבניות גורמות לחסימות.",
      en: "See which templates make people block you.",
      ar: "تحقق من القوالب التي تدفع الناس إلى حظرك.",
    },
  },
  name_pending: {
    state: "warning",
    sentence: {
      he: "שם התצוגה ממתין לאישור של Meta.",
      en: "The display name waits for Meta's approval.",
      ar: "اسم العرض ينتظر موافقة Meta.",
    },
    action: nothing,
  },
  name_declined: {
    state: "problem",
    sentence: {
      he: "Meta דחתה את שם התצוגה.",
      en: "Meta has declined the display name.",
      ar: "رفضت Meta اسم العرض.",
    },
    action: {
      he: "הגישו שם אחר במנהל הוואטסאפ של Meta.",
      en: "Submit another name in Meta's WhatsApp Manager.",
      ar: "قدّم اسمًا آخر في مدير واتساب من Meta.",
    },
  },
  name_expired: {
    state: "problem",
    sentence: {
      he: "האישור של שם התצוגה פג, כי המספר לא נרשם איתו בזמן.",
      en: "The approval of the display name has expired, since the number was not registered with it in time.",
      ar: "انتهت صلاحية الموافقة على اسم العرض لأن الرقم لم يُسجّل به في الوقت المناسب.",
    },
    action: {
      he: "הגישו את השם מחדש, ורשמו את המספר בתוך 14 יום מהאישור.",
      en: "Submit the name again, and register the number within 14 days of the approval.",
      ar: "قدّم الاسم مجددًا وسجّل الرقم خلال 14 يومًا من الموافقة.",
    },
  },
  on_standby: {
    state: "warning",
    sentence: {
      he: "שיחות של המספר הזה נמצאות בידי מערכת אחרת; אנחנו רואים אותן, אבל איננו יכולים לענות.",
      en: "Conversations of this number are held by another system: we see them, but cannot answer.",
      ar: "محادثات هذا الرقم بيد نظام آخر: نراها لكن لا يمكننا الرد.",
    },
    action: {
      he: "בדקו במנהל הוואטסאפ איזו אפליקציה מנהלת את השיחות.",
      en: "See in Meta's WhatsApp Manager which app owns the conversations.",
      ar: "تحقق في مدير واتساب من التطبيق الذي يدير المحادثات.",
    },
  },
  silent: {
    state: "problem",
    sentence: {
      he: "לא הגיע דבר מ-Meta זמן רב מהרגיל לשעות האלה.",
      en: "Nothing has come from Meta for longer than is usual at this time.",
      ar: "لم يصل شيء من Meta منذ مدة أطول من المعتاد في هذا الوقت.",
    },
    action: {
      he: "שלחו למספר הודעת ניסיון. אם אינה מגיעה, בדקו את כתובת ה-webhook באפליקציה של Meta.",
      en: "Write a test message to the number. If it does not arrive, check the callback address in the Meta app.",
      ar: "أرسل رسالة تجريبية إلى الرقم. إن لم تصل فتحقق من عنوان الاستدعاء في تطبيق Meta.",
    },
  },
} as const satisfies Record<string, ConnectionProblem>;
