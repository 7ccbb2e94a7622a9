/** Languages by their own names. */
export const languageNames: Readonly<Record<string, string>> = { he: "עברית", en: "English", ar: "العربية" };
