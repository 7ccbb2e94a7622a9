/** People for tests: made by our own code, signed in by a link as the sandbox's are, with the cookie that a browser would have. */
import { randomBytes } from "node:crypto";
import type { Role } from "../../src/contract/people.ts";
import { systemActor } from "../../src/core/actor.ts";
import { tenantScope } from "../../src/core/scope.ts";
import { transaction } from "../../src/db/transaction.ts";
import { createPerson, setPassword } from "../../src/people/accounts.ts";
import { issueSignInLink } from "../../src/people/links.ts";
import { addMember } from "../../src/people/members.ts";
import { createPasswords } from "../../src/people/password.ts";
import type { Answer, Api } from "./api.ts";

export type Wanted = { tenantId?: string; role?: Role; isOperator?: boolean; email?: string; password?: string; isVerified?: boolean };
export type SignedIn = {
  id: string;
  email: string;
  /** `name=token` */
  cookie: string;
  /** As our own page would. */
  call(method: string, path: string, body?: unknown): Promise<Answer>;
};

const passwords = createPasswords();

export async function makePerson(api: Api, wanted: Wanted = {}): Promise<{ id: string; email: string }> {
  const email = wanted.email ?? `${randomBytes(6).toString("hex")}@people.example`;
  const hash = wanted.password === undefined ? null : await passwords.hash(wanted.password);
  const nowMs = api.clock.nowMs ?? Date.now();
  const id = await transaction(api.people.auth, async (tx) => {
    const facts = { name: `Person ${email}`, email, isVerified: wanted.isVerified ?? false, isOperator: wanted.isOperator ?? false };
    const made = await createPerson(tx, facts, nowMs);
    if (hash !== null) await setPassword(tx, made, hash, nowMs);
    return made;
  });
  if (wanted.tenantId !== undefined) await join(api, id, wanted.tenantId, wanted.role ?? "agent");
  return { id, email };
}

export async function join(api: Api, personId: string, tenantId: string, role: Role): Promise<void> {
  const by = { actor: systemActor, nowMs: api.clock.nowMs ?? Date.now() };
  await transaction(api.people.auth, (tx) => addMember(tx, tenantScope(tenantId), { personId, role }, by));
  api.people.sessions.forget();
}

/** The token of `/sign-in/{token}`. */
export async function signInLink(api: Api, wanted: Wanted = {}): Promise<string> {
  const { id } = await makePerson(api, wanted);
  return issueSignInLink(api.people.auth, id, api.clock.nowMs ?? Date.now());
}

export async function signedIn(api: Api, wanted: Wanted = {}): Promise<SignedIn> {
  const person = await makePerson(api, wanted);
  return { ...person, ...(await begin(api, person.id)) };
}

/** One more session of this person. */
export async function begin(api: Api, personId: string): Promise<Pick<SignedIn, "cookie" | "call">> {
  const link = await issueSignInLink(api.people.auth, personId, api.clock.nowMs ?? Date.now());
  const answer = await api.call("GET", `/sign-in/${link}`);
  const cookie = cookieIn(answer);
  if (cookie === null) throw new Error(`The link was answered with ${answer.status}`);
  return { cookie, call: callAs(api, cookie) };
}

export function callAs(api: Pick<Api, "call">, cookie: string): SignedIn["call"] {
  return (method, path, body) => api.call(method, path, { body, headers: { cookie, "sec-fetch-site": "same-origin" } });
}

/** The session that an answer hands out; null for none. */
export function cookieIn(answer: Answer): string | null {
  const given = answer.headers.getSetCookie().find((header) => /^(?:__Host-)?kesher_session=[^;]/.test(header));
  return given?.split(";")[0] ?? null;
}
