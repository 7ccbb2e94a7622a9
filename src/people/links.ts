/**
 * Links that work once, besides invitations: to choose a new password, to make the first account, and in the sandbox to sign in. Kept as
 * hashes. A row that is deleted cannot be deleted twice: that is what makes them work once.
 */
import type { Actor } from "../core/actor.ts";
import { notFound, Rejection } from "../core/rejection.ts";
import type { TenantScope } from "../core/scope.ts";
import type { Db } from "../db/pool.ts";
import { statement, time } from "../db/statement.ts";
import { transaction, type Tx } from "../db/transaction.ts";
import { limits } from "../limits.ts";
import { appendAudit } from "../services/audit/append.ts";
import { createPerson, hasAccounts, personByEmail, personById, setPassword } from "./accounts.ts";
import type { By } from "./members.ts";
import { hashBytes, newToken } from "./session-token.ts";
import { endOtherSessions } from "./sessions.ts";
import { withdrawResets } from "./withdraw.ts";

type Purpose = "reset" | "first_account" | "sign_in";

const insert = statement(
  "links.insert",
  `insert into auth.links (token_sha256, purpose, person_id, expires_at, created_at) values ($1::bytea, $2, $3::uuid, $4::timestamptz, $5::timestamptz)`,
  {},
);
const clear = statement(
  "links.clear",
  `delete from auth.links where token_sha256 in (select token_sha256 from auth.links where expires_at <= $1::timestamptz limit $2)`,
  {},
);
const find = statement(
  "links.find",
  `select l.purpose, p.email from auth.links l left join auth.people p on p.id = l.person_id
   where l.token_sha256 = $1::bytea and l.expires_at > $2::timestamptz and l.purpose <> 'sign_in'`,
  { purpose: "text", email: "text?" },
);
const take = statement(
  "links.take",
  `delete from auth.links where token_sha256 = $1::bytea and purpose = $2 and expires_at > $3::timestamptz returning person_id as "personId"`,
  { personId: "uuid?" },
);
/** With the one that was used, all go: whoever has another one comes too late. */
const takeFirst = statement(
  "links.take_first_account",
  `delete from auth.links where purpose = 'first_account' returning token_sha256 as "tokenSha256", expires_at as "expiresAtMs"`,
  { tokenSha256: "bytes", expiresAtMs: "time" },
);
const selectTarget = statement(
  "links.target",
  `select m.role, p.is_operator as "isOperator",
     exists (select from auth.members o where o.person_id = p.id and o.tenant_id <> m.tenant_id) as "isElsewhere"
   from auth.members m join auth.people p on p.id = m.person_id where m.tenant_id = $1 and m.person_id = $2`,
  { role: "text", isOperator: "bool", isElsewhere: "bool" },
);
const makeOperator = statement(
  "links.make_operator",
  `update auth.people set is_operator = true where id = $1 and not is_operator returning id`,
  { id: "uuid" },
);
const endBare = statement(
  "links.end_bare_sessions",
  `delete from auth.sessions s where not exists (select from auth.credentials c where c.person_id = s.person_id) returning s.id`,
  { id: "uuid" },
);

/** What a link is for; null for one that is used, too old or unknown. */
export async function findLink(
  auth: Db,
  token: string,
  nowMs: number,
): Promise<{ purpose: "reset" | "first_account"; email: string | null } | null> {
  const [row] = await auth.query(find, [hashBytes(token), time(nowMs)]);
  if (row === undefined) return null;
  return { purpose: row.purpose === "reset" ? "reset" : "first_account", email: row.email };
}

/**
 * For a person of this tenant who cannot sign in. Not for whom the asker may not decide about: an owner (by an admin), an operator, and who
 * belongs to other tenants, since whoever has the link becomes that person everywhere; there the platform's operator helps.
 */
export async function issueResetLink(
  auth: Db,
  scope: TenantScope,
  personId: string,
  by: By & { isOperator: boolean },
): Promise<{ token: string; expiresAtMs: number }> {
  return transaction(auth, async (tx) => {
    const [target] = await tx.query(selectTarget, [scope.tenantId, personId]);
    if (target === undefined) throw notFound();
    if (!by.isOperator) {
      if (target.isOperator || target.isElsewhere) {
        throw new Rejection("forbidden", 403, "This person also belongs elsewhere: only the platform's operator may make the link");
      }
      if (target.role === "owner" && !by.isOwner) throw new Rejection("forbidden", 403, "Only an owner may do this for an owner");
    }
    await withdrawResets(tx, personId);
    const issued = await issue(tx, "reset", personId, by.nowMs);
    const entry = { tenantId: scope.tenantId, action: "person.reset_link_made", subject: { kind: "person", id: personId } };
    await appendAudit(tx, by.actor, [entry], by.nowMs);
    return issued;
  });
}

/** All sessions of the person end. Returns the person. */
export async function resetPassword(
  tx: Tx,
  given: { token: string; passwordHash: string },
  from: { actorOf: (person: { id: string; email: string }) => Actor; nowMs: number },
): Promise<string> {
  const personId = await taken(tx, given.token, "reset", from.nowMs);
  const person = await personById(tx, personId);
  if (person === null) throw notFound();
  await setPassword(tx, personId, given.passwordHash, from.nowMs);
  const ended = await endOtherSessions(tx, personId, null);
  const entry = {
    tenantId: person.tenantId,
    action: "person.password_reset",
    subject: { kind: "person", id: personId },
    data: { sessionsEnded: ended },
  };
  await appendAudit(tx, from.actorOf(person), [entry], from.nowMs);
  return personId;
}

/** Null when somebody can sign in already. Ends sessions that the sandbox gave out in the same database. */
export async function issueFirstAccountLink(auth: Db, nowMs: number): Promise<string | null> {
  return transaction(auth, async (tx) => {
    await tx.query(endBare, []);
    await tx.query(clear, [time(nowMs), limits.signInClearMax]);
    if (await hasAccounts(tx)) return null;
    return (await issue(tx, "first_account", null, nowMs)).token;
  });
}

/** The first person: operator of the platform. Whoever comes second finds nothing under the link. */
export async function makeFirstAccount(
  tx: Tx,
  given: { token: string; name: string; email: string; passwordHash: string },
  from: { actorOf: (person: { id: string; email: string }) => Actor; nowMs: number },
): Promise<string> {
  const sha256 = hashBytes(given.token);
  const links = await tx.query(takeFirst, []);
  const isGood = links.some(({ tokenSha256, expiresAtMs }) => tokenSha256.equals(sha256) && expiresAtMs > from.nowMs);
  if (!isGood || (await hasAccounts(tx))) throw notFound();
  const { name, email } = given;
  const personId = await createPerson(tx, { name, email, isVerified: true, isOperator: true }, from.nowMs);
  await setPassword(tx, personId, given.passwordHash, from.nowMs);
  const entry = { tenantId: null, action: "person.first_account", subject: { kind: "person", id: personId } };
  await appendAudit(tx, from.actorOf({ id: personId, email: email.toLowerCase() }), [entry], from.nowMs);
  return personId;
}

/** The sandbox's person, who signs in by link only: made once. */
export async function ensureDemoPerson(auth: Db, person: { name: string; email: string }, nowMs: number): Promise<string> {
  return transaction(auth, async (tx) => {
    const known = await personByEmail(tx, person.email);
    const id = known?.id ?? (await createPerson(tx, { ...person, isVerified: false, isOperator: true }, nowMs));
    await tx.query(makeOperator, [id]);
    return id;
  });
}

/** The token of a link that signs this person in once. For the sandbox. */
export async function issueSignInLink(auth: Db, personId: string, nowMs: number): Promise<string> {
  return transaction(auth, async (tx) => {
    await tx.query(clear, [time(nowMs), limits.signInClearMax]);
    return (await issue(tx, "sign_in", personId, nowMs)).token;
  });
}

/** Throws notFound for a link that does not work. */
export function takeSignInLink(tx: Tx, token: string, nowMs: number): Promise<string> {
  return taken(tx, token, "sign_in", nowMs);
}

async function issue(tx: Tx, purpose: Purpose, personId: string | null, nowMs: number): Promise<{ token: string; expiresAtMs: number }> {
  const token = newToken();
  const expiresAtMs = nowMs + limits.linkMsMax;
  await tx.query(insert, [hashBytes(token), purpose, personId, time(expiresAtMs), time(nowMs)]);
  return { token, expiresAtMs };
}

async function taken(tx: Tx, token: string, purpose: Purpose, nowMs: number): Promise<string> {
  const [row] = await tx.query(take, [hashBytes(token), purpose, time(nowMs)]);
  const personId = row?.personId ?? null;
  if (personId === null) throw notFound();
  return personId;
}
