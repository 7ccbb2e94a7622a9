/** What a file may be, how large, and how it may be shown. Sizes and types: Meta's media reference (PLATFORM section 8). */
import { limits } from "../limits.ts";

export type MediaKind = "image" | "video" | "audio" | "document" | "sticker";

type Rule = { kinds: readonly MediaKind[]; bytesMax: number };

const { mediaImageBytesMax, mediaVideoBytesMax, mediaAudioBytesMax, mediaStickerBytesMax, mediaBytesMax } = limits;
const image: Rule = { kinds: ["image"], bytesMax: mediaImageBytesMax };
const video: Rule = { kinds: ["video"], bytesMax: mediaVideoBytesMax };
const audio: Rule = { kinds: ["audio"], bytesMax: mediaAudioBytesMax };
const document: Rule = { kinds: ["document"], bytesMax: mediaBytesMax };

/** What Meta takes. Anything of these may also go as a document. */
const sendable: ReadonlyMap<string, Rule> = new Map([
  ["image/jpeg", image],
  ["image/png", image],
  ["image/webp", { kinds: ["sticker"], bytesMax: mediaStickerBytesMax }],
  ["video/mp4", video],
  ["video/3gpp", video],
  ["audio/aac", audio],
  ["audio/amr", audio],
  ["audio/mpeg", audio],
  ["audio/mp4", audio],
  ["audio/ogg", audio],
  ["text/plain", document],
  ["application/pdf", document],
  ["application/msword", document],
  ["application/vnd.ms-excel", document],
  ["application/vnd.ms-powerpoint", document],
  ["application/vnd.openxmlformats-officedocument.wordprocessingml.document", document],
  ["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", document],
  ["application/vnd.openxmlformats-officedocument.presentationml.presentation", document],
]);

/** Other names for the same, and Ogg without the codec: Meta's own names are the keys above. */
const sameAs: ReadonlyMap<string, string> = new Map([
  ["audio/x-m4a", "audio/mp4"],
  ["audio/m4a", "audio/mp4"],
  ["audio/mp3", "audio/mpeg"],
  ["audio/opus", "audio/ogg"],
  ["image/jpg", "image/jpeg"],
  ["image/apng", "image/png"],
]);

/** Without parameters, lower-case, under Meta's name; null for what is no MIME type. */
export function plainMimeType(text: string | null | undefined): string | null {
  const plain = (text ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (!/^[a-z0-9][a-z0-9!#$&^_.+-]{0,63}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/.test(plain)) return null;
  return sameAs.get(plain) ?? plain;
}

export type Verdict = { kind: "sendable"; mimeType: string } | { kind: "refused"; field: "type" | "size"; detail: string };

/**
 * Whether Meta would take it. `sniffed` is what the bytes are, null where they do not tell; only what has no mark of its own (plain text, the
 * old Office formats) may be what its uploader says.
 */
export function judgeUpload(file: { sniffed: string | null; declared: string | null; isText: boolean; bytes: number }): Verdict {
  const mimeType = uploadType(file);
  const rule = mimeType === null ? undefined : sendable.get(mimeType);
  if (mimeType === null || rule === undefined) {
    const found = file.sniffed ?? "of no known type";
    return { kind: "refused", field: "type", detail: `The file is ${found}, and WhatsApp takes ${[...sendable.keys()].join(", ")}` };
  }
  if (file.bytes === 0) return { kind: "refused", field: "size", detail: "The file is empty" };
  if (file.bytes > rule.bytesMax) {
    return {
      kind: "refused",
      field: "size",
      detail: `A file of type ${mimeType} may have ${rule.bytesMax} bytes; this one has ${file.bytes}`,
    };
  }
  return { kind: "sendable", mimeType };
}

const oldOffice: ReadonlySet<string> = new Set(["application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"]);

function uploadType({ sniffed, declared, isText }: { sniffed: string | null; declared: string | null; isText: boolean }): string | null {
  if (sniffed === "application/x-cfb") return declared !== null && oldOffice.has(declared) ? declared : null;
  if (sniffed !== null) return sniffed;
  return isText && (declared === null || declared === "text/plain") ? "text/plain" : null;
}

/** Whether a stored file can go as this kind of message. */
export function fitsKind(mimeType: string | null, kind: MediaKind): boolean {
  const rule = mimeType === null ? undefined : sendable.get(mimeType);
  return rule !== undefined && (kind === "document" || rule.kinds.includes(kind));
}

/** Shown by a browser in its own window without danger, under nosniff and a sandbox. All else is saved. */
const inline: ReadonlySet<string> = new Set(["image/png", "image/jpeg", "image/webp", "image/gif", "video/mp4", "audio/ogg", "audio/mpeg"]);
/** Served under their name, but only to be saved. */
const named: ReadonlySet<string> = new Set([...sendable.keys(), "application/zip", "video/webm", "video/quicktime", "audio/x-wav"]);

/** How the bytes are served. `mimeType` is what they were found to be, never what somebody said. */
export function servedAs(mimeType: string | null): { contentType: string; disposition: "inline" | "attachment" } {
  if (mimeType === null || !(inline.has(mimeType) || named.has(mimeType))) {
    return { contentType: "application/octet-stream", disposition: "attachment" };
  }
  const contentType = mimeType === "text/plain" ? "text/plain; charset=utf-8" : mimeType;
  return { contentType, disposition: inline.has(mimeType) ? "inline" : "attachment" };
}

/** Of a hash that Meta names: hexadecimal or base64, as 64 hexadecimal digits. Null for anything else. */
export function sha256Hex(text: string | null): string | null {
  if (text === null) return null;
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  const bytes = /^[A-Za-z0-9+/_-]{43}=?$/.test(text) ? Buffer.from(text, "base64") : null;
  return bytes?.length === 32 ? bytes.toString("hex") : null;
}
