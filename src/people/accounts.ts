/** A person's account: made once, by who was let in; its password, of which only the hash is kept. */
import { Rejection } from "../core/rejection.ts";
import { newId } from "../db/new-id.ts";
import type { Db } from "../db/pool.ts";
import { statement, time } from "../db/statement.ts";
import { transaction, type Tx } from "../db/transaction.ts";

const insertPerson = statement(
  "people.insert",
  `insert into auth.people (id, name, email, email_verified, is_operator, created_at, updated_at)
   values ($1, $2, $3, $4::boolean, $5::boolean, $6::timestamptz, $6::timestamptz) on conflict (email) do nothing returning id`,
  { id: "uuid" },
);
const selectByEmail = statement(
  "people.by_email",
  `select p.id, p.name, p.email, p.is_operator as "isOperator",
     (select m.tenant_id from auth.members m where m.person_id = p.id order by m.id limit 1) as "tenantId"
   from auth.people p where p.email = $1`,
  { id: "uuid", name: "text", email: "text", isOperator: "bool", tenantId: "uuid?" },
);
const selectById = statement(
  "people.by_id",
  `select p.id, p.name, p.email, p.is_operator as "isOperator",
     (select m.tenant_id from auth.members m where m.person_id = p.id order by m.id limit 1) as "tenantId"
   from auth.people p where p.id = $1`,
  { id: "uuid", name: "text", email: "text", isOperator: "bool", tenantId: "uuid?" },
);
const selectPassword = statement(
  "credentials.password",
  `select password from auth.credentials where person_id = $1 and provider_id = 'credential'`,
  { password: "text?" },
);
const putPassword = statement(
  "credentials.put_password",
  `insert into auth.credentials (id, person_id, provider_id, account_id, password, created_at, updated_at)
   values ($1, $2, 'credential', $2::uuid::text, $3, $4::timestamptz, $4::timestamptz)
   on conflict (person_id, provider_id) do update set password = excluded.password, updated_at = excluded.updated_at`,
  {},
);
const selectAny = statement("credentials.any", `select 1 as found from auth.credentials limit 1`, { found: "int" });

const holdPassword = statement(
  "credentials.hold_password",
  `select password from auth.credentials where person_id = $1 and provider_id = 'credential' for share`,
  { password: "text?" },
);
const dropUnprovenPassword = statement(
  "credentials.drop_unproven",
  `delete from auth.credentials c using auth.people p
   where p.id = $1 and not p.email_verified and c.person_id = p.id and c.provider_id = 'credential'`,
  {},
);
const dropUnproven = statement(
  "people.drop_unproven",
  `with unproven as (select id from auth.people where id = $1 and not email_verified),
     sessions as (delete from auth.sessions s using unproven u where s.person_id = u.id)
   delete from auth.links l using unproven u where l.person_id = u.id`,
  {},
);

export type PersonFacts = { id: string; name: string; email: string; isOperator: boolean; tenantId: string | null };

/** Throws `conflict` where the address has an account. */
export async function createPerson(
  tx: Tx,
  wanted: { name: string; email: string; isVerified: boolean; isOperator: boolean },
  nowMs: number,
): Promise<string> {
  const email = wanted.email.toLowerCase();
  const [row] = await tx.query(insertPerson, [newId(nowMs), wanted.name, email, wanted.isVerified, wanted.isOperator, time(nowMs)]);
  if (row === undefined)
    throw new Rejection("conflict", 409, "There is an account with this address: sign in first, then open the link again.");
  return row.id;
}

export async function personByEmail(auth: Db | Tx, email: string): Promise<PersonFacts | null> {
  const [row] = await auth.query(selectByEmail, [email.toLowerCase()]);
  return row ?? null;
}

export async function personById(auth: Db | Tx, id: string): Promise<PersonFacts | null> {
  const [row] = await auth.query(selectById, [id]);
  return row ?? null;
}

/** The hash; null for who has none. */
export async function passwordOf(auth: Db | Tx, personId: string): Promise<string | null> {
  const [row] = await auth.query(selectPassword, [personId]);
  return row?.password ?? null;
}

export async function setPassword(tx: Tx, personId: string, hash: string, nowMs: number): Promise<void> {
  await tx.query(putPassword, [newId(nowMs), personId, hash, time(nowMs)]);
}

/** Whether this hash is still the person's. Whoever changes it waits until the transaction ends, and then ends the session that it began. */
export async function isStillPassword(tx: Tx, personId: string, hash: string): Promise<boolean> {
  const [row] = await tx.query(holdPassword, [personId]);
  return row?.password === hash;
}

/** Whether anybody can sign in at all. The sandbox's demo person has nothing to sign in with. */
export async function hasAccounts(auth: Db | Tx): Promise<boolean> {
  return (await auth.query(selectAny, [])).length > 0;
}

/** Whoever made this account without proving its address can do nothing with it any more. */
export async function forgetUnproven(auth: Db, personId: string): Promise<void> {
  await transaction(auth, async (tx) => {
    // First, and by itself: the sessions of sign-ins that held the password are seen after it.
    await tx.query(dropUnprovenPassword, [personId]);
    await tx.query(dropUnproven, [personId]);
  });
}
