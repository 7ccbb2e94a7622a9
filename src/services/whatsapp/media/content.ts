/** Where the files stand in a message's content. Meta's id is stored as `mediaId`; what is shown has our id there, and Meta's as `waMediaId`. */
import type { MediaKind } from "../../../core/media-type.ts";

export type MediaInContent = {
  kind: MediaKind;
  waMediaId: string;
  mimeType: string | null;
  sha256: string | null;
  url: string | null;
  fileName: string | null;
};

type Fields = { readonly [name: string]: unknown };

const kinds: ReadonlySet<string> = new Set(["image", "video", "audio", "document", "sticker"]);

/** The files that Meta holds for a message. A message has one; a call may have a recording and a transcript; an edit brings its own. */
export function mediaOf(content: unknown): MediaInContent[] {
  return placesOf(content).flatMap(({ kind, fields }) => {
    const waMediaId = fields["mediaId"];
    if (typeof waMediaId !== "string" || waMediaId === "") return [];
    return [
      {
        kind,
        waMediaId,
        mimeType: textOf(fields["mimeType"]),
        sha256: textOf(fields["sha256"]),
        url: textOf(fields["url"]),
        fileName: textOf(fields["filename"]),
      },
    ];
  });
}

export type ShownMedia = { id: string; state: string; bytes: number | null };

/**
 * The content as it is shown: `mediaId` is the id for `GET /api/v1/media/{id}`, `mediaState` says whether the file is there, `mediaBytes` how large it is,
 * `waMediaId` is Meta's id. Meta's address is left out: it works for minutes, and only with a token.
 */
export function showMediaIn(content: unknown, find: (key: { waMediaId: string } | { id: string }) => ShownMedia | undefined): unknown {
  const places = placesOf(content);
  if (places.length === 0) return content;
  const show = (fields: Fields): Fields => {
    const { mediaId: waMediaId, url, media, ...rest } = fields;
    const ours = isFields(media) ? textOf(media["mediaId"]) : null;
    const found = ours !== null ? find({ id: ours }) : typeof waMediaId === "string" ? find({ waMediaId }) : undefined;
    // What we send may stand at an address of the tenant's own.
    const reference = media === undefined ? {} : { media, ...(url === undefined ? {} : { url }) };
    const ids = { mediaId: found?.id ?? null, mediaState: found?.state ?? null, waMediaId: waMediaId ?? null };
    return { ...rest, ...reference, ...ids, mediaBytes: found?.bytes ?? null };
  };
  const whole = content as Fields;
  const [place] = places;
  if (place?.at === null) return show(whole);
  return { ...whole, ...Object.fromEntries(places.map(({ at, fields }) => [at, show(fields)])) };
}

/** Keys by which `showMediaIn` will ask. */
export function mediaKeysOf(content: unknown): { ids: string[]; waMediaIds: string[] } {
  const places = placesOf(content);
  const ids = places.flatMap(({ fields }) => (isFields(fields["media"]) ? (textOf(fields["media"]["mediaId"]) ?? []) : []));
  return { ids, waMediaIds: places.flatMap(({ fields }) => textOf(fields["mediaId"]) ?? []) };
}

function placesOf(content: unknown): { at: string | null; kind: MediaKind; fields: Fields }[] {
  if (!isFields(content)) return [];
  const word = content["kind"];
  // The set holds exactly the words of the type.
  if (typeof word === "string" && kinds.has(word)) return [{ at: null, kind: word as MediaKind, fields: content }];
  switch (word) {
    case "edit":
      return placesOf(content["message"]).flatMap((place) => (place.at === null ? [{ ...place, at: "message" }] : []));
    case "call":
    case "call_status":
      return [
        ...(isFields(content["recording"]) ? [{ at: "recording", kind: "audio" as const, fields: content["recording"] }] : []),
        ...(isFields(content["transcript"]) ? [{ at: "transcript", kind: "document" as const, fields: content["transcript"] }] : []),
      ];
    default:
      return [];
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
