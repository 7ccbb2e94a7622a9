/**
 * The database's catalogue as text of our own, sorted and without anything that differs between two databases that were migrated
 * alike: no ids, no sizes, no partitions by time. Checked in as `db/schema.txt`, so that a change of the tables shows in review as what
 * it does to columns, keys, policies and rights, and a forgotten right shows at all. `npm run schema` writes it.
 */
import type { Db } from "./pool.ts";
import { statement, type Statement } from "./statement.ts";

const line = { of: "text", line: "text" } as const;
type Line = { of: string; line: string };

/** Tables that migrations made: not those of extensions, and of partitions only the one that takes what finds no other. */
const ours = `
  select c.oid, (case when c.relnamespace = 'public'::regnamespace then '' else c.relnamespace::regnamespace || '.' end || c.relname)::name as relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.reloptions, c.relacl, c.relowner,
         c.relispartition
    from pg_class c
   where c.relnamespace in (select oid from pg_namespace where nspname in ('public', 'auth')) and c.relkind in ('r', 'p', 'v', 'm', 'S')
     and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
                        and (d.deptype = 'e' or d.deptype = 'i' and c.relkind = 'S'))
     and (not c.relispartition or pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT')`;

const roles = statement(
  "catalogue.roles",
  `select r.rolname::text as of,
          concat_ws(' ',
            case when r.rolcanlogin then 'login' else 'nologin' end,
            case when r.rolsuper then 'superuser' else 'nosuperuser' end,
            case when r.rolbypassrls then 'bypassrls' else 'nobypassrls' end,
            case when r.rolcreaterole then 'createrole' else 'nocreaterole' end,
            case when r.rolcreatedb then 'createdb' else 'nocreatedb' end,
            case when r.rolreplication then 'replication' end,
            (select 'taken on by ' || string_agg(concat_ws(' ', m.rolname, case when a.inherit_option then 'with inherit' end,
                      case when a.set_option then null else 'without set' end), ', ' order by m.rolname)
               from pg_auth_members a join pg_roles m on m.oid = a.member
              where a.roleid = r.oid and (a.set_option or a.inherit_option))) as line
     from pg_roles r where r.rolname ~ '^kesher_' order by r.rolname`,
  line,
);

const functions = statement(
  "catalogue.functions",
  `select p.oid::regprocedure::text as of,
          concat_ws(' ', 'returns', pg_get_function_result(p.oid), 'language', l.lanname,
            case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
            case p.proparallel when 's' then 'parallel safe' end,
            case when p.prosecdef then 'security definer' else 'security invoker' end,
            case when p.proleakproof then 'leakproof' end,
            array_to_string(p.proconfig, ' '),
            'as', regexp_replace(btrim(p.prosrc), '\\s+', ' ', 'g'),
            '; execute:', (select string_agg(coalesce(g.rolname, 'public'), ', ' order by g.rolname nulls first)
                           from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a left join pg_roles g on g.oid = a.grantee
                          where a.grantee <> p.proowner)) as line
     from pg_proc p join pg_language l on l.oid = p.prolang
    where p.pronamespace = 'public'::regnamespace
      and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
    order by 1`,
  line,
);

const tables = statement(
  "catalogue.tables",
  `select t.relname::text as of,
          concat_ws(', ',
            case t.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'v' then 'view' when 'm' then 'materialized view'
                           else 'sequence' end,
            pg_get_partkeydef(t.oid),
            (select 'default partition of ' || i.inhparent::regclass from pg_inherits i where i.inhrelid = t.oid and t.relispartition),
            'owner ' || pg_get_userbyid(t.relowner),
            'row-level security ' || case when t.relrowsecurity and t.relforcerowsecurity then 'forced'
                                          when t.relrowsecurity then 'on, not forced' else 'off' end,
            array_to_string(t.reloptions, ', ')) as line
     from (${ours}) t order by 1`,
  line,
);

const columns = statement(
  "catalogue.columns",
  `select t.relname::text as of,
          concat_ws(' ', 'column', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
            case when a.attcollation <> y.typcollation then 'collate ' || (select quote_ident(collname) from pg_collation where oid = a.attcollation) end,
            case when a.attstorage <> y.typstorage then 'storage ' || case a.attstorage when 'e' then 'external' when 'm' then 'main' when 'x' then 'extended' else 'plain' end end,
            case when a.attnotnull then 'not null' end,
            case a.attidentity when 'a' then 'generated always as identity' when 'd' then 'generated by default as identity' end,
            'default ' || pg_get_expr(d.adbin, d.adrelid)) as line
     from (${ours}) t
     join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
     join pg_type y on y.oid = a.atttypid
     left join pg_attrdef d on d.adrelid = t.oid and d.adnum = a.attnum
    where t.relkind <> 'S'
    order by t.relname, a.attnum`,
  line,
);

const constraints = statement(
  "catalogue.constraints",
  `select t.relname::text as of, 'constraint ' || c.conname || ' ' || pg_get_constraintdef(c.oid) as line
     from (${ours}) t join pg_constraint c on c.conrelid = t.oid
    where c.contype <> 'n'
      -- One of our tables that refers to a partitioned one also holds a copy for each partition.
      and not exists (select from pg_constraint p where p.oid = c.conparentid and p.conrelid = c.conrelid)
    order by t.relname, c.conname`,
  line,
);

/** Those that a constraint stands on are told with it. */
const indexes = statement(
  "catalogue.indexes",
  `select t.relname::text as of,
          case when i.indisunique then 'unique ' else '' end || 'index ' || i.indexrelid::regclass || ' '
            || regexp_replace(pg_get_indexdef(i.indexrelid), '^.*? USING ', '') as line
     from (${ours}) t join pg_index i on i.indrelid = t.oid
    where not exists (select from pg_constraint c where c.conindid = i.indexrelid and c.contype in ('p', 'u', 'x'))
    order by t.relname, i.indexrelid::regclass::text`,
  line,
);

const policies = statement(
  "catalogue.policies",
  `select t.relname::text as of,
          concat_ws(' ', 'policy', p.polname, case when p.polpermissive then null else 'restrictive' end, 'for',
            case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end, 'to',
            (select string_agg(coalesce(r.rolname, 'public'), ', ' order by r.rolname) from unnest(p.polroles) m left join pg_roles r on r.oid = m),
            'using ' || pg_get_expr(p.polqual, p.polrelid),
            'with check ' || pg_get_expr(p.polwithcheck, p.polrelid)) as line
     from (${ours}) t join pg_policy p on p.polrelid = t.oid
    order by t.relname, p.polname`,
  line,
);

const grants = statement(
  "catalogue.grants",
  `with rights as (
     select t.relname, a.grantee, a.privilege_type, null::text as columns
       from (${ours}) t, aclexplode(t.relacl) a where a.grantee <> t.relowner
     union all
     select t.relname, a.grantee, a.privilege_type, string_agg(c.attname, ', ' order by c.attnum)
       from (${ours}) t join pg_attribute c on c.attrelid = t.oid, aclexplode(c.attacl) a
      where a.grantee <> t.relowner group by t.relname, a.grantee, a.privilege_type
   )
   select relname::text as of,
          concat('grant to ', coalesce(r.rolname, 'public'), ': ',
            string_agg(lower(privilege_type) || coalesce(' (' || columns || ')', ''), ', ' order by columns is not null, privilege_type)) as line
     from rights left join pg_roles r on r.oid = rights.grantee
    group by relname, r.rolname order by relname, r.rolname`,
  line,
);

const triggers = statement(
  "catalogue.triggers",
  `select t.relname::text as of, 'trigger ' || pg_get_triggerdef(g.oid) as line
     from (${ours}) t join pg_trigger g on g.tgrelid = t.oid
    where not g.tgisinternal order by t.relname, g.tgname`,
  line,
);

const parts: readonly Statement<Line>[] = [columns, constraints, indexes, policies, grants, triggers];

/** The whole listing, ending in a newline. `owner` sees all rights; the listing is the same for whoever asks. */
export async function describeCatalogue(owner: Db): Promise<string> {
  const text: string[] = ["# Written by `npm run schema` from a freshly migrated database. Compared by a test; do not edit.", ""];
  for (const { of, line: about } of await owner.query(roles)) text.push(`role ${of}: ${about}`);
  text.push("");
  for (const { of, line: about } of await owner.query(functions)) text.push(`function ${of} ${about}`);
  const details = new Map<string, string[]>();
  for (const part of parts) {
    for (const { of, line: about } of await owner.query(part)) {
      const known = details.get(of);
      if (known === undefined) details.set(of, [about]);
      else known.push(about);
    }
  }
  for (const { of, line: about } of await owner.query(tables)) {
    text.push("", `${of}: ${about}`, ...(details.get(of) ?? []).map((detail) => `  ${detail}`));
  }
  return `${text.join("\n")}\n`;
}
