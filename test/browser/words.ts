/** The inbox's own words in each language, so that a journey finds on the screen what the catalogue says, and a text that is missing shows. */
import { createIntl } from "react-intl";
import { ar } from "../../inbox/src/texts/ar/all.ts";
import { en } from "../../inbox/src/texts/en/all.ts";
import { he } from "../../inbox/src/texts/he/all.ts";
import type { TextKey } from "../../inbox/src/texts/keys.ts";

export type Language = "he" | "en" | "ar";
export type Say = (key: TextKey, values?: Readonly<Record<string, string | number>>) => string;

const catalogues = { he, en, ar };
/** As in the inbox's `app/text.tsx`. */
const tags = { he: "he-IL", en: "en-GB", ar: "ar-u-nu-latn-ca-gregory" };

export function wordsOf(language: Language): Say {
  const intl = createIntl({ locale: tags[language], messages: catalogues[language] });
  return (key, values) => intl.formatMessage({ id: key }, values);
}
