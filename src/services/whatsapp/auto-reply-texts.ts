/** What the automatic reply says, by language. A language without a text yet gets Hebrew. */
const hebrew = "שלום! קיבלנו את ההודעה שלך, אך אנו תומכים כרגע רק בהודעות טקסט ותמונות.\nאנא שלח/י הודעת טקסט או תמונה ונשמח לעזור.";

const texts: ReadonlyMap<string, string> = new Map([["he", hebrew]]);

/** `locale` as the tenant has it, e.g. `he` or `he-IL`. */
export function autoReplyText(locale: string): string {
  const language = locale.split(/[-_]/, 1)[0]?.toLowerCase() ?? "";
  return texts.get(language) ?? hebrew;
}
