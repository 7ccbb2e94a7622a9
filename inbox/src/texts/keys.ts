import type { he } from "./he/all.ts";

export type TextKey = keyof typeof he;
/** A language is complete or it does not compile. */
export type Texts = Readonly<Record<TextKey, string>>;
