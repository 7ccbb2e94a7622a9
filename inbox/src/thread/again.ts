/** A stored message of ours as what can be sent, for sending it anew at another time; null where that cannot be told from what is stored. */
import type { OutgoingContent } from "../../../src/contract/outgoing.ts";
import { fieldsOf, textOf } from "./fields.ts";

export function outgoingAgain(stored: unknown): OutgoingContent | null {
  const content = fieldsOf(stored);
  const kind = content["kind"];
  const caption = textOf(content["caption"]);
  const filename = textOf(content["filename"]);
  switch (kind) {
    case "text": {
      const body = textOf(content["body"]);
      return body === null ? null : { type: "text", body };
    }
    case "template": {
      const [name, language] = [textOf(content["name"]), textOf(content["language"])];
      // What is stored was made of the same type (`core/outgoing.ts`).
      return name === null || language === null ? null : { type: "template", name, language, ...fieldsOf(content["parameters"]) };
    }
    case "image":
    case "video":
    case "document": {
      const mediaId = textOf(fieldsOf(content["media"])["mediaId"]);
      if (mediaId === null) return null;
      const said = { media: { mediaId }, ...(caption === null ? {} : { caption }) };
      return kind === "document" ? { type: kind, ...said, ...(filename === null ? {} : { filename }) } : { type: kind, ...said };
    }
    default:
      return null;
  }
}
