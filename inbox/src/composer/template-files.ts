/** What Meta takes as a template's header (PLATFORM section 8). The server judges by the bytes themselves. */
import type { TextKey } from "../texts/keys.ts";

const mib = 2 ** 20;

export const headerFiles: Readonly<Record<string, { types: readonly string[]; bytesMax: number; hint: TextKey }>> = {
  image: { types: ["image/jpeg", "image/png"], bytesMax: 5 * mib, hint: "template_image" },
  video: { types: ["video/mp4", "video/3gpp"], bytesMax: 16 * mib, hint: "template_video" },
  document: { types: ["application/pdf"], bytesMax: 100 * mib, hint: "template_document" },
};

export function fileFault(file: File | undefined, kind: string): TextKey | null {
  const rule = headerFiles[kind];
  if (file === undefined) return "template_missing";
  if (rule === undefined) return null;
  const isTaken = rule.types.includes(file.type) && file.size > 0 && file.size <= rule.bytesMax;
  return isTaken ? null : "template_file_wrong";
}
