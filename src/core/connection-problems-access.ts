/** What can be wrong between Meta and this program: the token, the subscription, the callback, the set-up. */
import type { ConnectionProblem, Sentence } from "./connection-problems.ts";

const giveToken: Sentence = {
  he: "הזינו אסימון גישה חדש במסך החיבור.",
  en: "Give a new access token on the connection's page.",
  ar: "أدخل رمز وصول جديدًا في صفحة الاتصال.",
};
const goOn: Sentence = {
  he: "לחצו ״המשך הגדרה״ כדי לנסות שוב.",
  en: "Press “Continue set-up” to try again.",
  ar: "اضغط «متابعة الإعداد» للمحاولة مرة أخرى.",
};
const waits: Sentence = {
  he: "ננסה שוב מעצמנו. אם זה נמשך, בדקו את הגישה של השרת לאינטרנט.",
  en: "We try again by ourselves. If it goes on, check that the server reaches the internet.",
  ar: "سنحاول مجددًا تلقائيًا. إذا استمر ذلك فتحقق من اتصال الخادم بالإنترنت.",
};

export const accessProblems = {
  token_missing: {
    state: "problem",
    sentence: {
      he: "למספר אין אסימון גישה, ולכן אי אפשר לשלוח ממנו.",
      en: "The number has no access token, so nothing can be sent from it.",
      ar: "لا يملك الرقم رمز وصول، لذلك لا يمكن الإرسال منه.",
    },
    action: giveToken,
  },
  token_invalid: {
    state: "problem",
    sentence: {
      he: "אסימון הגישה פג או בוטל. הודעות נכנסות נשמרות, אבל שום דבר לא נשלח.",
      en: "The access token has expired or was revoked. Incoming messages are kept, but nothing is sent.",
      ar: "انتهت صلاحية رمز الوصول أو أُلغي. الرسائل الواردة محفوظة، لكن لا شيء يُرسل.",
    },
    action: giveToken,
  },
  token_foreign_app: {
    state: "problem",
    sentence: {
      he: "אסימון הגישה שייך לאפליקציה אחרת של Meta, ולכן ההודעות הנכנסות לא יגיעו לכאן.",
      en: "The access token belongs to another Meta app, so incoming messages will not come here.",
      ar: "رمز الوصول يخص تطبيق Meta آخر، لذلك لن تصل الرسائل الواردة إلى هنا.",
    },
    action: {
      he: "צרו אסימון עבור האפליקציה של המערכת הזו, והזינו אותו.",
      en: "Make a token for the app of this system and give it here.",
      ar: "أنشئ رمزًا لتطبيق هذا النظام وأدخله هنا.",
    },
  },
  token_scopes: {
    state: "problem",
    sentence: {
      he: "לאסימון הגישה חסרה הרשאה לניהול וואטסאפ או לשליחת הודעות.",
      en: "The access token lacks the permission to manage WhatsApp or to send messages.",
      ar: "ينقص رمز الوصول إذن إدارة واتساب أو إرسال الرسائل.",
    },
    action: {
      he: "צרו אסימון עם whatsapp_business_management ו-whatsapp_business_messaging, והזינו אותו.",
      en: "Make a token with whatsapp_business_management and whatsapp_business_messaging and give it here.",
      ar: "أنشئ رمزًا مع whatsapp_business_management و whatsapp_business_messaging وأدخله هنا.",
    },
  },
  token_other_account: {
    state: "problem",
    sentence: {
      he: "אסימון הגישה אינו מגיע לחשבון הוואטסאפ הזה או למספר הזה.",
      en: "The access token does not reach this WhatsApp account or this number.",
      ar: "رمز الوصول لا يصل إلى حساب واتساب هذا أو إلى هذا الرقم.",
    },
    action: {
      he: "שייכו את החשבון למשתמש המערכת ב-Meta, וצרו אסימון חדש.",
      en: "Assign the account to the system user at Meta, and make a new token.",
      ar: "أسند الحساب إلى مستخدم النظام في Meta وأنشئ رمزًا جديدًا.",
    },
  },
  token_personal: {
    state: "warning",
    sentence: {
      he: "אסימון הגישה שייך לאדם ולא למשתמש מערכת, ויפסיק לעבוד כשגישתו תשתנה.",
      en: "The access token belongs to a person, not to a system user: it stops working when that person's access changes.",
      ar: "رمز الوصول يخص شخصًا لا مستخدم نظام، وسيتوقف عند تغيّر صلاحياته.",
    },
    action: {
      he: "החליפו אותו באסימון של משתמש מערכת.",
      en: "Replace it with a system user's token.",
      ar: "استبدله برمز مستخدم نظام.",
    },
  },
  token_expires: {
    state: "warning",
    sentence: {
      he: "לאסימון הגישה יש תאריך תפוגה.",
      en: "The access token has a date of expiry.",
      ar: "لرمز الوصول تاريخ انتهاء.",
    },
    action: {
      he: "החליפו אותו לפני התאריך, עדיף באסימון שאינו פג.",
      en: "Replace it before that date, best with one that never expires.",
      ar: "استبدله قبل ذلك التاريخ، ويفضّل برمز لا تنتهي صلاحيته.",
    },
  },
  token_expires_soon: {
    state: "problem",
    sentence: {
      he: "אסימון הגישה יפוג בתוך שבוע, ואז השליחה תיפסק.",
      en: "The access token expires within a week; sending stops then.",
      ar: "تنتهي صلاحية رمز الوصول خلال أسبوع، وعندها يتوقف الإرسال.",
    },
    action: giveToken,
  },
  app_not_subscribed: {
    state: "problem",
    sentence: {
      he: "האפליקציה שלנו אינה רשומה לחשבון, ולכן הודעות נכנסות אינן מגיעות.",
      en: "Our app is not subscribed to the account, so incoming messages do not arrive.",
      ar: "تطبيقنا غير مشترك في الحساب، لذلك لا تصل الرسائل الواردة.",
    },
    action: goOn,
  },
  webhook_elsewhere: {
    state: "problem",
    sentence: {
      he: "Meta שולחת את ההודעות של המספר הזה לכתובת אחרת.",
      en: "Meta sends this number's messages to another address.",
      ar: "ترسل Meta رسائل هذا الرقم إلى عنوان آخر.",
    },
    action: {
      he: "הסירו את הכתובת החלופית של המספר או של החשבון, או תקנו את הכתובת באפליקציה של Meta.",
      en: "Remove the number's or the account's override, or correct the callback address in the Meta app.",
      ar: "أزل العنوان البديل للرقم أو للحساب، أو صحّح عنوان الاستدعاء في تطبيق Meta.",
    },
  },
  webhook_account_elsewhere: {
    state: "warning",
    sentence: {
      he: "הודעות מגיעות לכאן, אבל עדכונים על תבניות ועל החשבון נשלחים לכתובת אחרת.",
      en: "Messages come here, but news about templates and the account go to another address.",
      ar: "الرسائل تصل إلى هنا، لكن أخبار القوالب والحساب تذهب إلى عنوان آخر.",
    },
    action: {
      he: "תקנו את כתובת ה-webhook באפליקציה של Meta.",
      en: "Correct the callback address in the Meta app.",
      ar: "صحّح عنوان الاستدعاء في تطبيق Meta.",
    },
  },
  webhook_unknown: {
    state: "unknown",
    sentence: {
      he: "לא ידוע לאן צריכות ההודעות להגיע, כי לא הוגדרה כתובת ציבורית.",
      en: "It is not known where messages should come, since no public address is set.",
      ar: "لا يُعرف إلى أين يجب أن تصل الرسائل لأن العنوان العام غير محدد.",
    },
    action: { he: "הגדירו PUBLIC_URL בשרת.", en: "Set PUBLIC_URL on the server.", ar: "عيّن PUBLIC_URL على الخادم." },
  },
  graph_unreachable: {
    state: "warning",
    sentence: {
      he: "לא הצלחנו לשאול את Meta, ולכן חלק מהבדיקות אינן עדכניות.",
      en: "Meta could not be asked, so some checks are not up to date.",
      ar: "تعذّر سؤال Meta، لذلك بعض الفحوص غير محدّثة.",
    },
    action: waits,
  },
  not_reached: {
    state: "unknown",
    sentence: { he: "לא הצלחנו לשאול את Meta.", en: "Meta could not be asked.", ar: "تعذّر سؤال Meta." },
    action: waits,
  },
  subscribe_refused: {
    state: "problem",
    sentence: {
      he: "Meta סירבה לרשום את האפליקציה שלנו לחשבון.",
      en: "Meta refused to subscribe our app to the account.",
      ar: "رفضت Meta اشتراك تطبيقنا في الحساب.",
    },
    action: {
      he: "ודאו שלאסימון יש הרשאת ניהול על החשבון, ולחצו ״המשך הגדרה״.",
      en: "Make sure that the token may manage the account, then press “Continue set-up”.",
      ar: "تأكد من أن الرمز يملك إدارة الحساب ثم اضغط «متابعة الإعداد».",
    },
  },
  register_refused: {
    state: "problem",
    sentence: {
      he: "Meta סירבה לרשום את המספר.",
      en: "Meta refused to register the number.",
      ar: "رفضت Meta تسجيل الرقم.",
    },
    action: {
      he: "אמתו את המספר במנהל הוואטסאפ, ולחצו ״המשך הגדרה״.",
      en: "Verify the number in Meta's WhatsApp Manager, then press “Continue set-up”.",
      ar: "وثّق الرقم في مدير واتساب ثم اضغط «متابعة الإعداد».",
    },
  },
  register_wrong_pin: {
    state: "problem",
    sentence: {
      he: "למספר כבר יש קוד PIN, והקוד שנשלח אינו נכון.",
      en: "The number already has a PIN, and the one that was given is wrong.",
      ar: "للرقم رمز PIN سابق، والرمز المُدخل غير صحيح.",
    },
    action: {
      he: "הזינו את הקוד הנכון, או אפסו אותו במנהל הוואטסאפ של Meta.",
      en: "Give the right PIN, or reset it in Meta's WhatsApp Manager.",
      ar: "أدخل الرمز الصحيح أو أعد ضبطه في مدير واتساب من Meta.",
    },
  },
  register_too_often: {
    state: "problem",
    sentence: {
      he: "המספר נרשם יותר מדי פעמים. Meta מאפשרת 10 פעמים ב-72 שעות.",
      en: "The number was registered too often. Meta allows it 10 times in 72 hours.",
      ar: "سُجّل الرقم مرات كثيرة. تسمح Meta بعشر مرات خلال 72 ساعة.",
    },
    action: {
      he: "המתינו שלושה ימים, ולחצו ״המשך הגדרה״.",
      en: "Wait three days, then press “Continue set-up”.",
      ar: "انتظر ثلاثة أيام ثم اضغط «متابعة الإعداد».",
    },
  },
  contacts_refused: {
    state: "warning",
    sentence: {
      he: "Meta סירבה לשלוח את אנשי הקשר מאפליקציית הוואטסאפ העסקית.",
      en: "Meta refused to send the contacts of the WhatsApp Business app.",
      ar: "رفضت Meta إرسال جهات الاتصال من تطبيق واتساب للأعمال.",
    },
    action: goOn,
  },
  history_refused: {
    state: "warning",
    sentence: {
      he: "Meta סירבה לשלוח את היסטוריית השיחות מאפליקציית הוואטסאפ העסקית.",
      en: "Meta refused to send the history of the WhatsApp Business app.",
      ar: "رفضت Meta إرسال سجل المحادثات من تطبيق واتساب للأعمال.",
    },
    action: goOn,
  },
  sync_too_late: {
    state: "warning",
    sentence: {
      he: "אנשי הקשר וההיסטוריה ניתנים לבקשה רק ב-24 השעות הראשונות אחרי החיבור.",
      en: "Contacts and history can be asked for only within 24 hours of connecting.",
      ar: "لا يمكن طلب جهات الاتصال والسجل إلا خلال 24 ساعة من الربط.",
    },
    action: {
      he: "כדי לקבל אותם, חברו את המספר מחדש דרך Meta.",
      en: "To get them, connect the number again through Meta's dialogue.",
      ar: "للحصول عليها اربط الرقم مجددًا عبر نافذة Meta.",
    },
  },
  setup_waits: {
    state: "warning",
    sentence: {
      he: "הגדרת המספר עוד לא הסתיימה.",
      en: "The set-up of the number is not complete yet.",
      ar: "لم يكتمل إعداد الرقم بعد.",
    },
    action: goOn,
  },
} as const satisfies Record<string, ConnectionProblem>;
