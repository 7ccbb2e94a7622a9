/**
 * Who belongs to a tenant, and as what. Only an owner makes, changes or removes owners, and the last owner stays. What changes a person's
 * rights ends, in the same transaction, the sessions in which the person looks at that tenant; others lose it within seconds, since roles are
 * read with the session. It also takes back links that would outlive the rights of whoever holds them (`withdraw.ts`).
 * Lock order: rows of `members` of the tenant by id, then the person's sessions, invitations, links, the person, then activity.
 */
import type { Page, ListQuery } from "../contract/json.ts";
import { roles, type Person, type Role } from "../contract/people.ts";
import type { Actor } from "../core/actor.ts";
import { decodeIdCursor, encodeCursor } from "../core/cursor.ts";
import { notFound, Rejection } from "../core/rejection.ts";
import { tenantScope, type TenantScope } from "../core/scope.ts";
import { uuids } from "../db/arrays.ts";
import { newId } from "../db/new-id.ts";
import type { Db } from "../db/pool.ts";
import { statement, time } from "../db/statement.ts";
import { transaction, type Tx } from "../db/transaction.ts";
import { limits } from "../limits.ts";
import { appendActivity } from "../services/activity/append.ts";
import { appendAudit } from "../services/audit/append.ts";
import type { IsPerson } from "../services/inbox/conversation-state.ts";
import { enqueue } from "../services/jobs.ts";
import { endOtherSessions, endSessionsInTenant } from "./sessions.ts";
import { withdrawMade, withdrawResets } from "./withdraw.ts";

const selectPage = statement(
  "members.page",
  `select m.id as "memberId", p.id, p.name, p.email, m.role, m.last_seen_at as "lastSeenAtMs"
   from auth.members m join auth.people p on p.id = m.person_id
   where m.tenant_id = $1 and m.id < $2::uuid order by m.id desc limit $3`,
  { memberId: "uuid", id: "uuid", name: "text", email: "text", role: "text", lastSeenAtMs: "time?" },
);
const selectOne = statement(
  "members.one",
  `select p.id, p.name, p.email, m.role, m.last_seen_at as "lastSeenAtMs"
   from auth.members m join auth.people p on p.id = m.person_id where m.tenant_id = $1 and m.person_id = $2`,
  { id: "uuid", name: "text", email: "text", role: "text", lastSeenAtMs: "time?" },
);
const selectKnown = statement(
  "members.known",
  `select person_id as "personId" from auth.members where tenant_id = $1 and person_id = any($2::uuid[])`,
  { personId: "uuid" },
);
const selectTenants = statement(
  "members.tenants",
  `select t.id, t.name, t.slug, t.locale, t.time_zone as "timeZone", m.role
   from auth.members m join public.tenants t on t.id = m.tenant_id and t.closed_at is null where m.person_id = $1 order by m.id`,
  { id: "uuid", name: "text", slug: "text", locale: "text", timeZone: "text", role: "text" },
);
const selectTenant = statement(
  "members.tenant",
  `select id, name, slug, locale, time_zone as "timeZone" from public.tenants where id = $1 and closed_at is null`,
  { id: "uuid", name: "text", slug: "text", locale: "text", timeZone: "text" },
);
/** The owners, so that two cannot remove each other, and whoever it is about. */
const lockMembers = statement(
  "members.lock",
  `select person_id as "personId", role from auth.members where tenant_id = $1 and (role = 'owner' or person_id = $2) order by id for update`,
  { personId: "uuid", role: "text" },
);
const countMembers = statement("members.count", `select count(*) from auth.members where tenant_id = $1`, { count: "bigint" });
const insertMember = statement(
  "members.insert",
  `insert into auth.members (tenant_id, id, person_id, role, created_at) values ($1, $2, $3, $4, $5::timestamptz)
   on conflict (tenant_id, person_id) do nothing returning id`,
  { id: "uuid" },
);
const updateRole = statement("members.update_role", `update auth.members set role = $3 where tenant_id = $1 and person_id = $2`, {});
const deleteMember = statement("members.delete", `delete from auth.members where tenant_id = $1 and person_id = $2`, {});
const lockPerson = statement("people.lock", `select id from auth.people where id = $1 for update`, { id: "uuid" });
/** Nothing is kept of a person who belongs nowhere. */
const deleteHomeless = statement(
  "members.delete_homeless",
  `delete from auth.people p where p.id = $1 and not p.is_operator and not exists (select from auth.members m where m.person_id = p.id) returning p.id`,
  { id: "uuid" },
);

export type TenantFacts = { id: string; name: string; slug: string; locale: string; timeZone: string };

/** Who does it. `isOwner`: an owner of this tenant, or the operator. */
export type By = { actor: Actor; isOwner: boolean; nowMs: number };

/** Those who joined last first. */
export async function listPeople(auth: Db, { tenantId }: TenantScope, query: ListQuery): Promise<Page<Person>> {
  const limit = query.limit ?? limits.listLimitDefault;
  const rows = await auth.query(selectPage, [tenantId, decodeIdCursor(query.after), limit]);
  const last = rows.at(-1);
  return { data: rows.map(shown), next: last === undefined || rows.length < limit ? null : encodeCursor([last.memberId]) };
}

/** Which of these ids are people of the tenant. */
export async function knownPeople(auth: Db, { tenantId }: TenantScope, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const rows = await auth.query(selectKnown, [tenantId, uuids(ids)]);
  return new Set(rows.map(({ personId }) => personId));
}

/** The open tenants of a person, with the role in each, in the order of joining. */
export async function tenantsOf(auth: Db | Tx, personId: string): Promise<(TenantFacts & { role: Role })[]> {
  const rows = await auth.query(selectTenants, [personId]);
  return rows.map((row) => ({ ...row, role: roleOf(row.role) }));
}

/** Null for one that is closed or unknown. */
export async function openTenant(auth: Db | Tx, tenantId: string): Promise<TenantFacts | null> {
  const [row] = await auth.query(selectTenant, [tenantId]);
  return row ?? null;
}

export async function changeRole(auth: Db, scope: TenantScope, wanted: { personId: string; role: Role }, by: By): Promise<Person> {
  return transaction(auth, async (tx) => {
    const { personId, role } = wanted;
    const before = await lockedRole(tx, scope, personId);
    mayDecide(by, before, role);
    if (before.role !== role) {
      if (before.isLastOwner) throw lastOwner();
      await tx.query(updateRole, [scope.tenantId, personId, role]);
      await endSessionsInTenant(tx, personId, scope.tenantId);
      const invitationsRevoked = await withdrawMade(tx, scope, personId);
      await withdrawResets(tx, personId);
      const data = { from: before.role, to: role, invitationsRevoked };
      await tell(tx, scope, { action: "person.role_changed", personId, data }, by);
    }
    const [row] = await tx.query(selectOne, [scope.tenantId, personId]);
    if (row === undefined) throw notFound();
    return shown(row);
  });
}

/** Also by the person themselves. Their account goes too if they belong nowhere else. Their conversations go back to nobody, soon after. */
export async function removePerson(auth: Db, scope: TenantScope, personId: string, by: By): Promise<void> {
  await transaction(auth, async (tx) => {
    const before = await lockedRole(tx, scope, personId);
    if (by.actor.id !== personId) mayDecide(by, before, "viewer");
    if (before.isLastOwner) throw lastOwner();
    await tx.query(deleteMember, [scope.tenantId, personId]);
    await endSessionsInTenant(tx, personId, scope.tenantId);
    const invitationsRevoked = await withdrawMade(tx, scope, personId);
    await withdrawResets(tx, personId);
    // Whoever joins another tenant at this moment is seen after it, and stays.
    await tx.query(lockPerson, [personId]);
    const gone = await tx.query(deleteHomeless, [personId]);
    if (gone.length > 0) await endOtherSessions(tx, personId, null);
    await enqueue(tx, "person-unassign", [{ tenantId: scope.tenantId, personId }]);
    await tell(tx, scope, { action: "person.removed", personId, data: { role: before.role, invitationsRevoked } }, by);
  });
}

/** False when the person belongs to the tenant already. The caller has checked that whoever invited may give the role. */
export async function addMember(
  tx: Tx,
  scope: TenantScope,
  { personId, role }: { personId: string; role: Role },
  by: { actor: Actor; nowMs: number },
): Promise<boolean> {
  const [{ count } = { count: 0 }] = await tx.query(countMembers, [scope.tenantId]);
  if (count >= limits.peoplePerTenantMax) throw new Rejection("too_many", 409, "This tenant has as many people as it may have");
  const added = await tx.query(insertMember, [scope.tenantId, newId(by.nowMs), personId, role, time(by.nowMs)]);
  if (added.length > 0) await withdrawResets(tx, personId);
  if (added.length > 0) await tell(tx, scope, { action: "person.joined", personId, data: { role } }, by);
  return added.length > 0;
}

/** Rejects an admin who would make somebody an owner. */
export function mayGive(by: { isOwner: boolean }, role: Role): void {
  if (role === "owner" && !by.isOwner) throw onlyOwners();
}

export function roleOf(text: string): Role {
  const role = roles.find((word) => word === text);
  if (role === undefined) throw new Error("The table holds a role that nobody knows");
  return role;
}

function mayDecide(by: By, before: { role: Role }, role: Role): void {
  mayGive(by, role);
  if (before.role === "owner" && !by.isOwner) throw onlyOwners();
}

async function lockedRole(tx: Tx, { tenantId }: TenantScope, personId: string): Promise<{ role: Role; isLastOwner: boolean }> {
  const rows = await tx.query(lockMembers, [tenantId, personId]);
  const row = rows.find((each) => each.personId === personId);
  if (row === undefined) throw notFound();
  const owners = rows.filter(({ role }) => role === "owner");
  return { role: roleOf(row.role), isLastOwner: row.role === "owner" && owners.length === 1 };
}

/** Last in the transaction. */
async function tell(
  tx: Tx,
  { tenantId }: TenantScope,
  deed: { action: string; personId: string; data: Readonly<Record<string, unknown>> },
  { actor, nowMs }: { actor: Actor; nowMs: number },
): Promise<void> {
  const { action, personId, data } = deed;
  await appendAudit(tx, actor, [{ tenantId, action, subject: { kind: "person", id: personId }, data }], nowMs);
  const event = { tenantId, type: "person.changed", conversationId: null, messageId: null, data: { personId } };
  await appendActivity(tx, [event], nowMs);
}

function shown(row: { id: string; name: string; email: string; role: string; lastSeenAtMs: number | null }): Person {
  return { id: row.id, name: row.name, email: row.email, role: roleOf(row.role), lastSeenAt: time(row.lastSeenAtMs) };
}

function lastOwner(): Rejection {
  return new Rejection("conflict", 409, "This is the last owner: make somebody else an owner first.");
}

function onlyOwners(): Rejection {
  return new Rejection("forbidden", 403, "Only an owner makes, changes or removes owners");
}

/** Where nobody can sign in, nobody is of any tenant. */
export function isPersonOf(people: { auth: Db } | undefined): IsPerson {
  return async (tenantId, id) => people !== undefined && (await knownPeople(people.auth, tenantScope(tenantId), [id])).has(id);
}
