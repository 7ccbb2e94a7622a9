/**
 * What better-auth does for us: it judges passwords with the same work whether the account exists or not, signs in by OpenID Connect (code
 * with PKCE, state bound to the browser, nonce, issuer, signature), and writes the rows of both. Its handler is mounted nowhere: the calls
 * below are all that is reached of it. Its organizations are our tenants; memberships, invitations and the ends of sessions are written by our
 * own statements, since they must be one transaction with the audit log (decisions/0022). Loading it takes half a second, so it is loaded when
 * the first person signs in.
 */
import { betterAuth, type BetterAuthOptions } from "better-auth";
import { isAPIError } from "better-auth/api";
import { AsyncLocalStorage } from "node:async_hooks";
import { basePath, libraryOptions, oidcProvider, type Call, type IdentityOptions, type Issued } from "./identity-options.ts";
import type { Client } from "./sessions.ts";

export type Identity = {
  /** Null: refused, for whatever reason. Throws when the database cannot be reached. */
  byPassword(given: { email: string; password: string }, from: Client): Promise<Issued | null>;
  /** Where the browser is to be sent, and the cookies that bind the answer to it. Null: the provider does not answer as it should. */
  beginOidc(): Promise<{ url: string; cookies: string[] } | null>;
  /** The provider's answer. `error` is a word: state_mismatch, not_invited, email_not_verified … */
  finishOidc(
    query: Readonly<Record<string, string>>,
    cookie: string,
    from: Client,
  ): Promise<{ issued: Issued | null; error: string | null; cookies: string[] }>;
  /** For the test that asks the library what its tables lack. */
  options: BetterAuthOptions;
};

export function createIdentity(options: IdentityOptions): Identity {
  const calls = new AsyncLocalStorage<Call>();
  const library = libraryOptions(options, calls);
  const auth = betterAuth(library);

  return {
    options: library,
    async byPassword({ email, password }, from) {
      const call: Call = { from, passwordHash: null, issued: null };
      try {
        await calls.run(call, () => auth.api.signInEmail({ body: { email, password }, headers: new Headers() }));
      } catch (error) {
        if (isRefusal(error)) return null;
        throw error;
      }
      return call.issued;
    },
    async beginOidc() {
      const body = { provider: oidcProvider, callbackURL: "/", errorCallbackURL: "/sign-in", disableRedirect: true };
      const begun = await auth.api.signInSocial({ body, headers: new Headers(), returnHeaders: true }).catch(orTrouble);
      const url = begun?.response.url;
      return url === undefined || !(await isPinned()) ? null : { url, cookies: begun?.headers.getSetCookie() ?? [] };
    },
    async finishOidc(query, cookie, from) {
      if (!(await isPinned())) return { issued: null, error: "provider_unavailable", cookies: [] };
      // An answer that names its issuer must name ours; the library judges the token's.
      if (query["iss"] !== undefined && query["iss"] !== options.oidc?.issuer)
        return { issued: null, error: "issuer_mismatch", cookies: [] };
      const call: Call = { from, passwordHash: null, issued: null };
      const url = `${options.publicUrl}${basePath}/callback/${oidcProvider}?${new URLSearchParams(query).toString()}`;
      const answer = await calls.run(call, () => auth.handler(new Request(url, { headers: { cookie } })));
      const word = URL.parse(answer.headers.get("location") ?? "", options.publicUrl)?.searchParams.get("error") ?? null;
      // The one reason that is left for it, as the options below are.
      const error = word === "account_not_linked" ? "email_not_verified" : word;
      const issued = error === null ? call.issued : null;
      return { issued, error: issued === null ? (error ?? "refused") : null, cookies: answer.headers.getSetCookie() };
    },
  };

  function orTrouble(error: unknown): null {
    if (!isAPIError(error)) throw error;
    options.onTrouble("The OpenID provider does not answer");
    return null;
  }

  /** The discovery document says whose it is: another's would let another one sign people in. */
  async function isPinned(): Promise<boolean> {
    const { socialProviders } = await auth.$context;
    const provider = socialProviders.find(({ id }) => id === oidcProvider);
    if (provider !== undefined && provider.issuer !== options.oidc?.issuer)
      options.onTrouble("The OpenID provider has another issuer than OIDC_ISSUER");
    return provider !== undefined && provider.issuer === options.oidc?.issuer;
  }
}

/** Refused for what was given; all else is trouble. */
function isRefusal(error: unknown): boolean {
  return isAPIError(error) && error.statusCode < 500;
}
