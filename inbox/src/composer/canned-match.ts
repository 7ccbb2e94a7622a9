/** Which canned replies fit what was typed after `/`, and their text with the names filled in. */
import type { CannedReply, CannedVariable } from "../../../src/contract/inbox.ts";

const shownMax = 6;

/** Null while no command is being typed: only a `/` at the very beginning opens the list. */
export function cannedMatches(written: string, replies: readonly CannedReply[]): CannedReply[] | null {
  const typed = /^\/([\p{L}\p{N}_-]*)$/u.exec(written)?.[1]?.toLocaleLowerCase();
  if (typed === undefined) return null;
  const begins = replies.filter(({ shortcut }) => shortcut.toLocaleLowerCase().startsWith(typed));
  const holds = replies.filter(
    ({ shortcut, texts }) =>
      !begins.some((one) => one.shortcut === shortcut) && Object.values(texts).some((text) => text.toLocaleLowerCase().includes(typed)),
  );
  return [...begins, ...(typed === "" ? [] : holds)].slice(0, shownMax);
}

/** In the customer's language where it is known, else the reader's, else whichever there is. */
export function cannedText(reply: CannedReply, languages: readonly string[], values: Readonly<Record<CannedVariable, string>>): string {
  const language = languages.find((one) => Object.hasOwn(reply.texts, one));
  const text = (language === undefined ? Object.values(reply.texts)[0] : reply.texts[language]) ?? "";
  return text.replaceAll(/\{\{\s*(name|phone|agent|business)\s*\}\}/g, (_, name: CannedVariable) => values[name]);
}
