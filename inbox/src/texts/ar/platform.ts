import type { platform as hebrew } from "../he/platform.ts";

export const platform: Readonly<Record<keyof typeof hebrew, string>> = {
  platform: "حالة المنصة",
  platform_failed: "تعذرت قراءة حالة المنصة",
  platform_stale: "لا يجيب الخادم. هذه أرقام {at}.",
  platform_well: "كل شيء على ما يرام",
  platform_findings: "ما يحتاج إلى معالجة",
  platform_look: "فحص",
  platform_nothing_waits: "لا شيء ينتظر",
  platform_none: "لا شيء",
  platform_never: "لم يصل شيء بعد",
  platform_oldest: "الأقدم: {age}",
  platform_last: "الأخير: {age}",
  platform_inbound: "بانتظار المعالجة",
  platform_per_minute: "الواردات في الدقيقة الأخيرة",
  platform_outbound: "بانتظار الإرسال",
  platform_parked: "معلّقة",
  platform_forwards: "بانتظار التمرير",
  platform_connections: "أرقام مربوطة",
  platform_failing:
    "{count, plural, =0 {كلها سليمة} one {رقم واحد فيه خلل} two {رقمان فيهما خلل} few {# أرقام فيها خلل} many {# رقمًا فيها خلل} other {# رقم فيها خلل}}",
  platform_failing_title:
    "{count, plural, one {رقم واحد فيه خلل} two {رقمان فيهما خلل} few {# أرقام فيها خلل} many {# رقمًا فيها خلل} other {# رقم فيها خلل}}",
  platform_tenants: "الأعمال",
  platform_quota_spent:
    "{count, plural, =0 {لم تنفد أي حصة} one {نفدت حصة واحد} two {نفدت حصة اثنين} few {نفدت حصة #} many {نفدت حصة #} other {نفدت حصة #}}",
  platform_nodes: "خوادم الإرسال",
  platform_scheduled:
    "{count, plural, =0 {لا رسائل مجدولة} one {رسالة واحدة مجدولة} two {رسالتان مجدولتان} few {# رسائل مجدولة} many {# رسالة مجدولة} other {# رسالة مجدولة}}",
  platform_version: "الإصدار {version}، حتى {at}",
  platform_audit: "سجل عمليات المنصة",
  platform_audit_of: "لمن",
  platform_audit_all: "كل الأعمال والمنصة",
  audit_only_by: "ما فعله {name} فقط",
  finding_inbound_late:
    "{count, plural, one {تحديث واحد ينتظر} two {تحديثان ينتظران} few {# تحديثات تنتظر} many {# تحديثًا ينتظر} other {# تحديث ينتظر}} المعالجة",
  finding_inbound_late_do: "تأكد أن عملية المعالجة تعمل وأن قاعدة البيانات تجيب. لم يُفقد شيء: ما وصل محفوظ وسيُعالج.",
  finding_sends_late:
    "{count, plural, one {رسالة واحدة تنتظر} two {رسالتان تنتظران} few {# رسائل تنتظر} many {# رسالة تنتظر} other {# رسالة تنتظر}} الإرسال",
  finding_sends_late_do: "تأكد أن عملية الإرسال تعمل وأن ميتا تجيب، وأن لا رقم يتجاوز معدّله.",
  finding_no_sender: "لا يوجد خادم يرسل",
  finding_no_sender_do: "شغّل عملية بدور all أو worker. حتى ذلك الحين تنتظر الرسائل الصادرة.",
  finding_parked_crashed:
    "{count, plural, one {تحديث واحد أسقط} two {تحديثان أسقطا} few {# تحديثات أسقطت} many {# تحديثًا أسقط} other {# تحديث أسقط}} العملية",
  finding_parked_crashed_do: "وُضعت جانبًا ولا تعطّل غيرها. احفظ محتواها وأبلغ عنها، ثم أعد تشغيلها بعد التحديث.",
  finding_connections_failing:
    "{count, plural, one {رقم واحد فيه خلل} two {رقمان فيهما خلل} few {# أرقام فيها خلل} many {# رقمًا فيها خلل} other {# رقم فيها خلل}}",
  finding_connections_failing_do: "القائمة أدناه تبيّن لمن الرقم وما العمل. غالبًا ما يكون رمز الوصول قد انتهى.",
  finding_forwards_late:
    "{count, plural, one {تمرير واحد متأخر} two {تمريران متأخران} few {# عمليات تمرير متأخرة} many {# عملية تمرير متأخرة} other {# عملية تمرير متأخرة}}",
  finding_forwards_late_do: "خادم أحد الأعمال لا يجيب. تستمر المحاولة ثلاثة أيام ولا يضيع شيء.",
  finding_inbound_silent: "لم يصل شيء من ميتا",
  finding_inbound_silent_do: "إن لم تكن ساعة هادئة، تأكد أن العنوان متاح من الخارج وأن الاشتراك في الويبهوك قائم لدى ميتا.",
  finding_parked:
    "{count, plural, one {تحديث واحد معلّق} two {تحديثان معلّقان} few {# تحديثات معلّقة} many {# تحديثًا معلّقًا} other {# تحديث معلّق}}",
  finding_parked_do: "لكل منها سببه. بعد زوال السبب أعد تشغيلها.",
  finding_sending_paused:
    "{count, plural, one {إرسال رقم واحد موقوف} two {إرسال رقمين موقوف} few {إرسال # أرقام موقوف} many {إرسال # رقمًا موقوف} other {إرسال # رقم موقوف}} مؤقتًا",
  finding_sending_paused_do: "رُفض رمز وصول، أو حدّت ميتا المعدّل، أو أوقفه شخص. الرسائل تنتظر.",
  finding_endpoints_paused:
    "{count, plural, one {أُوقف عنوان واحد لأحد الأعمال} two {أُوقف عنوانان للأعمال} few {أُوقفت # عناوين للأعمال} many {أُوقف # عنوانًا للأعمال} other {أُوقف # عنوان للأعمال}}",
  finding_endpoints_paused_do: "لم يجب خادمها أيامًا. على صاحب العمل إصلاحه واستئنافه من الإعدادات.",
  finding_quotas_spent:
    "{count, plural, one {نفدت حصة اليوم لعمل واحد} two {نفدت حصة اليوم لعملين} few {نفدت حصة اليوم لـ # أعمال} many {نفدت حصة اليوم لـ # عملًا} other {نفدت حصة اليوم لـ # عمل}}",
  finding_quotas_spent_do: "يمكن رفعها في شاشة الأعمال. تتجدد عند منتصف الليل بتوقيت UTC.",
  quota_sends_today: "أُرسل اليوم",
  quota_set: "الحصص",
  quota_title: "حصص {name}",
  quota_sends: "رسائل في اليوم",
  quota_sends_hint: "فارغ: بلا حصة. اليوم بتوقيت UTC، والردود التلقائية لا تُحسب.",
  quota_streams: "اتصالات حية في آن واحد",
  quota_streams_hint: "فارغ: بلا حصة خاصة. على كل خادم.",
  quota_none: "بلا حصة",
  quota_of: "{used} من {max}",
  quota_whole: "عدد صحيح، أو فارغ.",
};
