/** Why a form was not taken: at the field that the server names, else under the form. */
import type { ReactNode } from "react";
import type { ProblemCode } from "../../../src/contract/problem.ts";
import { useSentence } from "../app/sentence.ts";
import { useText } from "../app/text.tsx";
import { ApiError, Unreachable } from "../data/api.ts";
import type { TextKey } from "../texts/keys.ts";

export type KnownProblems = Partial<Record<ProblemCode, TextKey>>;
export type FormProblem = {
  /** What is wrong with this field. */
  at: (field: string) => string | undefined;
  /** What is about none of the fields. */
  rest: string | undefined;
};

/** `fields`: those that can show a sentence. `known`: what a code means here, in the reader's language. */
export function useProblem(error: Error | null, options: { fields?: readonly string[]; known?: KnownProblems } = {}): FormProblem {
  const text = useText();
  const inMyLanguage = useSentence();
  if (error === null) return { at: () => undefined, rest: undefined };
  const problem = error instanceof ApiError ? error.problem : null;
  const known = problem === null ? undefined : options.known?.[problem.code];
  const field = problem === null ? undefined : fieldOf(problem, options.fields ?? []);
  const said = (): string => {
    if (error instanceof Unreachable) return text("error_unreachable");
    if (known !== undefined) return text(known);
    if (problem?.sentence !== undefined) return inMyLanguage(problem.sentence);
    if (problem?.code === "rate_limited") return text("error_too_often", { minutes: Math.ceil((problem.retryAfterSeconds ?? 60) / 60) });
    return text("error_refused", { detail: `\u2068${error.message}\u2069` });
  };
  return { at: (name) => (name === field ? said() : undefined), rest: field === undefined ? said() : undefined };
}

/** The first word of the server's sentence is the field, with its path: `name (body) must …`. */
function fieldOf(problem: { detail: string; errors?: { field: string }[] }, fields: readonly string[]): string | undefined {
  const named = problem.errors?.[0]?.field ?? /^[A-Za-z]+/.exec(problem.detail)?.[0];
  const first = named?.split(".", 1)[0];
  return fields.find((field) => field === first);
}

export function FormTrouble({ children }: { children: ReactNode }) {
  return (
    <div role="alert">
      {children === undefined || children === null ? null : (
        <p dir="auto" className="rounded-lg bg-danger-soft px-3 py-2 text-sm text-danger">
          {children}
        </p>
      )}
    </div>
  );
}
