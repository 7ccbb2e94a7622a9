/**
 * Files that pass through Meta: of customers (their ids live for 7 days) and uploaded by businesses (30 days). An id leads to a URL that
 * works for 5 minutes, with the token too.
 */
import { createHash, createHmac, randomBytes } from "node:crypto";
import { limits } from "../limits.ts";
import { newNumericId } from "./random.ts";

const dayMs = 24 * 60 * 60 * 1_000;
export const mediaUrlMs = 5 * 60 * 1_000;

export type Media = {
  id: string;
  phoneNumberId: string;
  mimeType: string;
  bytes: Buffer;
  sha256: Buffer;
  expiresAtMs: number;
};

export type MediaStore = {
  put(media: { phoneNumberId: string; mimeType: string; bytes: Buffer; from: "customer" | "business" }): Media;
  /** Undefined when it is unknown, deleted or expired. */
  get(id: string): Media | undefined;
  /** A new one each time. */
  urlOf(media: Media): string;
  /** What this query of a URL opens, while it may. */
  open(query: URLSearchParams): Media | undefined;
  remove(id: string): void;
};

export const downloadPath = "/whatsapp_business/attachments/";

/** Holds at most `limits.sandboxMediaBytesMax`; the oldest files go first. */
export function createMediaStore(options: { nowMs: () => number; origin: () => string }): MediaStore {
  const { nowMs, origin } = options;
  const secret = randomBytes(32);
  const files = new Map<string, Media>();
  let bytesHeld = 0;

  const remove = (id: string): void => {
    bytesHeld -= files.get(id)?.bytes.length ?? 0;
    files.delete(id);
  };
  const get = (id: string): Media | undefined => {
    const media = files.get(id);
    return media === undefined || media.expiresAtMs <= nowMs() ? undefined : media;
  };
  const hashOf = (id: string, expiry: string): string => createHmac("sha256", secret).update(`${id} ${expiry}`).digest("base64url");

  return {
    put({ from, ...file }) {
      const kept = from === "customer" ? 7 * dayMs : 30 * dayMs;
      const sha256 = createHash("sha256").update(file.bytes).digest();
      const media = { ...file, id: newNumericId(), sha256, expiresAtMs: nowMs() + kept };
      files.set(media.id, media);
      bytesHeld += media.bytes.length;
      for (const id of files.keys()) {
        if (bytesHeld <= limits.sandboxMediaBytesMax || id === media.id) break;
        remove(id);
      }
      return media;
    },
    get,
    urlOf({ id }) {
      const expiry = String(nowMs() + mediaUrlMs);
      return `${origin()}${downloadPath}?mid=${id}&ext=${expiry}&hash=${hashOf(id, expiry)}`;
    },
    open(query) {
      const [id, expiry] = [query.get("mid") ?? "", query.get("ext") ?? ""];
      if (query.get("hash") !== hashOf(id, expiry) || Number(expiry) <= nowMs()) return undefined;
      return get(id);
    },
    remove,
  };
}
