/** What the server has against a draft, in the reader's language, at the field that it is about. */
import type { DraftRule } from "../../../src/contract/template-drafts.ts";
import { useSentence } from "../app/sentence.ts";
import { useText } from "../app/text.tsx";
import { ApiError, Unreachable } from "../data/api.ts";
import type { TextKey } from "../texts/keys.ts";
import { plainLine } from "../ui/plain.ts";

/** Total: a rule that the server learns does not compile without its sentence. Of `meta` it is Meta's own. */
const sentences: Readonly<Record<Exclude<DraftRule, "meta">, TextKey>> = {
  name: "draft_rule_name",
  language: "draft_rule_language",
  empty: "draft_rule_empty",
  too_long: "draft_rule_too_long",
  line_break: "draft_rule_line_break",
  braces: "draft_rule_braces",
  order: "draft_rule_order",
  variable_name: "draft_rule_variable_name",
  at_an_end: "draft_rule_at_an_end",
  side_by_side: "draft_rule_side_by_side",
  too_many_variables: "draft_rule_too_many_variables",
  no_variables: "draft_rule_no_variables",
  example: "draft_rule_example",
  url: "draft_rule_url",
  url_variable: "draft_rule_url_variable",
  phone: "draft_rule_phone",
  too_many_buttons: "draft_rule_too_many_buttons",
  same_button: "draft_rule_same_button",
  grouped: "draft_rule_grouped",
  locked: "draft_rule_locked",
};

const sentenceOf: ReadonlyMap<string | undefined, TextKey> = new Map(Object.entries(sentences));

export type DraftTrouble = { at: (field: string) => string | undefined; rest: string | undefined };

export function useDraftTrouble(error: Error | null): DraftTrouble {
  const text = useText();
  const inLanguage = useSentence();
  if (error === null) return { at: () => undefined, rest: undefined };
  const problem = error instanceof ApiError ? error.problem : null;
  const faults = problem?.errors ?? [];
  const said = ({ rule, detail }: { rule?: string; detail: string }): string => {
    const known = sentenceOf.get(rule);
    return known === undefined ? plainLine(detail) : text(known);
  };
  return {
    at(field) {
      const fault = faults.find((one) => one.field === field);
      return fault === undefined ? undefined : said(fault);
    },
    rest: faults.length > 0 ? text("draft_faults", { count: faults.length }) : restOf(),
  };

  function restOf(): string {
    if (error instanceof Unreachable) return text("draft_not_known");
    if (problem?.code === "not_connected") return text("draft_no_token");
    if (problem?.code === "conflict") return text("draft_conflict");
    if (problem?.code === "forbidden") return text("needs_manager");
    const { sentence, action } = problem ?? {};
    if (sentence !== undefined) return [sentence, action].flatMap((one) => (one === undefined ? [] : [inLanguage(one)])).join(" ");
    return text("draft_refused", { detail: `\u2068${plainLine(error?.message ?? "")}\u2069` });
  }
}
