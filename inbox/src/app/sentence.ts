/** Sentences that the server has in all three languages. */
import { useAppearance } from "./appearance.tsx";

export type Sentence = Readonly<Record<"he" | "en" | "ar", string>>;

export function useSentence(): (sentence: Sentence) => string {
  const { locale } = useAppearance();
  return (sentence) => sentence[locale];
}
