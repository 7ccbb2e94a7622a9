/**
 * Text of strangers as it is shown. React makes text nodes of it, so nothing in it can run; what is left is that it can lie about its order
 * (`invoice\u202Efdp.exe` would look like a PDF), flood lines with combining marks, or hide. Emoji keep their joiners.
 */
const turning = /[\u202a-\u202e\u2066-\u2069\u061c]/g;
// Control characters are what this is about.
// oxlint-disable-next-line no-control-regex
const controls = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufeff]/g;
/** More marks than this on one letter are no language's. */
const marksMax = 4;
const mark = /\p{Mn}/u;

export function plain(text: string): string {
  return withFewMarks(text.replaceAll(turning, "").replaceAll(controls, ""));
}

function withFewMarks(text: string): string {
  let run = 0;
  let kept = "";
  for (const letter of text) {
    run = mark.test(letter) ? run + 1 : 0;
    if (run <= marksMax) kept += letter;
  }
  return kept;
}

/** For one line: names, subjects, file names. */
export function plainLine(text: string): string {
  return plain(text).replaceAll(/\s+/g, " ").trim();
}

/** Null for every address that a click should not follow. */
export function safeHref(address: string): string | null {
  const url = URL.parse(address.trim());
  if (url === null) return null;
  return ["https:", "http:", "tel:", "mailto:"].includes(url.protocol) ? url.href : null;
}
