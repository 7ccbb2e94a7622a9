/** The schema `auth`: who may touch it, and that it is what the identity library expects. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, test } from "node:test";
import { getMigrations } from "better-auth/db/migration";
import { createIdentity } from "../src/people/identity.ts";
import { createPasswords } from "../src/people/password.ts";
import { createTenant } from "../src/services/tenants/tenants.ts";
import { withDatabase } from "./support/database.ts";

const database = await withDatabase({ after });
const session = await database.session("owner");

test("Only kesher_auth has any right in the schema auth, and in ours only what a sign-in shows and writes of a tenant", async () => {
  const inAuth = await session.query<{ name: string }>(
    `select distinct r.rolname as name from pg_class c, aclexplode(c.relacl) a join pg_roles r on r.oid = a.grantee
      where c.relnamespace = 'auth'::regnamespace and a.grantee <> c.relowner
     union select 'public' from pg_class c, aclexplode(c.relacl) a where c.relnamespace = 'auth'::regnamespace and a.grantee = 0
     union select r.rolname from pg_namespace n, aclexplode(n.nspacl) a join pg_roles r on r.oid = a.grantee
      where n.nspname = 'auth' and a.grantee <> n.nspowner`,
  );
  assert.deepEqual(inAuth.rows, [{ name: "kesher_auth" }]);
  for (const role of ["kesher_app", "kesher_ingest", "kesher_platform", "kesher_jobs"]) {
    await session.query(`begin; set local role ${role}`);
    await assert.rejects(session.query("select 1 from auth.people"), /permission denied for schema auth/);
    await session.query("rollback");
  }
  const elsewhere = await session.query<{ right: string }>(
    `with rights as (
       select c.relname, a.privilege_type, null::text as columns from pg_class c, aclexplode(c.relacl) a
        where c.relnamespace <> 'auth'::regnamespace and a.grantee = 'kesher_auth'::regrole
       union all
       select c.relname, a.privilege_type, string_agg(t.attname, ' ' order by t.attname) from pg_class c
         join pg_attribute t on t.attrelid = c.oid, aclexplode(t.attacl) a where a.grantee = 'kesher_auth'::regrole group by 1, 2)
     select relname || ' ' || lower(privilege_type) || coalesce(': ' || columns, '') as right from rights order by 1`,
  );
  assert.deepEqual(
    elsewhere.rows.map(({ right }) => right),
    [
      "activity_counters insert",
      "activity_counters select",
      "activity_counters update",
      "activity_events insert",
      "audit_events insert: action actor_id actor_kind actor_name created_at data id ip request_id subject_id subject_kind tenant_id",
      "job insert",
      "queue select: dead_letter deletion_seconds expire_seconds heartbeat_seconds name policy retention_seconds retry_backoff retry_delay retry_delay_max retry_limit",
      "tenants select: closed_at created_at id locale name slug time_zone",
    ],
  );
});

test("kesher_auth reads neither keys nor messages nor the audit log, and changes no tenant", async () => {
  for (const text of [
    "select 1 from api_keys",
    "select 1 from whatsapp_messages",
    "select 1 from whatsapp_contacts",
    "select 1 from audit_events",
    "select 1 from activity_events",
    "select supported_types from tenants",
    "update tenants set name = 'x'",
    "delete from audit_events",
    "create table auth.mine (id int)",
  ]) {
    await session.query("begin; set local role kesher_auth");
    await assert.rejects(session.query(text), /permission denied/, text);
    await session.query("rollback");
  }
});

test("Tables of members and invitations are guarded by row-level security that binds their owner too", async () => {
  const { rows } = await session.query<{ name: string }>(
    `select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
      where c.relnamespace = 'auth'::regnamespace and c.relkind = 'r' and not (c.relrowsecurity and c.relforcerowsecurity)`,
  );
  assert.deepEqual(rows, []);
});

test("Neither a plain password nor a token of a provider can be written at all", async () => {
  const auth = database.open("kesher_auth");
  await auth.pool.query(
    "insert into auth.people (id, name, email, created_at, updated_at) values (gen_random_uuid(), 'x', 'x@x', now(), now())",
  );
  for (const [column, value] of [
    ["password", "plain"],
    ["password", "$2b$10$abcdefghijklmnopqrstuv"],
    ["access_token", "t"],
    ["refresh_token", "t"],
    ["id_token", "t"],
  ]) {
    const insert = `insert into auth.credentials (id, person_id, provider_id, account_id, created_at, updated_at, ${column})
      select gen_random_uuid(), id, 'p', 'a', now(), now(), $1 from auth.people`;
    await assert.rejects(auth.pool.query(insert, [value]), /check constraint/, column);
  }
});

test("The identity library finds nothing missing in the tables that our migration made", async () => {
  const { options } = createIdentity({
    auth: database.open("kesher_auth"),
    secret: randomBytes(32).toString("hex"),
    publicUrl: "http://localhost",
    oidc: null,
    passwords: createPasswords(),
    nowMs: () => Date.now(),
    onTrouble: (message) => assert.fail(message),
  });
  const { toBeCreated, toBeAdded } = await getMigrations(options);
  assert.deepEqual(toBeAdded, []);
  // It looks for tables only: this one is a view of the tenants.
  assert.deepEqual(
    toBeCreated.map(({ table }) => table),
    ["organizations"],
  );
});

test("The library's organizations are the open tenants, by being the same rows", async () => {
  const [platform, auth] = [database.open("kesher_platform"), database.open("kesher_auth")];
  const { id } = await createTenant(platform, { name: "Flowers", slug: "flowers" }, Date.now());
  const seen = async () => (await auth.pool.query("select id, name, slug, logo, metadata from auth.organizations")).rows;
  assert.deepEqual(await seen(), [{ id, name: "Flowers", slug: "flowers", logo: null, metadata: null }]);
  await platform.pool.query("update tenants set name = 'Blumen'");
  assert.equal((await seen())[0]?.name, "Blumen");
  await platform.pool.query("update tenants set closed_at = now()");
  assert.deepEqual(await seen(), []);
});
