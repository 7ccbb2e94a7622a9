/** What a refusal says, for people: Meta's reason in the reader's language where the server has words for it, else the server's sentence. */
import { useSentence, type Sentence } from "../app/sentence.ts";
import { useText } from "../app/text.tsx";
import { ApiError, Unreachable } from "../data/api.ts";
import { plainLine } from "../ui/plain.ts";

export type Refusal = {
  /** The field of the form that it is about, as the API calls it. */
  field: string | null;
  sentence: string;
  action: string | null;
};

const ofToken: ReadonlySet<string> = new Set(["token_invalid", "token_foreign_app", "token_scopes", "token_personal", "token_missing"]);

export function useRefusal(): (error: Error | null) => Refusal | null {
  const text = useText();
  const inLanguage = useSentence();
  return (error) => {
    if (error === null) return null;
    if (error instanceof Unreachable) return { field: null, sentence: text("error_unreachable"), action: null };
    if (!(error instanceof ApiError)) return { field: null, sentence: text("error_refused", { detail: error.message }), action: null };
    const { problem } = error;
    const said = (sentence: Sentence | undefined): string | null => (sentence === undefined ? null : inLanguage(sentence));
    if (problem?.code === "conflict") return { field: "wabaId", sentence: text("connect_taken"), action: null };
    if (problem?.code === "forbidden") return { field: null, sentence: text("needs_manager"), action: null };
    const reason = problem?.reason;
    const field = reason === undefined ? fieldIn(problem?.errors, error.message) : ofToken.has(reason) ? "accessToken" : "phoneNumberId";
    return { field, sentence: said(problem?.sentence) ?? plainLine(error.message), action: said(problem?.action) };
  };
}

/** Of a body that does not fit: its first fault names its field, or the sentence begins with it. */
function fieldIn(errors: readonly { field: string }[] | undefined, detail: string): string | null {
  const named = errors?.[0]?.field ?? /^(\w+)(?: \(body\)|:)/.exec(detail)?.[1] ?? null;
  return named;
}
