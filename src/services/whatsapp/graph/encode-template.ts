/** A draft in Meta's words, as `POST /{WABA}/message_templates` and `POST /{template}` take it. */
import type { EditTemplate } from "../../../contract/template-drafts.ts";
import { placeholdersOf } from "../../../core/template.ts";

type Fields = { readonly [key: string]: unknown };

/** Without name and language, which an edit does not say. Of a draft that `core/template-draft.ts` has nothing against. */
export function encodeDraft(draft: EditTemplate): { category: string; parameter_format: string; components: Fields[] } {
  const { category, parameterFormat = "positional", header = null, footer = null, buttons = [] } = draft;
  return {
    category,
    parameter_format: parameterFormat.toUpperCase(),
    components: [
      ...(header === null ? [] : [encodeHeader(header, parameterFormat)]),
      encodeBody(draft, parameterFormat),
      ...(footer === null ? [] : [{ type: "FOOTER", text: footer }]),
      ...(buttons.length === 0 ? [] : [{ type: "BUTTONS", buttons: buttons.map(encodeButton) }]),
    ],
  };
}

type Format = "positional" | "named";

function encodeHeader({ text, example = "" }: { text: string; example?: string }, format: Format): Fields {
  const [name] = placeholdersOf(text, format);
  const plain = { type: "HEADER", format: "TEXT", text };
  if (name === undefined) return plain;
  return format === "named"
    ? { ...plain, example: { header_text_named_params: [{ param_name: name, example }] } }
    : { ...plain, example: { header_text: [example] } };
}

function encodeBody({ body, examples = [] }: EditTemplate, format: Format): Fields {
  const names = placeholdersOf(body, format);
  if (names.length === 0) return { type: "BODY", text: body };
  const exampleOf = (name: string): string => examples.find((one) => one.name === name)?.text ?? "";
  const example =
    format === "named"
      ? { body_text_named_params: names.map((name) => ({ param_name: name, example: exampleOf(name) })) }
      : { body_text: [names.map(exampleOf)] };
  return { type: "BODY", text: body, example };
}

function encodeButton({ kind, text = "", url = "", phone = "", example = "" }: NonNullable<EditTemplate["buttons"]>[number]): Fields {
  switch (kind) {
    case "quick_reply":
      return { type: "QUICK_REPLY", text };
    case "url":
      return { type: "URL", text, url, ...(url.includes("{{") ? { example: [url.replace("{{1}}", () => example)] } : {}) };
    case "phone_number":
      return { type: "PHONE_NUMBER", text, phone_number: phone.replaceAll(/[\s()-]/g, "") };
    case "copy_code":
      return { type: "COPY_CODE", example };
    default:
      return kind satisfies never;
  }
}
