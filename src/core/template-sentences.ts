/** What a template's status means to the people who want to send it; null when they can. */
import type { TemplateStatus } from "../contract/templates.ts";

export type Sentence = { he: string; en: string; ar: string };

export function templateSentence(status: TemplateStatus): Sentence | null {
  return sentences[status];
}

const sentences: Readonly<Record<TemplateStatus, Sentence | null>> = {
  approved: null,
  unknown: {
    he: "עדיין לא ידוע אם אפשר לשלוח את התבנית. סנכרנו את התבניות.",
    en: "It is not known yet whether this template can be sent. Sync the templates.",
    ar: "لا يُعرف بعد هل يمكن إرسال هذا القالب. زامن القوالب.",
  },
  pending: {
    he: "התבנית ממתינה לאישור של מטא. אפשר יהיה לשלוח אותה אחרי האישור.",
    en: "This template waits for Meta's approval. It can be sent once it is approved.",
    ar: "ينتظر هذا القالب موافقة ميتا. يمكن إرساله بعد الموافقة عليه.",
  },
  flagged: {
    he: "לקוחות דיווחו על התבנית או חסמו אתכם בגללה. אפשר עדיין לשלוח אותה, אבל מטא עלולה להשהות אותה.",
    en: "Customers have reported or blocked this template. It can still be sent, but Meta may pause it.",
    ar: "أبلغ عملاء عن هذا القالب أو حظروه. ما زال إرساله ممكنًا، لكن ميتا قد توقفه مؤقتًا.",
  },
  locked: {
    he: "התבנית נעולה לעריכה.",
    en: "This template is locked and cannot be edited.",
    ar: "هذا القالب مقفل ولا يمكن تعديله.",
  },
  limit_exceeded: {
    he: "לחשבון יש יותר תבניות מהמותר. מחקו תבניות שאינן בשימוש.",
    en: "The account has more templates than Meta allows. Delete some that are not used.",
    ar: "لدى الحساب قوالب أكثر مما تسمح به ميتا. احذف قوالب غير مستخدمة.",
  },
  rejected: {
    he: "מטא דחתה את התבנית. תקנו אותה ושלחו אותה שוב לאישור.",
    en: "Meta has rejected this template. Correct it and submit it again.",
    ar: "رفضت ميتا هذا القالب. صححه وأرسله للموافقة من جديد.",
  },
  in_appeal: {
    he: "ערעור על דחיית התבנית נמצא בבדיקה אצל מטא.",
    en: "An appeal against the rejection of this template is being looked at by Meta.",
    ar: "تنظر ميتا في اعتراض على رفض هذا القالب.",
  },
  paused: {
    he: "מטא השהתה את התבנית בגלל איכות נמוכה. בחרו תבנית אחרת עד שההשהיה תסתיים.",
    en: "Meta has paused this template because of low quality. Choose another one until the pause ends.",
    ar: "أوقفت ميتا هذا القالب مؤقتًا بسبب جودته المنخفضة. اختر قالبًا آخر حتى ينتهي الإيقاف.",
  },
  archived: {
    he: "התבנית הועברה לארכיון כי לא הייתה בשימוש. שחזרו אותה במטא כדי לשלוח אותה.",
    en: "This template was archived because it was not used. Unarchive it at Meta to send it.",
    ar: "أُرشف هذا القالب لأنه لم يُستخدم. ألغِ أرشفته لدى ميتا لإرساله.",
  },
  disabled: {
    he: "מטא השביתה את התבנית. צרו תבנית חדשה.",
    en: "Meta has disabled this template. Create a new one.",
    ar: "عطّلت ميتا هذا القالب. أنشئ قالبًا جديدًا.",
  },
  pending_deletion: {
    he: "התבנית עומדת להימחק.",
    en: "This template is about to be deleted.",
    ar: "سيُحذف هذا القالب قريبًا.",
  },
  deleted: {
    he: "התבנית נמחקה במטא.",
    en: "This template was deleted at Meta.",
    ar: "حُذف هذا القالب لدى ميتا.",
  },
};
