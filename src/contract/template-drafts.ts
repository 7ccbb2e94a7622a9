/** A template as a business writes it, before Meta has judged it. Pictures, cards and offers are made in Meta's own manager. */
import { Type, type Static } from "typebox";
import { limits } from "../limits.ts";
import { Id, Nullable, OneOf, Text } from "./json.ts";

/** Those of authentication are of Meta's own words, and made there. */
const draftCategories = ["UTILITY", "MARKETING"] as const;
const draftFormats = ["positional", "named"] as const;

/** What is wrong with a field; the words are stable, and the inbox has a sentence for each. */
export const draftRules = [
  "name",
  "language",
  "empty",
  "too_long",
  "line_break",
  "braces",
  "order",
  "variable_name",
  "at_an_end",
  "side_by_side",
  "too_many_variables",
  "no_variables",
  "example",
  "url",
  "url_variable",
  "phone",
  "too_many_buttons",
  "same_button",
  "grouped",
  "locked",
  "meta",
] as const;
export type DraftRule = (typeof draftRules)[number];

const Words = (maxLength: number, description?: string) =>
  Text({ maxLength, minLength: 0, ...(description === undefined ? {} : { description }) });
const Example = Words(limits.templateExampleCharsMax, "What may stand there; Meta's people see it");

const fields = {
  category: OneOf(draftCategories),
  parameterFormat: Type.Optional(OneOf(draftFormats, { description: "{{1}} or {{name}}; positional when left out" })),
  header: Type.Optional(
    Nullable(
      Type.Object(
        { text: Words(limits.templateDraftCharsMax, "One line, one variable at most"), example: Type.Optional(Example) },
        { additionalProperties: false },
      ),
    ),
  ),
  body: Words(limits.templateDraftCharsMax),
  examples: Type.Optional(
    Type.Array(
      Type.Object({ name: Words(limits.wordCharsMax, "The variable's number or name"), text: Example }, { additionalProperties: false }),
      {
        maxItems: limits.metaTemplateParametersMax,
        description: "One for each variable of the body",
      },
    ),
  ),
  footer: Type.Optional(Nullable(Words(limits.templateDraftCharsMax))),
  buttons: Type.Optional(
    Type.Array(
      Type.Object(
        {
          kind: OneOf(["quick_reply", "url", "phone_number", "copy_code"]),
          text: Type.Optional(Words(limits.templateDraftCharsMax, "Not of copy_code, whose text is Meta's")),
          url: Type.Optional(Words(limits.templateUrlCharsMax, "Of url; it may end with {{1}}")),
          phone: Type.Optional(Words(limits.wordCharsMax, "Of phone_number, with its country code")),
          example: Type.Optional(Example),
        },
        { additionalProperties: false },
      ),
      { maxItems: limits.metaTemplateButtonsMax },
    ),
  ),
};

export const EditTemplate = Type.Object(fields, { additionalProperties: false });
export type EditTemplate = Static<typeof EditTemplate>;

export const CreateTemplate = Type.Object(
  {
    accountId: Type.Optional(Type.Unsafe<string>({ ...Id, description: "Needed where the tenant has several accounts" })),
    name: Words(limits.templateDraftCharsMax, "Lower-case letters, digits and underscores"),
    language: Words(limits.wordCharsMax, "As Meta writes it: he, ar, en_US"),
    ...fields,
  },
  { additionalProperties: false },
);
export type CreateTemplate = Static<typeof CreateTemplate>;
