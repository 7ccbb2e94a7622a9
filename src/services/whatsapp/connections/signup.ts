/**
 * Connecting a number by Meta's dialogue (Embedded Signup). The browser brings a code and, if the dialogue told them, ids. The token that the
 * code becomes says which accounts and numbers it opens: ids that were not told are found by it, and ids that were told are proven by it.
 */
import type { CompleteSignup, CreatedConnection, EmbeddedSignup, SignupChoice } from "../../../contract/connections.ts";
import type { Actor } from "../../../core/actor.ts";
import { invalidRequest, Rejection } from "../../../core/rejection.ts";
import type { TenantScope } from "../../../core/scope.ts";
import type { SecretContext } from "../../../core/secret-box.ts";
import { time } from "../../../db/statement.ts";
import { limits } from "../../../limits.ts";
import { connectProven, proveOrRefuse, unreached, type Connector } from "./connect.ts";
import type { ConnectionTools } from "./tools.ts";
import { provenBy } from "../graph/call.ts";
import { readNumber } from "../graph/numbers-client.ts";
import { exchangeCode, inspectToken, type AppCredentials } from "../graph/tokens-client.ts";

type Asker = Pick<Connector, "scope" | "actor">;
type Wanted = Omit<CompleteSignup, "tenantId">;
type Offered = SignupChoice["numbers"][number];

/** What the browser opens Meta's dialogue with. Throws `unavailable` where the platform has no app or no configuration for it. */
export async function beginSignup(tools: ConnectionTools, by: Asker): Promise<EmbeddedSignup> {
  const platform = await tools.apps.find("");
  if (platform === null || tools.configId === null) {
    throw new Rejection("unavailable", 503, "Connecting through Meta's dialogue needs META_APP_ID and META_CONFIG_ID.");
  }
  const expiresAt = time(tools.nowMs() + limits.signupMsMax);
  return {
    appId: platform.appId,
    configId: tools.configId,
    graphVersion: tools.graph.version,
    state: sealFor(tools, by, "state", expiresAt),
    expiresAt,
  };
}

/**
 * Ends Meta's dialogue. The code becomes a token, which alone tells whether the ids are the caller's: they came through a browser. Throws as
 * `connectByToken`; up to the connection itself everything can be done again only through the dialogue, but for the choice of a number.
 */
export async function completeSignup(
  tools: ConnectionTools,
  by: Connector,
  wanted: Wanted,
): Promise<CreatedConnection & { isNew: boolean }> {
  assertBegunHere(tools, by, wanted.state);
  const platform = await tools.apps.find("");
  if (platform === null) throw unreached();
  const accessToken = await tokenOf(tools, by, { wanted, platform });
  const offered = await numbersOf(tools, { wanted, platform, accessToken });
  const number = theOne(tools, by, { offered, accessToken });
  const connection = {
    ...number,
    accessToken,
    portfolioId: wanted.portfolioId ?? null,
    appKey: null,
    isOnboarded: wanted.isCoexistence ?? (hasIds(wanted) ? false : await isInApp(tools, { ...number, accessToken, platform })),
  };
  return connectProven(tools, by, { connection, pin: wanted.pin });
}

async function tokenOf(tools: ConnectionTools, by: Asker, { wanted, platform }: { wanted: Wanted; platform: AppCredentials }) {
  const { code, exchanged, redirectUri = null } = wanted;
  if (exchanged !== undefined) return openChosen(tools, by, exchanged);
  if (code === undefined) throw invalidRequest("code: it is missing");
  const asked = await exchangeCode(tools.graph, platform, { code, redirectUri, timeoutMs: limits.connectionCallMsMax });
  if (asked.kind === "answered") return asked.facts;
  if (asked.kind === "unreached") throw unreached();
  const said = asked.detail === null ? "" : ` (${asked.detail})`;
  throw refusal(`Meta did not take the code: it lives for 30 seconds and works once. Open the dialogue again.${said}`);
}

/** Every number that the token opens and that may be meant. */
async function numbersOf(
  tools: ConnectionTools,
  { wanted, platform, accessToken }: { wanted: Wanted; platform: AppCredentials; accessToken: string },
): Promise<Offered[]> {
  const phoneNumberId = wanted.phoneNumberId ?? null;
  const offered: Offered[] = [];
  for (const wabaId of await accountsOf(tools, { wabaId: wanted.wabaId ?? null, platform, accessToken })) {
    const { numbers } = await proveOrRefuse(tools, { wabaId, phoneNumberId, accessToken, appKey: "" });
    offered.push(
      ...numbers.filter((one) => phoneNumberId === null || one.phoneNumberId === phoneNumberId).map((one) => ({ wabaId, ...one })),
    );
  }
  return offered;
}

async function accountsOf(
  tools: ConnectionTools,
  { wabaId, platform, accessToken }: { wabaId: string | null; platform: AppCredentials; accessToken: string },
): Promise<readonly string[]> {
  if (wabaId !== null) return [wabaId];
  const inspect = () => inspectToken(tools.graph, platform, { token: accessToken, timeoutMs: limits.connectionCallMsMax });
  const first = await inspect();
  // Twice, since the code is used up.
  const asked = first.kind === "unreached" ? await inspect() : first;
  if (asked.kind !== "answered") throw unreached();
  const { wabaIds } = asked.facts;
  if (wabaIds === null || wabaIds.length === 0) {
    throw refusal("Meta did not say which account was chosen. Connect the number by its ids and a token.");
  }
  return wabaIds.slice(0, limits.signupAccountsMax);
}

/** Throws `meta_refused`, with the choice where there is one: the token goes to the browser and back, sealed, since nothing is stored yet. */
function theOne(tools: ConnectionTools, by: Asker, { offered, accessToken }: { offered: Offered[]; accessToken: string }): Offered {
  const [number, ...others] = offered;
  if (number === undefined) throw refusal("The account has no number yet: add one in Meta's dialogue, and open it again.");
  if (others.length === 0) return number;
  const expiresAt = time(tools.nowMs() + limits.signupMsMax);
  const exchanged = sealFor(tools, by, "token", JSON.stringify({ accessToken, expiresAt }));
  throw new Rejection("meta_refused", 422, "The account has several numbers: choose one.", { choice: { exchanged, numbers: offered } });
}

/** Whether the number stays in the Business app: it must not be registered then. */
async function isInApp(
  tools: ConnectionTools,
  { phoneNumberId, accessToken, platform }: { phoneNumberId: string; accessToken: string; platform: AppCredentials },
): Promise<boolean> {
  const access = { phoneNumberId, accessToken: provenBy(accessToken, platform.secrets), timeoutMs: limits.connectionCallMsMax };
  const asked = await readNumber(tools.graph, access);
  if (asked.kind !== "answered") throw unreached();
  return asked.facts.isOnBizApp;
}

function hasIds({ wabaId }: Wanted): boolean {
  return wabaId !== undefined && wabaId !== null;
}

function refusal(detail: string): Rejection {
  return new Rejection("meta_refused", 422, detail);
}

/** Sealed for the tenant and for the person or key that asked: nobody else's dialogue can be ended here. */
function assertBegunHere(tools: ConnectionTools, by: Asker, state: string): void {
  const fault = invalidRequest("state: this dialogue was not begun here, or too long ago. Open it again.");
  const expiresAt = openFor(tools, by, "state", state) ?? "";
  if (!(Date.parse(expiresAt) > tools.nowMs())) throw fault;
}

function openChosen(tools: ConnectionTools, by: Asker, exchanged: string): string {
  const sealed = openFor(tools, by, "token", exchanged);
  // Written by `theOne`: nobody else has the key.
  const { accessToken, expiresAt } =
    sealed === null ? { accessToken: "", expiresAt: "" } : (JSON.parse(sealed) as Record<"accessToken" | "expiresAt", string>);
  if (!(Date.parse(expiresAt) > tools.nowMs()))
    throw invalidRequest("exchanged: this choice was not offered here, or too long ago. Open the dialogue again.");
  return accessToken;
}

function sealFor({ seal }: ConnectionTools, by: Asker, column: "state" | "token", plain: string): string {
  return seal(contextOf(by.scope, by.actor, column), plain).toString("base64url");
}

/** Null for whatever was not sealed for them. */
function openFor({ open }: ConnectionTools, by: Asker, column: "state" | "token", sealed: string): string | null {
  try {
    return open(contextOf(by.scope, by.actor, column), Buffer.from(sealed, "base64url"));
  } catch {
    return null;
  }
}

function contextOf({ tenantId }: TenantScope, { kind, id }: Actor, column: "state" | "token"): SecretContext {
  return { table: "embedded_signup", column, tenantId, rowId: `${kind}:${id ?? ""}` };
}
