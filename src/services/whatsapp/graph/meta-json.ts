/**
 * The form in which Meta writes JSON: ASCII, with lower-case escapes, and slashes escaped too. Its signatures are over these bytes, and clients exist
 * that sign what they read in this form and no other (developer pages on webhooks, `whatsapp-api-js` 6.3, read 2026-11). The value is the same.
 */
export function asMetaWrites(json: string): string {
  return json
    .replaceAll("/", String.raw`\/`)
    .replaceAll(/[^\0-~]/g, (unit) => String.raw`\u` + unit.charCodeAt(0).toString(16).padStart(4, "0"));
}
