/** Pieces of which what is sent is made. */
import { Type, type Static, type TProperties } from "typebox";
import { limits } from "../limits.ts";
import { Id, Text } from "./json.ts";

/** An object that has no other fields: a misspelt one is told, not lost. */
export function Closed<Properties extends TProperties>(properties: Properties) {
  return Type.Object(properties, { additionalProperties: false });
}

/** Meta fetches it: by https only. */
export const Link = Type.String({
  pattern: "^https://[^\\s\\u0000]+$",
  maxLength: limits.metaLinkCharsMax,
  description: "An https address",
});

/** A file: one that was uploaded here, one that Meta fetches, or one that was uploaded to Meta through this number. */
export const MediaRef = Type.Union(
  [
    Closed({ mediaId: Id }),
    Closed({ link: Link }),
    Closed({ waMediaId: Text({ maxLength: limits.waIdCharsMax, description: "Meta's own id of the file" }) }),
  ],
  { description: "One of `mediaId` (uploaded here), `link`, `waMediaId` (uploaded to Meta)" },
);
export type MediaRef = Static<typeof MediaRef>;
