export type Body = { text: string; isText: boolean; isJson: boolean; json: unknown };

/** What was signed, from base64. A body that is no UTF-8 is shown as well as it can be, and said to be none. */
export function readBody(base64: string): Body {
  const bytes = Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return { text: new TextDecoder().decode(bytes), isText: false, isJson: false, json: null };
  }
  try {
    return { text, isText: true, isJson: true, json: JSON.parse(text) as unknown };
  } catch {
    return { text, isText: true, isJson: false, json: null };
  }
}
