/** Two OpenID providers on this machine: the real one of `oidc-provider`, and one of our own that lies as it is told. */
import { createHash, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Provider } from "oidc-provider";
import type { AfterAll } from "./api.ts";

export const client = { clientId: "kesher", clientSecret: "a-secret-of-the-client-at-the-provider" };
export type Account = { email: string; isVerified: boolean; name: string };

/** Knows whoever is in `accounts`, by subject. */
export async function startProvider(t: AfterAll, redirectUri: string, accounts: ReadonlyMap<string, Account>): Promise<string> {
  const server = createServer();
  const issuer = await listen(t, server);
  const provider = new Provider(issuer, {
    clients: [{ client_id: client.clientId, client_secret: client.clientSecret, redirect_uris: [redirectUri] }],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    pkce: { required: () => true },
    cookies: { keys: ["a key for the provider's cookies"] },
    findAccount: (_context, sub) => {
      const account = accounts.get(sub);
      if (account === undefined) return undefined;
      return { accountId: sub, claims: () => ({ sub, email: account.email, email_verified: account.isVerified, name: account.name }) };
    },
  });
  server.on("request", provider.callback());
  return issuer;
}

/** As a browser would, with the provider's own pages: signs in as `sub`, consents, and gives back where it is sent then. */
export async function passProvider(url: string, sub: string): Promise<string> {
  const cookies = new Map<string, string>();
  const visit = async (address: string, form?: Record<string, string>): Promise<Response> => {
    const answer = await fetch(address, {
      redirect: "manual",
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
      ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }),
    });
    for (const header of answer.headers.getSetCookie()) {
      const [name = "", value = ""] = (header.split(";")[0] ?? "").split("=");
      cookies.set(name, value);
    }
    return answer;
  };
  let address = url;
  for (let step = 0; step < 10; step += 1) {
    const answer = await visit(address);
    const next = answer.headers.get("location");
    if (next !== null) address = new URL(next, address).href;
    else {
      const page = await answer.text();
      const prompt = page.includes('value="login"') ? "login" : "consent";
      const action = /action="([^"]+)"/.exec(page)?.[1] ?? "";
      const posted = await visit(new URL(action, address).href, { prompt, login: sub, password: "any" });
      address = new URL(posted.headers.get("location") ?? "", address).href;
    }
    if (new URL(address).origin !== new URL(url).origin) return address;
  }
  throw new Error(`The provider leads nowhere: ${address}`);
}

export type Lies = {
  /** What the discovery document says. */
  issuer?: string;
  /** Of the ID token; undefined leaves one out. */
  claims?: Record<string, unknown>;
  signsWithOwnKey?: boolean;
  algorithm?: "none";
};

/** Gives out an ID token for every code, as the lies want it. It checks PKCE and the client's secret, so that a client without them is found out. */
export async function startLiar(
  t: AfterAll,
  lies: Lies,
): Promise<{ issuer: string; seen: { verifier: string | null; authorization: string | null } }> {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const other = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const seen: { verifier: string | null; authorization: string | null } = { verifier: null, authorization: null };
  const server = createServer((request, response) => {
    void answer(request.url ?? "", request).then((json) =>
      response.setHeader("content-type", "application/json").end(JSON.stringify(json)),
    );
  });
  const issuer = await listen(t, server);

  async function answer(url: string, request: IncomingMessage): Promise<unknown> {
    if (url.startsWith("/.well-known")) {
      return {
        issuer: lies.issuer ?? issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/jwks`,
        id_token_signing_alg_values_supported: ["RS256"],
      };
    }
    if (url.startsWith("/jwks")) return { keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k", alg: "RS256", use: "sig" }] };
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const form = new URLSearchParams(body);
    seen.verifier = form.get("code_verifier");
    seen.authorization = request.headers.authorization ?? form.get("client_secret");
    // The code carries the nonce and the challenge of the request that it answers.
    const [nonce, challenge] = (form.get("code") ?? "").split(".");
    if (
      createHash("sha256")
        .update(seen.verifier ?? "")
        .digest("base64url") !== challenge
    )
      return { error: "invalid_grant" };
    const nowSeconds = Math.floor(Date.now() / 1_000);
    const claims = { iss: issuer, aud: client.clientId, sub: "liar", iat: nowSeconds, exp: nowSeconds + 60, nonce, ...lies.claims };
    return {
      access_token: "t",
      token_type: "Bearer",
      expires_in: 60,
      id_token: tokenOf(claims, lies.signsWithOwnKey === true ? other : privateKey, lies.algorithm),
    };
  }
  return { issuer, seen };
}

/** The address that such a provider would send the browser back to. */
export function answerOf(url: string): string {
  const query = new URL(url).searchParams;
  const back = new URL(query.get("redirect_uri") ?? "");
  back.searchParams.set("code", `${query.get("nonce")}.${query.get("code_challenge")}`);
  back.searchParams.set("state", query.get("state") ?? "");
  return back.href;
}

function tokenOf(claims: object, key: KeyObject, algorithm?: "none"): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: algorithm ?? "RS256", kid: "k", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${algorithm === "none" ? "" : sign("sha256", Buffer.from(signed), key).toString("base64url")}`;
}

async function listen(t: AfterAll, server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
