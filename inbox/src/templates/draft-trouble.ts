/** What the server has against a draft, in the reader's language, at the field that it is about. */
import type { DraftRule } from "../../../src/contract/template-drafts.ts";
import { useSentence } from "../app/sentence.ts";
import { useText } from "../app/text.tsx";
import { ApiError, Unreachable } from "../data/api.ts";
import { plainLine } from "../ui/plain.ts";

/** Of `meta` it is Meta's own sentence. */
const rules = [
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
] as const satisfies readonly Exclude<DraftRule, "meta">[];

export type DraftTrouble = { at: (field: string) => string | undefined; rest: string | undefined };

export function useDraftTrouble(error: Error | null): DraftTrouble {
  const text = useText();
  const inLanguage = useSentence();
  if (error === null) return { at: () => undefined, rest: undefined };
  const problem = error instanceof ApiError ? error.problem : null;
  const faults = problem?.errors ?? [];
  const said = ({ rule, detail }: { rule?: string; detail: string }): string => {
    const known = rules.find((one) => one === rule);
    return known === undefined ? plainLine(detail) : text(`draft_rule_${known}`);
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
