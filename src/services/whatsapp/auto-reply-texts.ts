/** What the automatic reply says where a tenant has no text of its own, by language. A language without a text gets Hebrew. */
const hebrew = "שלום! קיבלנו את ההודעה שלך, אך אנו תומכים כרגע רק בהודעות טקסט ותמונות.\nאנא שלח/י הודעת טקסט או תמונה ונשמח לעזור.";

const texts: ReadonlyMap<string, string> = new Map([
  ["he", hebrew],
  [
    "en",
    "Hello! We have received your message, but for now we can only handle text messages and images.\nPlease send a text message or an image, and we will be happy to help.",
  ],
  ["ar", "مرحبًا! وصلتنا رسالتك، لكننا ندعم حاليًا الرسائل النصية والصور فقط.\nيُرجى إرسال رسالة نصية أو صورة وتسعدنا المساعدة."],
  [
    "ru",
    "Здравствуйте! Мы получили ваше сообщение, но пока поддерживаем только текст и изображения.\nПожалуйста, отправьте текстовое сообщение или изображение, и мы с радостью поможем.",
  ],
  [
    "es",
    "¡Hola! Hemos recibido tu mensaje, pero por ahora solo admitimos mensajes de texto e imágenes.\nEnvía un mensaje de texto o una imagen y te ayudaremos con gusto.",
  ],
]);

/** `locale` as the tenant has it, e.g. `he` or `he-IL`. */
export function autoReplyText(locale: string): string {
  const language = locale.split(/[-_]/, 1)[0]?.toLowerCase() ?? "";
  return texts.get(language) ?? hebrew;
}
