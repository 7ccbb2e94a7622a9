import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import { describeCatalogue } from "../src/db/catalogue.ts";
import { keepPartitions } from "../src/db/partitions.ts";
import { withDatabase } from "./support/database.ts";

const database = await withDatabase({ after });
const owner = database.open("owner", { connectionsMax: 1 });
// The partitions by time are made by the running program; they are guarded like all else, and not part of the listing.
await keepPartitions(owner, Date.now());
const session = await database.session("owner");

test("db/schema.txt is what the migrations make", async () => {
  const listing = await describeCatalogue(owner);
  const kept = await readFile(new URL("../db/schema.txt", import.meta.url), "utf8");
  assert.equal(listing, kept, "run `npm run schema` and review the difference");
});

test("Every table of tenants is guarded by row-level security that binds its owner too, and kesher_app by the running tenant", async () => {
  const { rows } = await session.query<{ name: string; guarded: boolean; policies: string[] | null; parent: string | null }>(
    `select c.relname as name, c.relrowsecurity and c.relforcerowsecurity as guarded, i.inhparent::regclass::text as parent,
            array(select concat_ws(' | ', pg_get_expr(p.polqual, c.oid), pg_get_expr(p.polwithcheck, c.oid))
                    from pg_policy p where p.polrelid = c.oid and ('kesher_app'::regrole = any (p.polroles) or 0 = any (p.polroles))) as policies
       from pg_class c
       join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
       left join pg_inherits i on i.inhrelid = c.oid
      where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')`,
  );
  assert.ok(rows.length >= 12);
  assert.deepEqual(
    rows.filter(({ guarded }) => !guarded).map(({ name }) => name),
    [],
  );
  const mine = "(tenant_id = current_tenant_id())";
  for (const { name, policies, parent } of rows) {
    const found = policies ?? [];
    // Partitions are reached through their parent; without a policy of their own nobody reaches them directly.
    if (parent !== null) assert.deepEqual(found, [], name);
    else assert.ok(found.length === 1 && (found[0] === `${mine} | ${mine}` || found[0] === mine), `${name}: ${found.join()}`);
  }
});

test("Our roles own nothing, are no superusers, cannot log in, and do not pass row-level security", async () => {
  const { rows } = await session.query(
    `select rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolcanlogin,
            exists (select from pg_class where relowner = r.oid) or exists (select from pg_proc where proowner = r.oid)
              or exists (select from pg_namespace where nspowner = r.oid) as owns,
            exists (select from pg_auth_members where member = r.oid) as is_member
       from pg_roles r where rolname in ('kesher_app', 'kesher_auth', 'kesher_ingest', 'kesher_keys', 'kesher_platform') order by rolname`,
  );
  const nothing = {
    rolsuper: false,
    rolbypassrls: false,
    rolcreaterole: false,
    rolcreatedb: false,
    rolcanlogin: false,
    owns: false,
    is_member: false,
  };
  assert.deepEqual(rows, [
    { rolname: "kesher_app", ...nothing },
    { rolname: "kesher_auth", ...nothing },
    { rolname: "kesher_ingest", ...nothing },
    { rolname: "kesher_keys", ...nothing },
    { rolname: "kesher_platform", ...nothing },
  ]);
});

test("Every reference between tables of tenants carries the tenant, so that no row can point into another's data", async () => {
  const { rows } = await session.query<{ name: string; columns: string[]; target: string; references: string[] }>(
    `select c.conname as name, c.confrelid::regclass::text as target,
            array(select a.attname::text from unnest(c.conkey) with ordinality k (n, i) join pg_attribute a on a.attrelid = c.conrelid and a.attnum = n order by i) as columns,
            array(select a.attname::text from unnest(c.confkey) with ordinality k (n, i) join pg_attribute a on a.attrelid = c.confrelid and a.attnum = n order by i) as references
       from pg_constraint c where c.contype = 'f' and c.connamespace = 'public'::regnamespace`,
  );
  assert.ok(rows.length >= 12);
  for (const { name, columns, target, references } of rows) {
    if (target === "tenants") assert.deepEqual([columns, references], [["tenant_id"], ["id"]], name);
    else assert.ok(columns.length > 1 && columns[0] === "tenant_id" && references[0] === "tenant_id", name);
  }
});

test("The path in has no right to keys, secrets of apps or tokens", async () => {
  const { rows } = await session.query<{ right: string }>(
    `select c.relname || '.' || a.attname || ' ' || p as right
       from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped,
            unnest(array['select', 'insert', 'update', 'references']) p
      where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
        and (c.relname in ('api_keys', 'meta_apps') or a.attname = 'access_token' or (c.relname = 'forward_endpoints' and a.attname ~ 'secret$|^url$'))
        and has_column_privilege('kesher_ingest', c.oid, a.attnum, p)`,
  );
  assert.deepEqual(rows, []);
  const deletes = await session.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
        and (has_table_privilege('kesher_ingest', oid, 'delete') or has_table_privilege('kesher_ingest', oid, 'truncate')) order by 1`,
  );
  // The echo of a send whose outcome was unknown makes room for it.
  assert.deepEqual(deletes.rows, [
    { name: "forward_deliveries" },
    { name: "forward_lanes" },
    { name: "forward_updates" },
    { name: "idempotency_keys" },
    { name: "overview_waits" },
    { name: "search_messages" },
    { name: "webhook_attempts" },
    { name: "webhook_pending" },
    { name: "whatsapp_messages" },
    { name: "whatsapp_send_nodes" },
    { name: "whatsapp_sends" },
  ]);
});

test("Nobody but the owner may do anything that PostgreSQL grants to everyone by default in our schema", async () => {
  const { rows } = await session.query<{ name: string }>(
    `select c.relname as name from pg_class c, aclexplode(c.relacl) a
      where c.relnamespace = 'public'::regnamespace and a.grantee = 0 and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
     union all
     select 'create in public' where has_schema_privilege('public', 'public', 'create')`,
  );
  assert.deepEqual(rows, []);
});
