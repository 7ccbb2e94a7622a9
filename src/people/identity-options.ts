/** How better-auth is set up: the names of our tables, what its rows may hold, whom it lets in, and how it reaches the database. */
import type { BetterAuthOptions } from "better-auth";
import { genericOAuth, organization } from "better-auth/plugins";
import { createAccessControl } from "better-auth/plugins/access";
import type { AsyncLocalStorage } from "node:async_hooks";
import pg from "pg";
import { scopesOfRole, type Role } from "../contract/people.ts";
import { scopes } from "../contract/tenants.ts";
import { newId } from "../db/new-id.ts";
import { connect, type Db } from "../db/pool.ts";
import { limits } from "../limits.ts";
import { forgetUnproven } from "./accounts.ts";
import { createGate } from "./gate.ts";
import { isInvited } from "./invitations.ts";
import type { Passwords } from "./password.ts";
import { draftSession, type Client } from "./sessions.ts";

export type OidcSettings = { issuer: string; clientId: string; clientSecret: string };

export type IdentityOptions = {
  auth: Db;
  /** Signs the cookie that binds a sign-in by OIDC to its browser, and nothing else: it may change at any time. */
  secret: string;
  /** How the world reaches this program. */
  publicUrl: string;
  oidc: OidcSettings | null;
  passwords: Passwords;
  nowMs: () => number;
  /** The library's complaints, without what they are about. */
  onTrouble: (message: string) => void;
};

/** A session that was begun, and the value of its cookie. */
export type Issued = {
  personId: string;
  sessionId: string;
  token: string;
  /** The hash that the given password agreed with; null where none was given. */
  passwordHash: string | null;
};

/** What our hooks need to know of the call under way, and what they answer. */
export type Call = { from: Client; passwordHash: string | null; issued: Issued | null };

export const oidcProvider = "oidc";
const snake = { createdAt: "created_at", updatedAt: "updated_at" } as const;

export const basePath = "/auth";

export function libraryOptions(options: IdentityOptions, calls: AsyncLocalStorage<Call>): BetterAuthOptions {
  const { auth, oidc, passwords, publicUrl, nowMs } = options;
  return {
    appName: "Kesher",
    baseURL: publicUrl,
    basePath,
    // In this form the library does not look for one in the environment.
    secrets: [{ version: 1, value: options.secret }],
    database: libraryPool(auth),
    telemetry: { enabled: false },
    // Its messages may name addresses; ours say that something happened.
    logger: { level: "error", log: (_level: string, message: string) => options.onTrouble(wordsOf(message)) },
    rateLimit: { enabled: false },
    emailAndPassword: {
      enabled: true,
      disableSignUp: true,
      minPasswordLength: limits.passwordCharsMin,
      maxPasswordLength: limits.passwordCharsMax,
      password: {
        hash: (password: string) => passwords.hash(password),
        verify: judgePassword,
      },
    },
    user: {
      modelName: "people",
      fields: { emailVerified: "email_verified", ...snake },
      // Whom the provider may sign in: a verified address, and of those who are nobody here only the invited.
      validateUserInfo: async ({
        user,
        source,
      }: {
        user: { email?: string; emailVerified?: boolean };
        source: { method: string; action: string };
      }) => {
        if (source.method !== "oauth") return undefined;
        if (user.emailVerified !== true || user.email === undefined) return { error: "email_not_verified" };
        if (source.action === "create-user" && !(await isInvited(auth, user.email, nowMs()))) return { error: "not_invited" };
        return undefined;
      },
    },
    session: {
      modelName: "sessions",
      fields: {
        userId: "person_id",
        token: "token_sha256",
        expiresAt: "expires_at",
        ipAddress: "ip_address",
        userAgent: "user_agent",
        ...snake,
      },
      expiresIn: limits.sessionMsMax / 1_000,
      disableSessionRefresh: true,
      cookieCache: { enabled: false },
    },
    account: {
      modelName: "credentials",
      fields: {
        userId: "person_id",
        providerId: "provider_id",
        accountId: "account_id",
        accessToken: "access_token",
        refreshToken: "refresh_token",
        idToken: "id_token",
        accessTokenExpiresAt: "access_token_expires_at",
        refreshTokenExpiresAt: "refresh_token_expires_at",
        ...snake,
      },
      storeStateStrategy: "database",
      updateAccountOnSignIn: false,
      // An account that its inviter may have made is taken over by who proves the address: see `credentialHook`.
      accountLinking: { enabled: true, requireLocalEmailVerified: false },
    },
    verification: {
      modelName: "verifications",
      fields: { expiresAt: "expires_at", ...snake },
      storeIdentifier: "hashed",
    },
    advanced: {
      cookiePrefix: "kesher",
      useSecureCookies: publicUrl.startsWith("https:"),
      database: { generateId: () => newId(nowMs()) },
      ipAddress: { disableIpTracking: true },
    },
    databaseHooks: {
      session: { create: { before: (session: { userId: string }) => beginSession(session.userId) } },
      account: { create: { before: credentialHook } },
    },
    plugins: [tenantsAsOrganizations(), ...(oidc === null ? [] : [providerOf(oidc)])],
  };

  /** Remembers what was judged by: it may be another one by the time that the session is there (`people.ts`). */
  async function judgePassword(given: { hash: string; password: string }): Promise<boolean> {
    const isRight = await passwords.verify(given);
    const call = calls.getStore();
    if (isRight && call !== undefined) call.passwordHash = given.hash;
    return isRight;
  }

  /** Its token is made here and kept as a hash; the library's own cookie is never handed out. Nobody else begins sessions. */
  async function beginSession(personId: string) {
    const call = calls.getStore();
    if (call === undefined) return false;
    const { token, tokenSha256, activeTenantId, expiresAtMs, id } = await draftSession(auth, personId, nowMs());
    call.issued = { personId, sessionId: id, token, passwordHash: call.passwordHash };
    const at = new Date(nowMs());
    const facts = {
      id,
      token: tokenSha256,
      activeOrganizationId: activeTenantId,
      expiresAt: new Date(expiresAtMs),
      createdAt: at,
      updatedAt: at,
    };
    return { data: { ...facts, ipAddress: call.from.ip, userAgent: call.from.userAgent } };
  }

  /**
   * No token of the provider is kept: nothing here needs one. And who proves the address of an account that an invitation made ends what could
   * be done with it before, since its inviter may have chosen the password.
   */
  async function credentialHook(account: { userId: string; providerId: string }) {
    if (account.providerId === oidcProvider) await forgetUnproven(auth, account.userId);
    const none = { accessToken: null, refreshToken: null, idToken: null, accessTokenExpiresAt: null, refreshTokenExpiresAt: null };
    return { data: none };
  }
}

function tenantsAsOrganizations() {
  const ac = createAccessControl({ kesher: [...scopes] });
  const grant = (role: Role) => ac.newRole({ kesher: [...scopesOfRole[role]] });
  return organization({
    ac,
    roles: { viewer: grant("viewer"), agent: grant("agent"), admin: grant("admin"), owner: grant("owner") },
    creatorRole: "owner",
    allowUserToCreateOrganization: false,
    schema: {
      organization: { modelName: "organizations", fields: { createdAt: "created_at" } },
      member: { modelName: "members", fields: { organizationId: "tenant_id", userId: "person_id", createdAt: "created_at" } },
      invitation: {
        modelName: "invitations",
        fields: { organizationId: "tenant_id", inviterId: "inviter_id", expiresAt: "expires_at", createdAt: "created_at" },
        // Ours: the library writes no invitations, and checks that it could.
        additionalFields: {
          inviterName: { type: "string", required: true, input: false, fieldName: "inviter_name" },
          tokenSha256: { type: "string", required: true, input: false, returned: false, fieldName: "token_sha256" },
        },
      },
      session: { fields: { activeOrganizationId: "active_tenant_id" } },
    },
  });
}

function providerOf({ issuer, clientId, clientSecret }: OidcSettings) {
  const discoveryUrl = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const scopesWanted = ["openid", "email", "profile"];
  return genericOAuth({
    config: [
      {
        providerId: oidcProvider,
        clientId,
        clientSecret,
        discoveryUrl,
        scopes: scopesWanted,
        pkce: true,
        requireIdTokenVerification: true,
      },
    ],
  });
}

/**
 * Our pool, as the library's driver wants it, with times as it reads them. It takes one session less than there are: within its transactions it
 * asks our hooks, which need one too.
 */
function libraryPool({ pool }: Db) {
  const gate = createGate({ placesMax: limits.authConnectionsMax - 1, waitingMax: Number.MAX_SAFE_INTEGER });
  return {
    async connect() {
      const leave = await gate.enter();
      const client = await connect(pool).catch((error: unknown) => {
        leave?.();
        throw error;
      });
      return {
        query: (text: string, values: readonly unknown[]) => client.query({ text, values: [...values], types: pg.types }),
        release() {
          client.release();
          leave?.();
        },
      };
    },
    end: () => Promise.resolve(),
  };
}

/** Without what stands in quotes. */
function wordsOf(message: string): string {
  return message.replaceAll(/["'`][^"'`]{0,200}["'`]/g, "…").slice(0, 200);
}
