/** Who may ask for what, `GET /debug_token`, and `/oauth/access_token`. */
import { createHmac, randomBytes } from "node:crypto";
import { readText } from "../../services/whatsapp/graph/wire.ts";
import type { Token } from "../accounts.ts";
import { downloadPath } from "../media.ts";
import type { World } from "../world.ts";
import { GraphRefusal, json, refuseParameter, type Reply } from "./answer.ts";
import type { Call } from "./call.ts";

const scopes = ["whatsapp_business_management", "whatsapp_business_messaging", "public_profile"];

/** The living token that the call carries; 190 otherwise. */
export function authenticate(world: World, call: Call): Token {
  const given = call.accessToken ?? "";
  const token = isAppToken(world, given) ? appToken(given) : world.accounts.token(given);
  const refusal = (message: string, subcode?: number): GraphRefusal =>
    new GraphRefusal(190, null, { message, ...(subcode === undefined ? {} : { subcode }) });
  if (token === undefined) throw refusal("Invalid OAuth access token - Cannot parse access token");
  if (token.isRevoked) throw refusal("Error validating access token: The session has been invalidated.", 460);
  const nowMs = world.nowMs();
  if (token.expiresAtMs !== null && token.expiresAtMs <= nowMs) {
    const [expiry, now] = [new Date(token.expiresAtMs).toUTCString(), new Date(nowMs).toUTCString()];
    throw refusal(`Error validating access token: Session has expired on ${expiry}. The current time is ${now}.`, 463);
  }
  checkProof(world, call, token);
  return token;
}

/** The proof is optional unless it is demanded, and a wrong one is none. An app's own token proves itself; files lie beside Graph. */
function checkProof(world: World, { query, path }: Call, token: Token): void {
  const proof = query.get("appsecret_proof");
  if (proof === null) {
    const isDemanded = world.requiresProof && token.wabaIds !== null && path !== downloadPath;
    if (isDemanded) throw new GraphRefusal(100, null, { message: "API calls from the server require an appsecret_proof argument" });
    return;
  }
  // A token belongs to the app of its accounts.
  const secrets =
    token.wabaIds === null
      ? [world.appSecret]
      : Array.from(token.wabaIds, (id) => world.accounts.account(id)?.app.secret ?? world.appSecret);
  const isRight = secrets.some((secret) => createHmac("sha256", secret).update(token.value).digest("hex") === proof);
  if (!isRight) throw new GraphRefusal(100, null, { message: "Invalid appsecret_proof provided in the API argument" });
}

export function debugToken(world: World, call: Call): Reply {
  authenticate(world, call);
  const input = call.query.get("input_token");
  if (input === null) throw refuseParameter("The parameter input_token is required.");
  const token = world.accounts.token(input);
  const unknown = { error: { code: 190, message: "Invalid OAuth access token - Cannot parse access token" }, is_valid: false, scopes: [] };
  if (token === undefined) return json({ data: unknown });
  const isExpired = token.expiresAtMs !== null && token.expiresAtMs <= world.nowMs();
  const targets = [...(token.wabaIds ?? [])];
  return json({
    data: {
      app_id: token.appId ?? world.accounts.account(targets[0] ?? "")?.app.id ?? world.appId,
      type: token.type ?? "SYSTEM_USER",
      application: "Sandbox",
      data_access_expires_at: 0,
      expires_at: token.expiresAtMs === null ? 0 : Math.floor(token.expiresAtMs / 1000),
      is_valid: !isExpired && !token.isRevoked,
      issued_at: Math.floor(token.issuedAtMs / 1000),
      scopes: token.scopes ?? scopes,
      granular_scopes: (token.scopes ?? scopes.slice(0, 2)).map((scope) => ({ scope, target_ids: targets })),
      user_id: "122100000000001",
      ...(isExpired || token.isRevoked
        ? { error: { code: 190, message: "Error validating access token", subcode: isExpired ? 463 : 460 } }
        : {}),
    },
  });
}

/** A code of Embedded Signup (it lives for 30 s and works once), or the app's own token. */
export function exchange(world: World, call: Call): Reply {
  const value = (name: string): string => readText(call.body?.[name]) ?? call.query.get(name) ?? "";
  if (value("client_id") !== world.appId || value("client_secret") !== world.appSecret) {
    throw new GraphRefusal(1, null, { message: "Error validating client secret." });
  }
  if (value("grant_type") === "client_credentials") return json({ access_token: appTokenOf(world), token_type: "bearer" });
  const code = world.codes.get(value("code"));
  world.codes.delete(value("code"));
  if (code === undefined || code.expiresAtMs <= world.nowMs()) {
    throw new GraphRefusal(100, null, { message: "This authorization code has expired or has been used.", subcode: 36_007 });
  }
  if (value("redirect_uri") !== code.redirectUri) {
    const message =
      "Error validating verification code. Please make sure your redirect_uri is identical to the one you used in the OAuth dialog request";
    throw new GraphRefusal(100, null, { message, subcode: 36_008 });
  }
  const token = `sandbox-${randomBytes(24).toString("hex")}`;
  world.accounts.issueToken({ value: token, wabaIds: new Set(code.wabaIds), expiresAtMs: null });
  return json({ access_token: token, token_type: "bearer" });
}

function appTokenOf({ appId, appSecret }: World): string {
  return `${appId}|${appSecret}`;
}

/** The platform's app, or one of a tenant's own. */
function isAppToken(world: World, given: string): boolean {
  const own = world.accounts.numbers().map(({ wabaId }) => world.accounts.account(wabaId)?.app);
  return given === appTokenOf(world) || own.some((app) => app?.id !== undefined && given === `${app.id}|${app.secret}`);
}

function appToken(value: string): Token {
  return { value, wabaIds: null, expiresAtMs: null, isRevoked: false, issuedAtMs: 0 };
}
