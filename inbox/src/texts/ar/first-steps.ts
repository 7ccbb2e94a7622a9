import type { firstSteps as hebrew } from "../he/first-steps.ts";

export const firstSteps: Readonly<Record<keyof typeof hebrew, string>> = {
  first_title: "الخطوات الأولى",
  first_hide: "إخفاء الخطوات الأولى",
  first_done: "(تم)",
  first_connect: "اربط رقم واتساب",
  first_connect_hint: "عبر فيسبوك، أو بالمعرّفات ورمز وصول من App Dashboard.",
  first_message: "استقبل أول رسالة",
  first_message_hint: "اكتب من هاتفك إلى {number}. ستظهر الرسالة هنا.",
  first_message_sandbox: "اكتب كعميل في هاتف بيئة التجربة. ستظهر الرسالة هنا.",
  first_message_later: "بعد ربط رقم، اكتب إليه من هاتفك.",
  first_people: "ادعُ فريقك",
  first_people_hint: "لكل شخص دوره: مالك أو مدير أو موظف أو مشاهد.",
  first_replies: "حدّد الرد التلقائي (اختياري)",
  first_replies_hint: "ما يصل العملاء حين يرسلون شيئًا لا تدعمونه.",
};
