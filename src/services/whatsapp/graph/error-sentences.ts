/** What an agent reads when Meta says no: what happened and whose fault it is. Meta's own titles change; these do not. What to do is `error-actions.ts`. */
export type Sentence = { readonly he: string; readonly en: string; readonly ar: string };

export const errorSentences = {
  unknown: {
    he: "וואטסאפ סירבה לשלוח את ההודעה מסיבה שאיננו מכירים. נסו שוב, ואם זה חוזר פנו למנהל המערכת.",
    en: "WhatsApp refused the message for a reason we do not know. Try again; if it happens again, ask your administrator.",
    ar: "رفض واتساب الرسالة لسبب لا نعرفه. حاول مرة أخرى، وإذا تكرر ذلك فتواصل مع مسؤول النظام.",
  },
  tokenInvalid: {
    he: "החיבור לוואטסאפ פג או בוטל. מנהל המערכת צריך לחבר את המספר מחדש.",
    en: "The connection to WhatsApp has expired or was revoked. An administrator must connect the number again.",
    ar: "انتهت صلاحية الاتصال بواتساب أو أُلغي. على المسؤول إعادة ربط الرقم.",
  },
  permissionMissing: {
    he: "לחיבור שלנו חסרה הרשאה לפעולה הזו. מנהל המערכת צריך לאשר אותה בהגדרות של Meta.",
    en: "Our connection lacks a permission for this. An administrator must grant it in Meta's settings.",
    ar: "ينقص اتصالنا إذن لهذا الإجراء. على المسؤول منحه في إعدادات Meta.",
  },
  metaDown: {
    he: "הייתה תקלה זמנית ב-Meta.",
    en: "Meta had a temporary problem.",
    ar: "حدثت لدى Meta مشكلة مؤقتة.",
  },
  tooFast: {
    he: "נשלחו יותר מדי בקשות בזמן קצר.",
    en: "We sent too much in a short time.",
    ar: "أرسلنا الكثير في وقت قصير.",
  },
  tooFastToUser: {
    he: "נשלחו ללקוח הזה יותר מדי הודעות ברצף.",
    en: "This customer was sent too many messages in a row.",
    ar: "أُرسلت إلى هذا العميل رسائل كثيرة متتالية.",
  },
  badRequest: {
    he: "ההודעה נבנתה באופן שוואטסאפ אינה מקבלת. זו תקלה אצלנו; פנו למנהל המערכת.",
    en: "The message was put together in a way WhatsApp does not accept. The fault is ours; tell your administrator.",
    ar: "صيغت الرسالة بطريقة لا يقبلها واتساب. الخطأ من جانبنا؛ أبلغ مسؤول النظام.",
  },
  accountBlocked: {
    he: "Meta הגבילה או נעלה את החשבון העסקי. בעל החשבון צריך לטפל בכך במנהל העסקי של Meta.",
    en: "Meta has restricted or locked the business account. Its owner must resolve this in Meta Business Manager.",
    ar: "قيّدت Meta الحساب التجاري أو أقفلته. على مالكه معالجة ذلك في مدير أعمال Meta.",
  },
  userBlockedByUs: {
    he: "חסמתם את הלקוח הזה. בטלו את החסימה כדי לכתוב לו.",
    en: "You have blocked this customer. Unblock them to write to them.",
    ar: "لقد حظرت هذا العميل. ألغِ الحظر لتتمكن من مراسلته.",
  },
  metaExperiment: {
    he: "Meta בחרה שלא למסור הודעות שיווק ללקוח הזה כרגע. אין טעם לשלוח שוב; המתינו שהלקוח יכתוב.",
    en: "Meta chose not to deliver marketing messages to this customer for now. Sending again is no use; wait until they write.",
    ar: "اختارت Meta عدم تسليم رسائل التسويق لهذا العميل حاليًا. لا فائدة من إعادة الإرسال؛ انتظر حتى يكتب العميل.",
  },
  countryRestricted: {
    he: "החשבון העסקי אינו רשאי לשלוח למדינה של הלקוח. בדקו את המגבלות בחשבון Meta.",
    en: "The business account may not send to the customer's country. Check the restrictions in your Meta account.",
    ar: "لا يُسمح للحساب التجاري بالإرسال إلى بلد العميل. راجع القيود في حساب Meta.",
  },
  sameNumber: {
    he: "אי אפשר לשלוח הודעה למספר העסקי עצמו. בחרו לקוח אחר.",
    en: "A number cannot write to itself. Choose another customer.",
    ar: "لا يمكن للرقم أن يراسل نفسه. اختر عميلًا آخر.",
  },
  undeliverable: {
    he: "לא ניתן למסור ללקוח הזה: אין לו וואטסאפ, הגרסה שלו ישנה או שלא אישר את התנאים. נסו דרך אחרת.",
    en: "This customer cannot be reached: no WhatsApp, an old version, or terms not accepted. Try another way.",
    ar: "تعذر الوصول إلى هذا العميل: لا يملك واتساب أو إصداره قديم أو لم يقبل الشروط. جرّب وسيلة أخرى.",
  },
  notOnTestList: {
    he: "מספר הבדיקה יכול לכתוב רק לנמענים שברשימה. הוסיפו את הלקוח לרשימה בהגדרות האפליקציה.",
    en: "A test number may write only to listed recipients. Add the customer to the list in the app's settings.",
    ar: "لا يراسل رقم الاختبار إلا المستلمين المدرجين. أضف العميل إلى القائمة في إعدادات التطبيق.",
  },
  notKept: {
    he: "Meta לא שמרה את ההודעה ולכן אבדה. בקשו מהלקוח לשלוח שוב ובדקו את הגדרת אי-השמירה.",
    en: "Meta did not keep the message, so it is lost. Ask the customer to send it again, and check the No-Storage setting.",
    ar: "لم تحتفظ Meta بالرسالة ففُقدت. اطلب من العميل إعادة إرسالها وراجع إعداد عدم التخزين.",
  },
  displayName: {
    he: "למספר אין עדיין שם תצוגה מאושר. הגדירו שם במנהל וואטסאפ של Meta.",
    en: "The number has no approved display name yet. Set one in Meta's WhatsApp Manager.",
    ar: "لا يملك الرقم اسم عرض معتمدًا بعد. عيّن اسمًا في مدير واتساب لدى Meta.",
  },
  payment: {
    he: "יש בעיה באמצעי התשלום של החשבון. הוסיפו או תקנו אותו במנהל העסקי של Meta.",
    en: "There is a problem with the account's payment method. Add or fix it in Meta Business Manager.",
    ar: "هناك مشكلة في وسيلة الدفع للحساب. أضفها أو أصلحها في مدير أعمال Meta.",
  },
  notRegistered: {
    he: "המספר העסקי אינו רשום לשליחה. מנהל המערכת צריך לרשום אותו מחדש.",
    en: "The business number is not registered for sending. An administrator must register it again.",
    ar: "رقم النشاط غير مسجّل للإرسال. على المسؤول تسجيله من جديد.",
  },
  windowClosed: {
    he: "עברו יותר מ-24 שעות מההודעה האחרונה של הלקוח. שלחו תבנית מאושרת או המתינו שיכתוב.",
    en: "More than 24 hours have passed since the customer's last message. Send an approved template, or wait until they write.",
    ar: "مضت أكثر من 24 ساعة على آخر رسالة من العميل. أرسل قالبًا معتمدًا أو انتظر حتى يكتب.",
  },
  qualityRestricted: {
    he: "השליחה הוגבלה כי לקוחות רבים חסמו או דיווחו. האטו, ושלחו רק למי שביקש.",
    en: "Sending is restricted because many customers blocked or reported you. Slow down and write only to those who asked.",
    ar: "قُيّد الإرسال لأن عملاء كثيرين حظروكم أو أبلغوا عنكم. خفّفوا الإرسال وراسلوا من طلب ذلك فقط.",
  },
  marketingCap: {
    he: "הלקוח קיבל לאחרונה יותר מדי הודעות שיווק. Meta מגבילה זאת; נסו שוב אחרי יממה לפחות.",
    en: "The customer has had too many marketing messages lately. Meta limits this; try again after a day at the earliest.",
    ar: "تلقى العميل رسائل تسويقية كثيرة مؤخرًا. تحدّ Meta من ذلك؛ حاول بعد يوم على الأقل.",
  },
  marketingOptOut: {
    he: "הלקוח ביקש לא לקבל הודעות שיווק. כבדו זאת; הודעות שירות עדיין אפשריות.",
    en: "The customer asked for no marketing messages. Respect that; service messages are still possible.",
    ar: "طلب العميل عدم تلقي رسائل تسويقية. احترم ذلك؛ ما زالت رسائل الخدمة ممكنة.",
  },
  unsupportedType: {
    he: "וואטסאפ אינה תומכת בסוג ההודעה הזה. שלחו טקסט, תמונה או קובץ במקום.",
    en: "WhatsApp does not support this kind of message here. Send text, an image or a file instead.",
    ar: "لا يدعم واتساب هذا النوع من الرسائل هنا. أرسل نصًا أو صورة أو ملفًا بدلًا منه.",
  },
  inboundMedia: {
    he: "לא הצלחנו לקבל את הקובץ של הלקוח; אולי הוא גדול מדי. בקשו ממנו לשלוח שוב קובץ קטן יותר.",
    en: "The customer's file could not be received; it may be too large. Ask them to send a smaller one.",
    ar: "تعذر استلام ملف العميل؛ ربما حجمه كبير جدًا. اطلب منه إرسال ملف أصغر.",
  },
  outboundMedia: {
    he: "וואטסאפ לא הצליחה לקרוא את הקובץ ששלחתם. בדקו את הסוג והגודל ושלחו שוב.",
    en: "WhatsApp could not read the file you sent. Check its type and size and send it again.",
    ar: "لم يستطع واتساب قراءة الملف الذي أرسلته. تحقق من نوعه وحجمه وأعد إرساله.",
  },
  messageUnavailable: {
    he: "הלקוח כתב, אך Meta אינה יכולה להציג את ההודעה. בקשו ממנו בנימוס לשלוח שוב.",
    en: "The customer wrote, but Meta cannot show the message. Ask them kindly to send it again.",
    ar: "كتب العميل لكن Meta لا تستطيع عرض الرسالة. اطلب منه بلطف إرسالها مجددًا.",
  },
  phoneNeeded: {
    he: "הודעה כזו חייבת מספר טלפון, והלקוח מסתיר את שלו. בקשו ממנו לשתף את המספר.",
    en: "This kind of message needs a phone number, and the customer hides theirs. Ask them to share it.",
    ar: "تحتاج هذه الرسالة إلى رقم هاتف والعميل يخفي رقمه. اطلب منه مشاركته.",
  },
  accountSetting: {
    he: "הגדרה בחשבון Meta מונעת את השליחה הזו. מנהל המערכת צריך לבדוק אותה.",
    en: "A setting of the Meta account forbids this. An administrator must check it.",
    ar: "يمنع أحد إعدادات حساب Meta هذا الإرسال. على المسؤول مراجعته.",
  },
  notOwner: {
    he: "השיחה הזו נמצאת כרגע בידי מערכת אחרת. קחו אליכם את השיחה כדי לענות.",
    en: "Another system holds this conversation at the moment. Take it over to answer.",
    ar: "هذه المحادثة بيد نظام آخر حاليًا. تولَّ المحادثة للرد.",
  },
  templateWrong: {
    he: "התבנית או הפרטים שמולאו בה אינם תואמים למה שאושר ב-Meta. תקנו ושלחו שוב.",
    en: "The template or its details do not match what Meta approved. Correct them and send again.",
    ar: "القالب أو بياناته لا تطابق ما اعتمدته Meta. صحّحها وأعد الإرسال.",
  },
  templatePolicy: {
    he: "תוכן התבנית מפר את כללי וואטסאפ. ערכו אותה ושלחו לאישור מחדש.",
    en: "The template's text breaks WhatsApp's rules. Edit it and submit it for approval again.",
    ar: "يخالف نص القالب قواعد واتساب. عدّله وأعد إرساله للاعتماد.",
  },
  templateMisfiled: {
    he: "Meta הגבילה את השליחה כי תבניות סווגו בקטגוריה שגויה. ההגבלה תוסר מעצמה; תקנו את הקטגוריות.",
    en: "Meta limits sending because templates were filed under a wrong category. The limit lifts by itself; correct the categories.",
    ar: "قيّدت Meta الإرسال لأن قوالب صُنّفت في فئة خاطئة. يُرفع القيد تلقائيًا؛ صحّح الفئات.",
  },
  templatePaused: {
    he: "Meta השהתה או השביתה את התבנית בגלל איכות נמוכה. שפרו אותה או השתמשו באחרת.",
    en: "Meta paused or disabled the template for low quality. Improve it or use another.",
    ar: "أوقفت Meta القالب مؤقتًا أو عطّلته لضعف جودته. حسّنه أو استخدم غيره.",
  },
  flow: {
    he: "הטופס (Flow) חסום או מוגבל ב-Meta. בדקו אותו במנהל וואטסאפ.",
    en: "Meta has blocked or throttled the Flow. Check it in WhatsApp Manager.",
    ar: "حظرت Meta النموذج (Flow) أو قيّدته. راجعه في مدير واتساب.",
  },
  registration: {
    he: "רישום המספר ב-Meta לא הושלם: קוד שגוי או יותר מדי ניסיונות. מנהל המערכת צריך לבדוק, להמתין ולנסות שוב.",
    en: "Registering the number with Meta did not succeed: wrong PIN or too many tries. An administrator must check, wait and try again.",
    ar: "لم يكتمل تسجيل الرقم لدى Meta: رمز خاطئ أو محاولات كثيرة. على المسؤول التحقق والانتظار ثم المحاولة.",
  },
  identityChanged: {
    he: "ייתכן שהלקוח החליף מכשיר. ודאו שזה עדיין הוא לפני שממשיכים.",
    en: "The customer may have changed device. Make sure it is still them before you go on.",
    ar: "ربما غيّر العميل جهازه. تأكد من هويته قبل المتابعة.",
  },
  call: {
    he: "השיחה הקולית לא התאפשרה: ההגדרות או הסכמת הלקוח אינן מאפשרות אותה כרגע. כתבו במקום זאת.",
    en: "The call is not possible: settings or the customer's consent do not allow it now. Write instead.",
    ar: "تعذرت المكالمة: الإعدادات أو موافقة العميل لا تسمح بها الآن. اكتب بدلًا من ذلك.",
  },
} as const satisfies Record<string, Sentence>;
