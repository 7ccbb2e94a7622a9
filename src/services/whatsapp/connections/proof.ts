/**
 * Whether a token opens an account and a number: what `debug_token` says of it, and whether the account lists the number to it. A tenant's
 * own claim to an account stands on this alone (I9): ids can be guessed, and whoever names an account receives what was parked for it.
 */
import type { ConnectionCode } from "../../../contract/connections.ts";
import { tokenFault, type TokenFacts } from "../../../core/connection-health.ts";
import { connectionProblem } from "../../../core/connection-problems.ts";
import type { ConnectionTools } from "./tools.ts";
import { provenBy, type AccessToken } from "../graph/call.ts";
import { listNumbers, type ListedNumber } from "../graph/numbers-client.ts";
import { inspectToken } from "../graph/tokens-client.ts";

export type Claim = {
  wabaId: string;
  /** Null: any number of the account. */
  phoneNumberId: string | null;
  accessToken: AccessToken | string;
  appKey: string;
};

export type Proof =
  /** `token`: null where nobody can ask about tokens, for lack of the app's secret. */
  | { kind: "proven"; token: TokenFacts | null; numbers: readonly ListedNumber[] }
  | { kind: "refused"; code: ConnectionCode; metaCode: number | null; detail: string | null }
  | { kind: "unreached"; reason: string };

export async function proveToken(tools: Pick<ConnectionTools, "graph" | "apps">, claim: Claim, timeoutMs: number): Promise<Proof> {
  const { wabaId, phoneNumberId, accessToken, appKey } = claim;
  const credentials = await tools.apps.find(appKey);
  const plain = typeof accessToken === "string" ? accessToken : accessToken.token;
  const asked = credentials === null ? null : await inspectToken(tools.graph, credentials, { token: plain, timeoutMs });
  if (asked?.kind === "unreached") return asked;
  if (asked?.kind === "refused") return { kind: "refused", code: "token_invalid", metaCode: asked.code, detail: asked.detail };
  const token = asked?.facts ?? null;
  const fault = token === null ? null : tokenFault(token, { appId: credentials?.appId ?? null, wabaId });
  if (fault !== null) return { kind: "refused", code: fault, metaCode: null, detail: null };

  const proven = typeof accessToken === "string" ? provenBy(accessToken, credentials?.secrets ?? []) : accessToken;
  const listed = await listNumbers(tools.graph, { wabaId, accessToken: proven, timeoutMs });
  if (listed.kind === "unreached") return listed;
  if (listed.kind === "refused") {
    const code = listed.code === invalidToken ? "token_invalid" : "token_other_account";
    return { kind: "refused", code, metaCode: listed.code, detail: listed.detail };
  }
  const numbers = listed.facts;
  if (phoneNumberId !== null && !numbers.some((number) => number.phoneNumberId === phoneNumberId)) {
    return { kind: "refused", code: "token_other_account", metaCode: null, detail: "The account does not list this number." };
  }
  return { kind: "proven", token, numbers };
}

const invalidToken = 190;

export function sentenceOf({ code, detail }: { code: ConnectionCode; detail: string | null }): string {
  const { sentence } = connectionProblem(code);
  return detail === null ? sentence.en : `${sentence.en} (${detail})`;
}
