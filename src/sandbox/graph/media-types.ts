/** What Meta takes as media, and how large (its page on supported media types, read 2026-09). */

export type MediaKind = "image" | "video" | "audio" | "document" | "sticker";

const megabyte = 2 ** 20;

export const bytesMaxOf: Readonly<Record<MediaKind, number>> = {
  image: 5 * megabyte,
  video: 16 * megabyte,
  audio: 16 * megabyte,
  document: 100 * megabyte,
  sticker: 500 * 2 ** 10,
};

const types: Readonly<Record<Exclude<MediaKind, "document">, readonly string[]>> = {
  image: ["image/jpeg", "image/png"],
  video: ["video/mp4", "video/3gpp"],
  audio: ["audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"],
  sticker: ["image/webp"],
};

const documentTypes: readonly string[] = [
  "text/plain",
  "text/csv",
  "application/pdf",
  "application/msword",
  "application/vnd.ms-excel",
  "application/vnd.ms-powerpoint",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  "application/vnd.openxmlformats-officedocument.presentationml.presentation",
];

export function isMediaKind(type: string): type is MediaKind {
  return Object.hasOwn(bytesMaxOf, type);
}

/** Without parameters: `audio/ogg; codecs=opus` is `audio/ogg`. */
function plainType(mimeType: string): string {
  return mimeType.split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/** A document may hold any of the types. */
export function mayBe(kind: MediaKind, mimeType: string): boolean {
  const plain = plainType(mimeType);
  return kind === "document" ? uploadKind(mimeType) !== null : types[kind].includes(plain);
}

/** Null: not supported. */
export function uploadKind(mimeType: string): MediaKind | null {
  const plain = plainType(mimeType);
  for (const kind of ["image", "video", "audio", "sticker"] as const) if (types[kind].includes(plain)) return kind;
  return documentTypes.includes(plain) ? "document" : null;
}

export const supportedTypes: readonly string[] = [...Object.values(types).flat(), ...documentTypes];
