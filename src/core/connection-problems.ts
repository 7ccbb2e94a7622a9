/** What is wrong with a connection, for people: what it means and what to do. The type refuses a code without its words. */
import type { CheckState, ConnectionCode } from "../contract/connections.ts";
import { accessProblems } from "./connection-problems-access.ts";
import { numberProblems } from "./connection-problems-number.ts";

export type Sentence = { readonly he: string; readonly en: string; readonly ar: string };
export type ConnectionProblem = { readonly state: Exclude<CheckState, "ok">; readonly sentence: Sentence; readonly action: Sentence };

export function connectionProblem(code: ConnectionCode): ConnectionProblem {
  return problems[code];
}

const problems: Readonly<Record<ConnectionCode, ConnectionProblem>> = { ...accessProblems, ...numberProblems };
