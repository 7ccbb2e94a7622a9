/**
 * Rows for every table of tenants, made from the catalogue alone, so that a table that is added tomorrow is tested tomorrow. A row
 * holds only what must be there and its references.
 */
import { randomBytes, randomUUID } from "node:crypto";
import type pg from "pg";

export type Reference = { columns: string[]; target: string; targetColumns: string[] };
export type Table = {
  name: string;
  /** Its tenant's column: `tenant_id`, or `id` of `tenants`. */
  tenantColumn: string;
  required: { name: string; type: string; allowed: string | null }[];
  references: Reference[];
};
export type Row = Record<string, unknown>;
/** One row a table, but two contacts, since a table may tie two of them. */
export type World = Map<string, Row[]>;

export async function readTables(session: pg.Client): Promise<Table[]> {
  const { rows } = await session.query<Table>(
    `select c.relname::text as name, case c.relname when 'tenants' then 'id' else 'tenant_id' end as "tenantColumn",
            (select coalesce(json_agg(json_build_object('name', a.attname, 'type', a.atttypid::regtype::text, 'allowed',
                      (select substring(pg_get_constraintdef(k.oid) from 'ANY \\(ARRAY\\[''([^'']*)''')
                         from pg_constraint k where k.conrelid = c.oid and k.contype = 'c' and k.conkey = array[a.attnum]))), '[]')
               from pg_attribute a
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attnotnull and not a.atthasdef and a.attidentity = '') as required,
            (select coalesce(json_agg(json_build_object('target', k.confrelid::regclass::text,
                      'columns', array(select f.attname from unnest(k.conkey) with ordinality u (n, i) join pg_attribute f on f.attrelid = c.oid and f.attnum = n order by i),
                      'targetColumns', array(select f.attname from unnest(k.confkey) with ordinality u (n, i) join pg_attribute f on f.attrelid = k.confrelid and f.attnum = n order by i))
                      order by k.conname), '[]')
               from pg_constraint k where k.conrelid = c.oid and k.contype = 'f' and k.confrelid <> c.oid
                and not exists (select from pg_class p where p.oid = k.confrelid and p.relispartition)) as references
       from pg_class c
      where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
        and (c.relname = 'tenants' or exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped))
      order by c.relname`,
  );
  return inOrder(rows);
}

/** Referred tables first. */
function inOrder(tables: readonly Table[]): Table[] {
  const sorted: Table[] = [];
  let rest = [...tables];
  while (rest.length > 0) {
    const waiting = new Set(rest.map(({ name }) => name));
    const ready = rest.filter(({ references }) => references.every(({ target }) => !waiting.has(target)));
    if (ready.length === 0) throw new Error(`Tables refer to each other in a circle: ${[...waiting].join()}`);
    sorted.push(...ready);
    rest = rest.filter((table) => !ready.includes(table));
  }
  return sorted;
}

/** Inserts a tenant's world as whoever `session` is. */
export async function seedWorld(session: pg.Client, tables: readonly Table[]): Promise<World> {
  const world: World = new Map();
  const tenantId = randomUUID();
  for (const table of tables) {
    const rows: Row[] = [];
    for (let count = table.name === "whatsapp_contacts" ? 2 : 1; count > 0; count -= 1) {
      const row = newRow(table, { tenantId, referred: world });
      await insertRow(session, table, row);
      rows.push(row);
    }
    world.set(
      table.name,
      rows.toSorted((a, b) => String(a["id"]).localeCompare(String(b["id"]))),
    );
  }
  return world;
}

/** Texts of a form that no list tells. */
const shaped: ReadonlyMap<string, string> = new Map([["audit_events.action", "thing.done"]]);

/** `referred` may be another tenant's world: such a row must be refused. */
export function newRow(table: Table, options: { tenantId: string; referred: World }): Row {
  const row: Row = {};
  for (const { name, type, allowed } of table.required) row[name] = allowed ?? shaped.get(`${table.name}.${name}`) ?? anyValue(type);
  const used = new Map<string, number>();
  for (const { columns, target, targetColumns } of table.references) {
    if (target === "tenants") continue;
    const ordinal = used.get(target) ?? 0;
    used.set(target, ordinal + 1);
    const found = options.referred.get(target)?.[ordinal];
    if (found === undefined) throw new Error(`${table.name} needs another row of ${target}`);
    for (const [index, column] of columns.entries()) row[column] = found[targetColumns[index] ?? ""];
  }
  row[table.tenantColumn] = options.tenantId;
  return row;
}

export async function insertRow(session: pg.Client, { name }: Table, row: Row): Promise<void> {
  const columns = Object.keys(row);
  const places = columns.map((_, index) => `$${index + 1}`);
  await session.query(`insert into ${name} (${columns.join(", ")}) values (${places.join(", ")})`, Object.values(row));
}

function anyValue(type: string): unknown {
  if (type === "uuid") return randomUUID();
  if (type === "text") return randomBytes(8).toString("hex");
  if (type === "bytea") return randomBytes(32);
  if (type === "timestamp with time zone") return new Date();
  if (type === "boolean") return false;
  if (type === "json" || type === "jsonb") return "{}";
  if (type.endsWith("[]")) return "{}";
  if (/^(small|big)?int(eger)?$/.test(type)) return 1;
  throw new Error(`No value for a column of type ${type}`);
}
