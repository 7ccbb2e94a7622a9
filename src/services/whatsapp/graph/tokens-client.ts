/** `/oauth/access_token` and `/debug_token` (PLATFORM section 9). Both are asked in the name of the Meta app itself. */
import type { Asked, TokenFacts } from "../../../core/connection-health.ts";
import { neededScopes } from "../../../core/connection-health.ts";
import { askedOf } from "./asked.ts";
import { callGraph, type Graph } from "./call.ts";
import { readFlag, readList, readNumber, readRecord, readText, readWord, type Wire } from "./wire.ts";

/** A Meta app. Of its secrets the first is the one to stay; while one is being changed, Meta may still know the other only. */
export type AppCredentials = { appId: string; secrets: readonly string[] };

/**
 * A code of Embedded Signup becomes a token of the customer's business. Meta takes it for 30 s, once; a wrong secret does not use it up.
 * `redirectUri` must be the very address that the code was sent to, and absent where Meta's SDK took it.
 */
export async function exchangeCode(
  graph: Graph,
  { appId, secrets }: AppCredentials,
  { code, redirectUri, timeoutMs }: { code: string; redirectUri: string | null; timeoutMs: number },
): Promise<Asked<string>> {
  const ask = async (secret: string): Promise<Asked<string>> => {
    const body = new URLSearchParams({ client_id: appId, client_secret: secret, code, grant_type: "authorization_code" });
    if (redirectUri !== null) body.set("redirect_uri", redirectUri);
    const answer = await callGraph(graph, { method: "POST", path: ["oauth", "access_token"], body, accessToken: null, timeoutMs });
    return askedOf(answer, (value) => readText(value["access_token"]));
  };
  return withEach(secrets, ask, (asked) => asked.kind === "refused" && asked.code === wrongSecret);
}

/** "Error validating client secret." */
const wrongSecret = 1;

/** What Meta says of a token; an answer about a token that is none is an answer, too. */
export async function inspectToken(
  graph: Graph,
  { appId, secrets }: AppCredentials,
  { token, timeoutMs }: { token: string; timeoutMs: number },
): Promise<Asked<TokenFacts>> {
  const ask = async (secret: string): Promise<Asked<TokenFacts>> => {
    const answer = await callGraph(graph, {
      method: "GET",
      path: ["debug_token"],
      query: { input_token: token },
      accessToken: `${appId}|${secret}`,
      timeoutMs,
    });
    return askedOf(answer, (value) => readToken(readRecord(value["data"])));
  };
  // A refusal is of the app's own token: nothing was said about the one in question.
  const asked = await withEach(secrets, ask, ({ kind }) => kind === "refused");
  return asked.kind === "refused" ? { kind: "unreached", reason: `code_${asked.code}` } : asked;
}

async function withEach<Facts>(
  secrets: readonly string[],
  ask: (secret: string) => Promise<Asked<Facts>>,
  isWrong: (asked: Asked<Facts>) => boolean,
): Promise<Asked<Facts>> {
  let asked: Asked<Facts> = { kind: "unreached", reason: "no_app_secret" };
  for (const secret of secrets) {
    asked = await ask(secret);
    if (!isWrong(asked)) break;
  }
  return asked;
}

function readToken(data: Wire | null): TokenFacts | null {
  if (data === null) return null;
  const isValid = readFlag(data["is_valid"]);
  if (isValid === null) return null;
  const expiresAt = readNumber(data["expires_at"]) ?? 0;
  const scopes = readList(data["scopes"]).map(readWord);
  return {
    isValid,
    appId: readText(data["app_id"]),
    type: readWord(data["type"]),
    scopes: scopes.filter((scope) => scope !== null),
    expiresAtMs: expiresAt > 0 ? expiresAt * 1_000 : null,
    wabaIds: accountsOf(readList(data["granular_scopes"])),
  };
}

/** Accounts that every needed scope names; a scope without targets reaches all. Null where no scope has any. */
function accountsOf(granular: readonly unknown[]): readonly string[] | null {
  const named = granular.map(readRecord).flatMap((one) => {
    const targets = readList(one?.["target_ids"]).map(readText);
    const isNeeded = neededScopes.some((scope) => scope === one?.["scope"]);
    return isNeeded && targets.length > 0 ? [targets.filter((id) => id !== null)] : [];
  });
  const [first, ...more] = named;
  return first === undefined ? null : first.filter((id) => more.every((targets) => targets.includes(id)));
}
