/** A message in words: what was written, else what kind of thing it is. */
import type { useText } from "../app/text.tsx";
import type { TextKey } from "../texts/keys.ts";
import { fieldsOf, textOf } from "./fields.ts";

const kinds: Readonly<Record<string, TextKey>> = {
  image: "kind_image",
  video: "kind_video",
  audio: "kind_audio",
  document: "kind_document",
  sticker: "kind_sticker",
  location: "kind_location",
  contacts: "contact",
  flow_reply: "kind_flow",
  interactive: "kind_interactive",
  template: "kind_template",
  system: "kind_system",
  revoked: "revoked",
};

export function kindWords(type: string, content: unknown, text: ReturnType<typeof useText>): string {
  const fields = fieldsOf(content);
  const kind = textOf(fields["kind"]) ?? type;
  const written = ["body", "caption", "text", "title", "name"].flatMap((name) => textOf(fields[name]) ?? [])[0];
  const word = kinds[kind];
  const what = word === undefined ? null : text(kind === "audio" && fields["voice"] === true ? "kind_voice" : word);
  return [what, written].filter((part) => part !== null && part !== undefined).join(": ") || text("message_without_words");
}
