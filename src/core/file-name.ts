/** Names of files that strangers chose, made fit for a disk and a header (RELIABILITY 3.4). */
import { limits } from "../limits.ts";
import { clipText, markFlood } from "./text.ts";

/** Control characters, what separates folders, and marks that turn the direction of text or cannot be seen. */
const unfit =
  // oxlint-disable-next-line no-control-regex -- these are the ones to be removed
  /[\u0000-\u001f\u007f-\u009f/\\:*?"<>|\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;

/** A bare name without hidden characters, dots at its ends or a path; null if nothing is left. Long ones keep their extension. */
export function safeFileName(text: string | null | undefined): string | null {
  const name = (text ?? "").toWellFormed().normalize("NFC").replaceAll("\ufffd", "").replaceAll(unfit, "").replaceAll(markFlood, "$1");
  const bare = withoutDotsAtEnd(name.replace(/^[\s.]+/, ""));
  if (bare === "") return null;
  if (bare.length <= limits.fileNameCharsMax) return bare;
  const extension = /\.[A-Za-z0-9]{1,8}$/.exec(bare)?.[0] ?? "";
  return withoutDotsAtEnd(clipText(bare, limits.fileNameCharsMax - extension.length)) + extension;
}

/** By hand, since a search for spaces before the end takes quadratic time: a name of a million spaces would stop the program for minutes. */
function withoutDotsAtEnd(name: string): string {
  let end = name.length;
  while (end > 0 && /[\s.]/.test(name.charAt(end - 1))) end -= 1;
  return name.slice(0, end);
}

/** `Content-Disposition` by RFC 6266: the name in UTF-8, and one in ASCII for who does not know that. */
export function contentDisposition(how: "inline" | "attachment", fileName: string | null): string {
  const name = safeFileName(fileName);
  if (name === null) return how;
  const ascii = name.replaceAll(/[^ -~]/gu, "_").replaceAll("%", "_");
  const encoded = encodeURIComponent(name).replaceAll(/['()*!]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  return `${how}; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
