/** What an agent reads about what can be done, by the stable word. Said so that it holds whether or not the message is still being tried. */
import type { ErrorAction } from "../../../contract/messages.ts";
import type { Sentence } from "./error-sentences.ts";

export const actionSentences: Readonly<Record<ErrorAction, Sentence>> = {
  retry_later: {
    he: "אם ההודעה לא יצאה מעצמה, שלחו אותה שוב מאוחר יותר.",
    en: "If the message has not gone out by itself, send it again later.",
    ar: "إن لم تُرسل الرسالة من تلقاء نفسها، فأعد إرسالها لاحقًا.",
  },
  wait_24h: {
    he: "המתינו לפחות 24 שעות ורק אז שלחו שוב.",
    en: "Wait at least 24 hours before you send again.",
    ar: "انتظر 24 ساعة على الأقل قبل إعادة الإرسال.",
  },
  use_template: {
    he: "שלחו תבנית מאושרת, או המתינו עד שהלקוח יכתוב.",
    en: "Send an approved template, or wait until the customer writes.",
    ar: "أرسل قالبًا معتمدًا، أو انتظر حتى يكتب العميل.",
  },
  change_template: {
    he: "תקנו את התבנית או את מה שמולא בה, או בחרו תבנית אחרת.",
    en: "Correct the template or what was filled in, or choose another template.",
    ar: "صحّح القالب أو ما أُدخل فيه، أو اختر قالبًا آخر.",
  },
  fix_request: {
    he: "יש לשנות את ההודעה לפני ששולחים שוב.",
    en: "The message must be changed before it is sent again.",
    ar: "يجب تعديل الرسالة قبل إعادة إرسالها.",
  },
  fix_media: {
    he: "שלחו קובץ מסוג ובגודל שוואטסאפ מקבלת.",
    en: "Send a file of a type and size that WhatsApp takes.",
    ar: "أرسل ملفًا بنوع وحجم يقبلهما واتساب.",
  },
  replace_token: {
    he: "מנהל המערכת צריך לחבר את המספר מחדש.",
    en: "An administrator must connect the number again.",
    ar: "على المسؤول إعادة ربط الرقم.",
  },
  grant_permission: {
    he: "מנהל המערכת צריך לאשר את ההרשאה החסרה ב-Meta.",
    en: "An administrator must grant the missing permission at Meta.",
    ar: "على المسؤول منح الإذن الناقص لدى Meta.",
  },
  register_number: {
    he: "מנהל המערכת צריך לבדוק את רישום המספר ב-Meta.",
    en: "An administrator must check how the number is registered with Meta.",
    ar: "على المسؤول التحقق من تسجيل الرقم لدى Meta.",
  },
  change_account_settings: {
    he: "מנהל המערכת צריך לשנות את ההגדרה בחשבון Meta.",
    en: "An administrator must change the setting in the Meta account.",
    ar: "على المسؤول تغيير الإعداد في حساب Meta.",
  },
  complete_payment: {
    he: "הוסיפו או תקנו את אמצעי התשלום במנהל העסקי של Meta.",
    en: "Add or fix the payment method in Meta Business Manager.",
    ar: "أضف وسيلة الدفع أو أصلحها في مدير أعمال Meta.",
  },
  improve_quality: {
    he: "האטו את השליחה, וכתבו רק ללקוחות שביקשו זאת.",
    en: "Send more slowly, and only to customers who asked for it.",
    ar: "أرسل ببطء أكثر، ولمن طلب ذلك من العملاء فقط.",
  },
  contact_meta: {
    he: "בעל החשבון צריך לפנות ל-Meta דרך המנהל העסקי.",
    en: "The account's owner must take it up with Meta in Business Manager.",
    ar: "على مالك الحساب مراجعة Meta عبر مدير الأعمال.",
  },
  other_channel: {
    he: "פנו ללקוח בדרך אחרת, או המתינו עד שיכתוב.",
    en: "Reach the customer another way, or wait until they write.",
    ar: "تواصل مع العميل بوسيلة أخرى، أو انتظر حتى يكتب.",
  },
  other_recipient: {
    he: "בחרו נמען אחר.",
    en: "Choose another recipient.",
    ar: "اختر مستلمًا آخر.",
  },
  add_test_recipient: {
    he: "הוסיפו את הלקוח לרשימת הנמענים של מספר הבדיקה.",
    en: "Add the customer to the test number's list of recipients.",
    ar: "أضف العميل إلى قائمة مستلمي رقم الاختبار.",
  },
  ask_for_phone: {
    he: "בקשו מהלקוח לשתף את מספר הטלפון.",
    en: "Ask the customer to share the phone number.",
    ar: "اطلب من العميل مشاركة رقم هاتفه.",
  },
  ask_to_resend: {
    he: "בקשו מהלקוח לשלוח שוב.",
    en: "Ask the customer to send it again.",
    ar: "اطلب من العميل الإرسال مرة أخرى.",
  },
  unblock_user: {
    he: "בטלו את חסימת הלקוח ושלחו שוב.",
    en: "Unblock the customer and send again.",
    ar: "ألغِ حظر العميل ثم أعد الإرسال.",
  },
  respect_choice: {
    he: "אל תשלחו ללקוח הזה הודעות שיווק.",
    en: "Send this customer no marketing messages.",
    ar: "لا ترسل إلى هذا العميل رسائل تسويقية.",
  },
  verify_identity: {
    he: "ודאו שזה עדיין אותו לקוח לפני שכותבים.",
    en: "Make sure that it is still the same customer before you write.",
    ar: "تأكد من أنه العميل نفسه قبل مراسلته.",
  },
  take_over: {
    he: "קחו אליכם את השיחה ושלחו שוב.",
    en: "Take the conversation over and send again.",
    ar: "تولَّ المحادثة ثم أعد الإرسال.",
  },
  write_instead: {
    he: "כתבו ללקוח במקום להתקשר.",
    en: "Write to the customer instead of calling.",
    ar: "اكتب إلى العميل بدلًا من الاتصال.",
  },
  nothing: {
    he: "אין צורך לעשות דבר.",
    en: "Nothing needs to be done.",
    ar: "لا حاجة لفعل شيء.",
  },
};
