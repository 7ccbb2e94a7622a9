/**
 * Invitations: the only way to become somebody here. There is no mail server: the inviter gets a link that works once and passes it on. So
 * the link proves that the inviter trusts whoever has it, and nothing about the address: an account made by it counts as not verified.
 */
import type { ListQuery, Page } from "../contract/json.ts";
import type { CreateInvitation, Invitation, Role } from "../contract/people.ts";
import type { Actor } from "../core/actor.ts";
import { decodeIdCursor, nextIdCursor } from "../core/cursor.ts";
import { notFound, Rejection } from "../core/rejection.ts";
import { tenantScope, type TenantScope } from "../core/scope.ts";
import { newId } from "../db/new-id.ts";
import type { Db } from "../db/pool.ts";
import { statement, time } from "../db/statement.ts";
import { transaction, type Tx } from "../db/transaction.ts";
import { limits } from "../limits.ts";
import { appendAudit } from "../services/audit/append.ts";
import { createPerson, setPassword } from "./accounts.ts";
import { addMember, mayGive, openTenant, roleOf, tenantsOf, type By } from "./members.ts";
import { hashBytes, newToken } from "./session-token.ts";

const insert = statement(
  "invitations.insert",
  `insert into auth.invitations (tenant_id, id, email, role, inviter_id, inviter_name, token_sha256, expires_at, created_at)
   values ($1, $2, $3, $4, $5::uuid, $6, $7::bytea, $8::timestamptz, $9::timestamptz)
   on conflict (tenant_id, email) where status = 'pending' do nothing returning id`,
  { id: "uuid" },
);
const cancelFormer = statement(
  "invitations.cancel_former",
  `update auth.invitations set status = 'canceled' where tenant_id = $1 and email = $2 and status = 'pending'`,
  {},
);
const countPending = statement(
  "invitations.count",
  `select count(*) from auth.invitations where tenant_id = $1 and status = 'pending' and expires_at > $2::timestamptz`,
  { count: "bigint" },
);
const selectPage = statement(
  "invitations.page",
  `select id, email, role, inviter_name as "invitedBy", expires_at as "expiresAtMs", created_at as "createdAtMs"
   from auth.invitations where tenant_id = $1 and status = 'pending' and expires_at > $4::timestamptz and id < $2::uuid order by id desc limit $3`,
  { id: "uuid", email: "text", role: "text", invitedBy: "text", expiresAtMs: "time", createdAtMs: "time" },
);
const cancel = statement(
  "invitations.cancel",
  `update auth.invitations set status = 'canceled' where tenant_id = $1 and id = $2 and status = 'pending' returning email`,
  { email: "text" },
);
const selectByToken = statement(
  "invitations.by_token",
  `select i.tenant_id as "tenantId", i.id, i.email, i.role, t.name as "tenantName",
     exists (select from auth.people p where p.email = i.email) as "isKnown"
   from auth.invitations i join public.tenants t on t.id = i.tenant_id and t.closed_at is null
   where i.token_sha256 = $1::bytea and i.status = 'pending' and i.expires_at > $2::timestamptz`,
  { tenantId: "uuid", id: "uuid", email: "text", role: "text", tenantName: "text", isKnown: "bool" },
);
/** Whoever comes second finds it taken. */
const takeByToken = statement(
  "invitations.take_by_token",
  `update auth.invitations set status = 'accepted' where token_sha256 = $1::bytea and status = 'pending' and expires_at > $2::timestamptz
   returning tenant_id as "tenantId", id, email, role`,
  { tenantId: "uuid", id: "uuid", email: "text", role: "text" },
);
const takeByEmail = statement(
  "invitations.take_by_email",
  `update auth.invitations set status = 'accepted' where email = $1 and status = 'pending' and expires_at > $2::timestamptz
   returning tenant_id as "tenantId", id, email, role`,
  { tenantId: "uuid", id: "uuid", email: "text", role: "text" },
);
const selectPending = statement(
  "invitations.pending",
  `select i.id from auth.invitations i join public.tenants t on t.id = i.tenant_id and t.closed_at is null
   where i.email = $1 and i.status = 'pending' and i.expires_at > $2::timestamptz limit 1`,
  { id: "uuid" },
);

export type LinkedInvitation = { tenantId: string; id: string; email: string; role: Role; tenantName: string; isKnown: boolean };

/** A second invitation of the same address takes the place of the first. `token` is shown once. */
export async function invite(
  auth: Db,
  scope: TenantScope,
  wanted: CreateInvitation,
  by: By,
): Promise<{ invitation: Invitation; token: string }> {
  mayGive(by, wanted.role);
  const email = wanted.email.toLowerCase();
  const [token, id] = [newToken(), newId(by.nowMs)];
  const expiresAtMs = by.nowMs + limits.invitationMsMax;
  await transaction(auth, async (tx) => {
    if ((await openTenant(tx, scope.tenantId)) === null) throw notFound();
    await tx.query(cancelFormer, [scope.tenantId, email]);
    const [{ count } = { count: 0 }] = await tx.query(countPending, [scope.tenantId, time(by.nowMs)]);
    if (count >= limits.invitationsPerTenantMax)
      throw new Rejection("too_many", 409, "This tenant has as many open invitations as it may have");
    const inviter = by.actor.kind === "person" ? by.actor.id : null;
    const made = await tx.query(insert, [
      scope.tenantId,
      id,
      email,
      wanted.role,
      inviter,
      by.actor.name,
      hashBytes(token),
      time(expiresAtMs),
      time(by.nowMs),
    ]);
    if (made.length === 0) throw new Rejection("conflict", 409, "Somebody else is inviting this address at this moment");
    await audit(tx, scope.tenantId, { action: "invitation.created", id, data: { email, role: wanted.role } }, by);
  });
  const invitation = {
    id,
    email,
    role: wanted.role,
    invitedBy: by.actor.name,
    expiresAt: time(expiresAtMs),
    createdAt: time(by.nowMs),
  };
  return { invitation, token };
}

/** Open ones, the newest first. */
export async function listInvitations(auth: Db, { tenantId }: TenantScope, query: ListQuery, nowMs: number): Promise<Page<Invitation>> {
  const limit = query.limit ?? limits.listLimitDefault;
  const rows = await auth.query(selectPage, [tenantId, decodeIdCursor(query.after), limit, time(nowMs)]);
  const data = rows.map(({ expiresAtMs, createdAtMs, role, ...row }) => ({
    ...row,
    role: roleOf(role),
    expiresAt: time(expiresAtMs),
    createdAt: time(createdAtMs),
  }));
  return { data, next: nextIdCursor(rows, limit) };
}

export async function revokeInvitation(
  auth: Db,
  { tenantId }: TenantScope,
  id: string,
  by: { actor: Actor; nowMs: number },
): Promise<void> {
  await transaction(auth, async (tx) => {
    const [row] = await tx.query(cancel, [tenantId, id]);
    if (row === undefined) throw notFound();
    await audit(tx, tenantId, { action: "invitation.revoked", id, data: { email: row.email } }, by);
  });
}

/** Null for a link that is used, revoked, too old, of a closed tenant, or unknown. */
export async function findInvitation(auth: Db, token: string, nowMs: number): Promise<LinkedInvitation | null> {
  const [row] = await auth.query(selectByToken, [hashBytes(token), time(nowMs)]);
  return row === undefined ? null : { ...row, role: roleOf(row.role) };
}

/** Makes the account. Throws `conflict` where the address has one: it must be signed in to first. Returns the new person. */
export async function acceptAsNewcomer(
  tx: Tx,
  given: { token: string; name: string; passwordHash: string },
  from: { actorOf: (person: { id: string; email: string }) => Actor; nowMs: number },
): Promise<string> {
  const taken = await take(tx, given.token, from.nowMs);
  const { name } = given;
  const personId = await createPerson(tx, { name, email: taken.email, isVerified: false, isOperator: false }, from.nowMs);
  await setPassword(tx, personId, given.passwordHash, from.nowMs);
  await join(tx, taken, personId, { actor: from.actorOf({ id: personId, email: taken.email }), nowMs: from.nowMs });
  return personId;
}

/** By somebody who is signed in under the invited address. Returns the tenant. */
export async function acceptAsPerson(
  tx: Tx,
  given: { token: string; person: { id: string; email: string } },
  by: { actor: Actor; nowMs: number },
): Promise<string> {
  const taken = await take(tx, given.token, by.nowMs);
  if (taken.email !== given.person.email) throw new Rejection("forbidden", 403, "This invitation is for another address");
  await join(tx, taken, given.person.id, by);
  return taken.tenantId;
}

/** Whether an open tenant waits for whoever has this address. */
export async function isInvited(auth: Db | Tx, email: string, nowMs: number): Promise<boolean> {
  return (await auth.query(selectPending, [email.toLowerCase(), time(nowMs)])).length > 0;
}

/** All that wait for an address that the identity provider has verified, for a person who belongs to no open tenant. */
export async function acceptAllOf(tx: Tx, person: { id: string; email: string }, by: { actor: Actor; nowMs: number }): Promise<void> {
  if ((await tenantsOf(tx, person.id)).length > 0) return;
  const taken = await tx.query(takeByEmail, [person.email, time(by.nowMs)]);
  for (const each of taken.toSorted((a, b) => (a.tenantId < b.tenantId ? -1 : 1))) {
    if ((await openTenant(tx, each.tenantId)) !== null) await join(tx, { ...each, role: roleOf(each.role) }, person.id, by);
  }
}

type Taken = { tenantId: string; id: string; email: string; role: Role };

async function take(tx: Tx, token: string, nowMs: number): Promise<Taken> {
  const [row] = await tx.query(takeByToken, [hashBytes(token), time(nowMs)]);
  if (row === undefined || (await openTenant(tx, row.tenantId)) === null) throw notFound();
  return { ...row, role: roleOf(row.role) };
}

async function join(tx: Tx, taken: Taken, personId: string, by: { actor: Actor; nowMs: number }): Promise<void> {
  await audit(tx, taken.tenantId, { action: "invitation.accepted", id: taken.id, data: { role: taken.role } }, by);
  const isNew = await addMember(tx, tenantScope(taken.tenantId), { personId, role: taken.role }, by);
  if (!isNew) throw new Rejection("conflict", 409, "You belong to this tenant already");
}

async function audit(
  tx: Tx,
  tenantId: string,
  deed: { action: string; id: string; data: Readonly<Record<string, unknown>> },
  by: { actor: Actor; nowMs: number },
): Promise<void> {
  const { action, id, data } = deed;
  await appendAudit(tx, by.actor, [{ tenantId, action, subject: { kind: "invitation", id }, data }], by.nowMs);
}
