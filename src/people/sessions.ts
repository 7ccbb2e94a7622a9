/**
 * Sessions of people: found by the hash of their cookie together with what the person may do where, ended one by one, by person or by
 * tenant. A session ends `limits.sessionIdleMsMax` after its last use and `limits.sessionMsMax` after sign-in. All statements are about the
 * schema `auth` and run with the role kesher_auth.
 */
import type { OwnSession, Role } from "../contract/people.ts";
import { roles } from "../contract/people.ts";
import type { Actor } from "../core/actor.ts";
import { notFound } from "../core/rejection.ts";
import { newId } from "../db/new-id.ts";
import type { Db } from "../db/pool.ts";
import { statement, time } from "../db/statement.ts";
import { transaction, type Tx } from "../db/transaction.ts";
import { limits } from "../limits.ts";
import { appendAudit } from "../services/audit/append.ts";
import { hashText, newToken } from "./session-token.ts";

export type Session = {
  id: string;
  person: { id: string; name: string; email: string };
  /** Of the whole platform: all tenants. */
  isOperator: boolean;
  /** The tenant that the person looks at; null where there is none. */
  activeTenantId: string | null;
  /** By tenant; closed tenants are left out. */
  roles: ReadonlyMap<string, Role>;
  seenAtMs: number;
  /** The earlier of the idle and the absolute end. */
  endsAtMs: number;
};

/** Where a request comes from. */
export type Client = { ip: string | null; userAgent: string | null };

const selectByToken = statement(
  "auth_sessions.by_token",
  `select s.id, p.id as "personId", p.name, p.email, p.is_operator as "isOperator", s.active_tenant_id as "activeTenantId",
     s.updated_at as "seenAtMs", s.expires_at as "expiresAtMs", m.tenants as "tenantIds", m.roles
   from auth.sessions s
   join auth.people p on p.id = s.person_id
   cross join lateral (
     select coalesce(array_agg(m.tenant_id order by m.id), '{}') as tenants, coalesce(array_agg(m.role order by m.id), '{}') as roles
     from auth.members m join public.tenants t on t.id = m.tenant_id and t.closed_at is null where m.person_id = p.id) m
   where s.token_sha256 = $1 and s.expires_at > $2::timestamptz and s.updated_at > $3::timestamptz`,
  {
    id: "uuid",
    personId: "uuid",
    name: "text",
    email: "text",
    isOperator: "bool",
    activeTenantId: "uuid?",
    seenAtMs: "time",
    expiresAtMs: "time",
    tenantIds: "uuids",
    roles: "texts",
  },
);
const touch = statement(
  "auth_sessions.touch",
  `update auth.sessions set updated_at = $2::timestamptz where id = $1 and updated_at < $2::timestamptz returning id`,
  { id: "uuid" },
);
const touchMember = statement(
  "members.touch",
  `update auth.members set last_seen_at = $3::timestamptz where tenant_id = $1 and person_id = $2`,
  {},
);
const insert = statement(
  "auth_sessions.insert",
  `insert into auth.sessions (id, person_id, token_sha256, active_tenant_id, expires_at, ip_address, user_agent, created_at, updated_at)
   values ($1, $2, $3, $4::uuid, $5::timestamptz, $6, $7, $8::timestamptz, $8::timestamptz)`,
  {},
);
/** The tenant last looked at, if the person still belongs to it, else the one joined first. */
const selectHome = statement(
  "auth_sessions.home",
  `select m.tenant_id as "tenantId" from auth.members m join public.tenants t on t.id = m.tenant_id and t.closed_at is null
   where m.person_id = $1 order by m.last_seen_at desc nulls last, m.id limit 1`,
  { tenantId: "uuid" },
);
const deleteByToken = statement(
  "auth_sessions.delete_by_token",
  `delete from auth.sessions where token_sha256 = $1 returning id, person_id as "personId", active_tenant_id as "activeTenantId"`,
  { id: "uuid", personId: "uuid", activeTenantId: "uuid?" },
);
const deleteById = statement("auth_sessions.delete_by_id", `delete from auth.sessions where id = $1 and person_id = $2 returning id`, {
  id: "uuid",
});
const deleteOthers = statement(
  "auth_sessions.delete_others",
  `delete from auth.sessions where person_id = $1 and id is distinct from $2::uuid returning id`,
  { id: "uuid" },
);
const deleteInTenant = statement(
  "auth_sessions.delete_in_tenant",
  `delete from auth.sessions where person_id = $1 and active_tenant_id = $2 returning id`,
  { id: "uuid" },
);
const deleteExcess = statement(
  "auth_sessions.delete_excess",
  `delete from auth.sessions where id in (select id from auth.sessions where person_id = $1 order by updated_at desc, id desc offset $2)`,
  {},
);
const deleteOver = statement(
  "auth_sessions.delete_over",
  `delete from auth.sessions where id in (select id from auth.sessions where expires_at <= $1::timestamptz limit $2 for update skip locked)`,
  {},
);
const selectOwn = statement(
  "auth_sessions.own",
  `select id, ip_address as ip, user_agent as "userAgent", created_at as "createdAtMs", updated_at as "seenAtMs", expires_at as "expiresAtMs"
   from auth.sessions where person_id = $1 and expires_at > $2::timestamptz and updated_at > $3::timestamptz order by updated_at desc, id desc`,
  { id: "uuid", ip: "text?", userAgent: "text?", createdAtMs: "time", seenAtMs: "time", expiresAtMs: "time" },
);
const activate = statement("auth_sessions.activate", `update auth.sessions set active_tenant_id = $2 where id = $1 returning id`, {
  id: "uuid",
});
const rotate = statement("auth_sessions.rotate", `update auth.sessions set token_sha256 = $2 where id = $1 returning id`, { id: "uuid" });

/** Null for a token that is unknown or whose time is over. Notes the use, at most once a minute. */
export async function findSession(auth: Db, token: string, nowMs: number): Promise<Session | null> {
  const idleSince = nowMs - limits.sessionIdleMsMax;
  const [row] = await auth.query(selectByToken, [hashText(token), time(nowMs), time(idleSince)]);
  if (row === undefined) return null;
  const rolesOf = new Map(row.tenantIds.map((tenantId, index) => [tenantId, roleOf(row.roles[index])]));
  const isReachable = row.activeTenantId !== null && (row.isOperator || rolesOf.has(row.activeTenantId));
  const activeTenantId = isReachable ? row.activeTenantId : (row.tenantIds[0] ?? null);
  if (row.seenAtMs <= nowMs - limits.sessionSeenMs) await noteUse(auth, { ...row, activeTenantId }, nowMs);
  return {
    id: row.id,
    person: { id: row.personId, name: row.name, email: row.email },
    isOperator: row.isOperator,
    activeTenantId,
    roles: rolesOf,
    seenAtMs: row.seenAtMs,
    endsAtMs: Math.min(row.expiresAtMs, Math.max(row.seenAtMs, nowMs - limits.sessionSeenMs) + limits.sessionIdleMsMax),
  };
}

/** What every new session has, whoever writes its row. */
export async function draftSession(
  auth: Db | Tx,
  personId: string,
  nowMs: number,
): Promise<{ id: string; token: string; tokenSha256: string; activeTenantId: string | null; expiresAtMs: number }> {
  const [home] = await auth.query(selectHome, [personId]);
  const token = newToken();
  return {
    id: newId(nowMs),
    token,
    tokenSha256: hashText(token),
    activeTenantId: home?.tenantId ?? null,
    expiresAtMs: nowMs + limits.sessionMsMax,
  };
}

/** For who came by a link. The caller audits it in the same transaction. */
export async function insertSession(tx: Tx, personId: string, from: Client, nowMs: number): Promise<{ id: string; token: string }> {
  const draft = await draftSession(tx, personId, nowMs);
  await tx.query(insert, [
    draft.id,
    personId,
    draft.tokenSha256,
    draft.activeTenantId,
    time(draft.expiresAtMs),
    from.ip,
    from.userAgent,
    time(nowMs),
  ]);
  return { id: draft.id, token: draft.token };
}

/** The session that the browser had before ends (no fixation), and what is over goes. First in a sign-in's transaction: see the lock order. */
export async function dropFormer(tx: Tx, replaced: string | null, nowMs: number): Promise<void> {
  if (replaced !== null) await tx.query(deleteByToken, [hashText(replaced)]);
  await tx.query(deleteOver, [time(nowMs), limits.signInClearMax]);
}

/** What a person has too many of. */
export async function trimSessions(tx: Tx, personId: string): Promise<void> {
  await tx.query(deleteExcess, [personId, limits.sessionsPerPersonMax]);
}

/** Sign-out. What is over already is fine. */
export async function endSession(auth: Db, token: string, by: { actorOf: (personId: string) => Actor; nowMs: number }): Promise<void> {
  await transaction(auth, async (tx) => {
    const [row] = await tx.query(deleteByToken, [hashText(token)]);
    if (row === undefined) return;
    const entry = { tenantId: row.activeTenantId, action: "session.ended", subject: { kind: "session", id: row.id } };
    await appendAudit(tx, by.actorOf(row.personId), [entry], by.nowMs);
  });
}

/** One of the person's own. */
export async function endOwnSession(
  auth: Db,
  { session, id }: { session: Session; id: string },
  by: { actor: Actor; nowMs: number },
): Promise<void> {
  await transaction(auth, async (tx) => {
    if ((await tx.query(deleteById, [id, session.person.id])).length === 0) throw notFound();
    const entry = { tenantId: session.activeTenantId, action: "session.ended", subject: { kind: "session", id } };
    await appendAudit(tx, by.actor, [entry], by.nowMs);
  });
}

/** All of the person's but `keptId`; null keeps none. Returns how many. */
export async function endOtherSessions(tx: Tx, personId: string, keptId: string | null): Promise<number> {
  return (await tx.query(deleteOthers, [personId, keptId])).length;
}

/** Those in which the person looks at this tenant. */
export async function endSessionsInTenant(tx: Tx, personId: string, tenantId: string): Promise<number> {
  return (await tx.query(deleteInTenant, [personId, tenantId])).length;
}

export async function listOwnSessions(auth: Db, session: Session, nowMs: number): Promise<OwnSession[]> {
  const rows = await auth.query(selectOwn, [session.person.id, time(nowMs), time(nowMs - limits.sessionIdleMsMax)]);
  return rows.map((row) => ({
    id: row.id,
    isCurrent: row.id === session.id,
    userAgent: row.userAgent,
    ip: row.ip,
    createdAt: time(row.createdAtMs),
    lastSeenAt: time(row.seenAtMs),
    expiresAt: time(Math.min(row.expiresAtMs, row.seenAtMs + limits.sessionIdleMsMax)),
  }));
}

/** Under a new token: what the person may do has changed. Null when the session is gone. */
export async function rotateSession(tx: Tx, id: string): Promise<string | null> {
  const token = newToken();
  return (await tx.query(rotate, [id, hashText(token)])).length === 0 ? null : token;
}

export async function activateTenant(tx: Tx, sessionId: string, tenantId: string): Promise<void> {
  await tx.query(activate, [sessionId, tenantId]);
}

/** One after the other, never both held: whoever changes people takes them the other way round. */
async function noteUse(auth: Db, session: { id: string; personId: string; activeTenantId: string | null }, nowMs: number): Promise<void> {
  const noted = await auth.query(touch, [session.id, time(nowMs)]);
  if (noted.length > 0 && session.activeTenantId !== null) {
    await auth.query(touchMember, [session.activeTenantId, session.personId, time(nowMs)]);
  }
}

function roleOf(text: string | undefined): Role {
  // The table's CHECK knows the same words.
  return roles.find((role) => role === text) ?? "viewer";
}
