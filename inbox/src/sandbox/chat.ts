/** A chat as the customer's phone shows it: edits, deletions and reactions belong to the message that they are about. */
import { fieldsOf, listOf, textOf, type Fields } from "../thread/fields.ts";
import type { ChatMessage } from "./control.ts";

export type Bubble = ChatMessage & {
  /** What there is to read of it. */
  words: string;
  isEdited: boolean;
  isRevoked: boolean;
  reactions: { fromCustomer: string | null; fromBusiness: string | null };
  /** What the customer can tap. */
  taps: readonly Tap[];
};
export type Tap = { title: string; kind: "button" | "button_reply" | "list_reply" };

export function bubblesOf(messages: readonly ChatMessage[]): Bubble[] {
  const bubbles = new Map<string, Bubble>();
  for (const message of messages) {
    const content = fieldsOf(message.content);
    const change = changeOf(message.type, content);
    if (change === null) {
      const { type } = message;
      const reactions = { fromCustomer: null, fromBusiness: null };
      const taps = message.direction === "fromBusiness" ? tapsOf(type, content) : [];
      bubbles.set(message.waMessageId, {
        ...message,
        words: wordsOf(type, message.content),
        isEdited: false,
        isRevoked: false,
        reactions,
        taps,
      });
      continue;
    }
    const target = bubbles.get(change.target);
    if (target === undefined) continue;
    if (change.kind === "edit") bubbles.set(change.target, { ...target, words: change.words, isEdited: true });
    else if (change.kind === "revoke") bubbles.set(change.target, { ...target, isRevoked: true });
    else bubbles.set(change.target, { ...target, reactions: { ...target.reactions, [message.direction]: change.emoji } });
  }
  return [...bubbles.values()];
}

type Change =
  | { kind: "edit"; target: string; words: string }
  | { kind: "revoke"; target: string }
  | { kind: "react"; target: string; emoji: string | null };

function changeOf(type: string, content: Fields): Change | null {
  if (type === "reaction") return { kind: "react", target: textOf(content["message_id"]) ?? "", emoji: textOf(content["emoji"]) };
  const target = textOf(content["original_message_id"]) ?? "";
  if (type === "revoke") return { kind: "revoke", target };
  if (type !== "edit") return null;
  return { kind: "edit", target, words: textOf(fieldsOf(fieldsOf(content["message"])["text"])["body"]) ?? "" };
}

function wordsOf(type: string, raw: unknown): string {
  const content = fieldsOf(raw);
  if (type === "contacts") {
    return listOf(raw)
      .map((one) => textOf(fieldsOf(fieldsOf(one)["name"])["formatted_name"]) ?? "")
      .join(", ");
  }
  if (type === "template") return [textOf(content["name"]) ?? "", ...parametersOf(content)].join(" · ");
  if (type === "interactive") {
    const reply = [content["button_reply"], content["list_reply"], content["nfm_reply"]].map(fieldsOf);
    const title = reply.flatMap((one) => textOf(one["title"]) ?? textOf(one["body"]) ?? [])[0];
    return title ?? textOf(fieldsOf(content["body"])["text"]) ?? "";
  }
  const names = ["body", "caption", "text", "filename", "name"];
  return names.flatMap((name) => textOf(content[name]) ?? [])[0] ?? "";
}

function parametersOf(template: Fields): string[] {
  return listOf(template["components"]).flatMap((component) =>
    listOf(fieldsOf(component)["parameters"]).flatMap((parameter) => textOf(fieldsOf(parameter)["text"]) ?? []),
  );
}

function tapsOf(type: string, content: Fields): Tap[] {
  if (type !== "interactive") return [];
  const action = fieldsOf(content["action"]);
  const buttons = listOf(action["buttons"]).flatMap((one) => textOf(fieldsOf(fieldsOf(one)["reply"])["title"]) ?? []);
  const rows = listOf(action["sections"]).flatMap((section) =>
    listOf(fieldsOf(section)["rows"]).flatMap((one) => textOf(fieldsOf(one)["title"]) ?? []),
  );
  return [...buttons.map((title): Tap => ({ title, kind: "button_reply" })), ...rows.map((title): Tap => ({ title, kind: "list_reply" }))];
}
