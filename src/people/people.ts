/**
 * People as the rest of the program meets them: sign-in in all its ways, and the sessions that follow. Every way ends in `settle`: the session
 * that the browser had before is gone, the deed is in the audit log, and who belongs to no open tenant is not let in.
 */
import { hkdfSync } from "node:crypto";
import type { AcceptInvitation, ChangePassword, FirstAccount, LinkFacts, ResetPassword, SignIn } from "../contract/people.ts";
import type { Actor } from "../core/actor.ts";
import { notFound, Rejection } from "../core/rejection.ts";
import { tenantScope } from "../core/scope.ts";
import type { EncryptionKey } from "../core/secret-box.ts";
import type { Db } from "../db/pool.ts";
import { transaction, type Tx } from "../db/transaction.ts";
import { appendAudit } from "../services/audit/append.ts";
import { isStillPassword, passwordOf, personByEmail, personById, setPassword, type PersonFacts } from "./accounts.ts";
import type { Identity } from "./identity.ts";
import type { Issued, OidcSettings } from "./identity-options.ts";
import { acceptAllOf, acceptAsNewcomer, findInvitation, isInvited } from "./invitations.ts";
import { findLink, makeFirstAccount, resetPassword, takeSignInLink } from "./links.ts";
import { addMember, tenantsOf } from "./members.ts";
import { createPasswords } from "./password.ts";
import { createSessionCache, type SessionCache } from "./session-cache.ts";
import { dropFormer, endOtherSessions, insertSession, rotateSession, trimSessions, type Client, type Session } from "./sessions.ts";
import { beginAttempt } from "./throttle.ts";

export type PeopleOptions = {
  /** Role kesher_auth. */
  auth: Db;
  /** The first encrypts; see `secretOf`. */
  encryptionKeys: readonly EncryptionKey[];
  publicUrl: string | null;
  oidc: OidcSettings | null;
  isSandbox: boolean;
  nowMs: () => number;
  onTrouble: (message: string) => void;
};

/** Who asks, and the cookie that the browser had before. */
export type Asker = Client & { requestId: string | null; replaced: string | null };

export type People = {
  readonly auth: Db;
  readonly sessions: SessionCache;
  readonly isSandbox: boolean;
  readonly hasOidc: boolean;
  /** All of these answer the token of the new session, for its cookie. */
  signIn(given: SignIn, asker: Asker): Promise<string>;
  signInByLink(token: string, asker: Asker): Promise<string>;
  accept(given: AcceptInvitation & { name: string; password: string }, asker: Asker): Promise<string>;
  reset(given: ResetPassword, asker: Asker): Promise<string>;
  /** `makeTenant` is called once the person is made, where a tenant was asked for; it answers its id. */
  makeFirst(given: FirstAccount, asker: Asker, makeTenant: (name: string, actor: Actor) => Promise<string>): Promise<string>;
  changePassword(session: Session, given: ChangePassword, asker: Asker): Promise<string>;
  /** Null where there is no provider or it does not answer. */
  beginOidc(): Promise<{ url: string; cookies: string[] } | null>;
  finishOidc(
    query: Readonly<Record<string, string>>,
    cookie: string,
    asker: Asker,
  ): Promise<{ token: string | null; error: string | null; cookies: string[] }>;
  /** Throws notFound for a link that does not work. */
  lookAt(token: string): Promise<LinkFacts>;
};

/** `before` comes before the person is looked at for where they belong. */
type Settling = { method: string; asker: Asker; before: (tx: Tx, person: PersonFacts) => Promise<void> };

export function createPeople(options: PeopleOptions): People {
  const { auth, nowMs } = options;
  const sessions = createSessionCache(auth, nowMs);
  const passwords = createPasswords();
  let loading: Promise<Identity> | null = null;

  const identity = (): Promise<Identity> => (loading ??= load().catch(again));

  async function load(): Promise<Identity> {
    const { createIdentity } = await import("./identity.ts");
    const [secret, publicUrl] = [secretOf(options.encryptionKeys), options.publicUrl ?? "http://localhost"];
    return createIdentity({ ...options, secret, publicUrl, passwords });
  }

  function again(error: unknown): never {
    loading = null;
    throw error;
  }

  /** The last step of every way in. */
  async function settle(tx: Tx, issued: Pick<Issued, "personId" | "sessionId">, method: string, asker: Asker): Promise<void> {
    const person = await personById(tx, issued.personId);
    if (person === null) throw notFound();
    await trimSessions(tx, person.id);
    const [home] = await tenantsOf(tx, person.id);
    // Whoever is invited comes in to accept: no tenant is theirs until then.
    const mayEnter = home !== undefined || person.isOperator || (await isInvited(tx, person.email, nowMs()));
    if (!mayEnter) throw new Rejection("forbidden", 403, "This account belongs to no open tenant");
    const subject = { kind: "session", id: issued.sessionId };
    await appendAudit(
      tx,
      actorOf(person, asker),
      [{ tenantId: home?.id ?? null, action: "session.created", subject, data: { method } }],
      nowMs(),
    );
  }

  /** For who came by a link: what the link is for, and the session, in one transaction. */
  async function enter(method: string, asker: Asker, work: (tx: Tx) => Promise<string>): Promise<string> {
    const begun = await transaction(auth, async (tx) => {
      await dropFormer(tx, asker.replaced, nowMs());
      const personId = await work(tx);
      const { id, token } = await insertSession(tx, personId, asker, nowMs());
      await settle(tx, { personId, sessionId: id }, method, asker);
      return token;
    });
    sessions.forget();
    return begun;
  }

  /** The library has begun the session in a transaction of its own; where it is not to be, it ends here. */
  async function settleIssued(issued: Issued, { method, asker, before }: Settling): Promise<void> {
    try {
      await transaction(auth, async (tx) => {
        const { personId, passwordHash } = issued;
        if (passwordHash !== null && !(await isStillPassword(tx, personId, passwordHash))) throw wrongPassword();
        await dropFormer(tx, asker.replaced, nowMs());
        const person = await personById(tx, personId);
        if (person === null) throw notFound();
        await before(tx, person);
        await settle(tx, issued, method, asker);
      });
    } catch (error) {
      await transaction(auth, (tx) => dropFormer(tx, issued.token, nowMs())).catch(() => undefined);
      throw error;
    }
    sessions.forget();
  }

  return {
    auth,
    sessions,
    isSandbox: options.isSandbox,
    hasOidc: options.oidc !== null,

    async signIn(given, asker) {
      const attempt = await beginAttempt(auth, { email: given.email, address: asker.ip }, nowMs());
      const issued = await (await identity()).byPassword(given, asker);
      if (issued === null) {
        await tellRefused(given.email, asker);
        throw wrongPassword();
      }
      await settleIssued(issued, { method: "password", asker, before: async () => undefined });
      await attempt.succeeded();
      return issued.token;
    },

    signInByLink: (token, asker) => enter("link", asker, (tx) => takeSignInLink(tx, token, nowMs())),

    async accept(given, asker) {
      if ((await findInvitation(auth, given.token, nowMs())) === null) throw notFound();
      const wanted = { token: given.token, name: given.name, passwordHash: await passwords.hash(given.password) };
      return enter("invitation", asker, (tx) => acceptAsNewcomer(tx, wanted, from(asker)));
    },

    async reset({ token, password }, asker) {
      await expectLink(token, "reset");
      const wanted = { token, passwordHash: await passwords.hash(password) };
      return enter("reset", asker, (tx) => resetPassword(tx, wanted, from(asker)));
    },

    async makeFirst(given, asker, makeTenant) {
      await expectLink(given.token, "first_account");
      const wanted = { token: given.token, name: given.name, email: given.email, passwordHash: await passwords.hash(given.password) };
      let personId = "";
      const token = await enter("first_account", asker, async (tx) => (personId = await makeFirstAccount(tx, wanted, from(asker))));
      if (given.tenantName !== undefined) {
        const by = { actor: actorOf({ id: personId, email: given.email.toLowerCase() }, asker), nowMs: nowMs() };
        const scope = tenantScope(await makeTenant(given.tenantName, by.actor));
        await transaction(auth, (tx) => addMember(tx, scope, { personId, role: "owner" }, by));
        sessions.forget();
      }
      return token;
    },

    async changePassword(session, given, asker) {
      const { person } = session;
      const attempt = await beginAttempt(auth, { email: person.email, address: asker.ip }, nowMs());
      const known = await passwordOf(auth, person.id);
      const isRight = known !== null && (await passwords.verify({ hash: known, password: given.currentPassword }));
      if (!isRight) throw new Rejection("forbidden", 403, "The current password is wrong");
      const hash = await passwords.hash(given.newPassword);
      const token = await transaction(auth, async (tx) => {
        await setPassword(tx, person.id, hash, nowMs());
        const sessionsEnded = await endOtherSessions(tx, person.id, session.id);
        const rotated = await rotateSession(tx, session.id);
        if (rotated === null) throw new Rejection("unauthorized", 401, "This session has ended");
        const subject = { kind: "person", id: person.id };
        const entry = { tenantId: session.activeTenantId, action: "person.password_changed", subject, data: { sessionsEnded } };
        await appendAudit(tx, actorOf(person, asker), [entry], nowMs());
        return rotated;
      });
      await attempt.succeeded();
      sessions.forget();
      return token;
    },

    async beginOidc() {
      return options.oidc === null ? null : (await identity()).beginOidc();
    },

    async finishOidc(query, cookie, asker) {
      const { issued, error, cookies } = await (await identity()).finishOidc(query, cookie, asker);
      if (issued === null) return { token: null, error, cookies };
      const before = (tx: Tx, person: PersonFacts) => acceptAllOf(tx, person, { actor: actorOf(person, asker), nowMs: nowMs() });
      await settleIssued(issued, { method: "oidc", asker, before });
      return { token: issued.token, error: null, cookies };
    },

    async lookAt(token) {
      const invitation = await findInvitation(auth, token, nowMs());
      if (invitation !== null) {
        const { email, tenantName, role, isKnown } = invitation;
        return { purpose: "invitation", email, tenantName, role, isKnown };
      }
      const link = await findLink(auth, token, nowMs());
      if (link === null) throw notFound();
      return { purpose: link.purpose, email: link.email, tenantName: null, role: null, isKnown: link.purpose === "reset" };
    },
  };

  function from(asker: Asker): { actorOf: (person: { id: string; email: string }) => Actor; nowMs: number } {
    return { actorOf: (person) => actorOf(person, asker), nowMs: nowMs() };
  }

  async function expectLink(token: string, purpose: "reset" | "first_account"): Promise<void> {
    if ((await findLink(auth, token, nowMs()))?.purpose !== purpose) throw notFound();
  }

  /** The same work for an address that nobody has. What was typed is not kept: it may be a password in the wrong field. */
  async function tellRefused(email: string, asker: Asker): Promise<void> {
    const person = await personByEmail(auth, email);
    const actor: Actor = {
      kind: "person",
      id: person?.id ?? null,
      name: person?.email ?? "unknown",
      ip: asker.ip,
      requestId: asker.requestId,
    };
    const subject = person === null ? null : { kind: "person", id: person.id };
    await transaction(auth, (tx) =>
      appendAudit(tx, actor, [{ tenantId: person?.tenantId ?? null, action: "session.refused", subject }], nowMs()),
    );
  }
}

export function actorOf(person: { id: string; email: string }, { ip, requestId }: { ip: string | null; requestId: string | null }): Actor {
  return { kind: "person", id: person.id, name: person.email, ip, requestId };
}

function wrongPassword(): Rejection {
  return new Rejection("unauthorized", 401, "The e-mail address or the password is wrong");
}

/** From the key that encrypts now. A new key only breaks off sign-ins by OIDC that are under way: sessions do not hang on it. */
function secretOf([first]: readonly EncryptionKey[]): string {
  if (first === undefined) throw new Error("There is no key to derive a secret from");
  return Buffer.from(hkdfSync("sha256", first.key, Buffer.alloc(0), "kesher people cookies", 32)).toString("hex");
}
