/**
 * Every column that holds sealed secrets: what the rotation of keys goes over, and what may be named as still in use. A test holds this list against
 * the catalogue; a migration that adds such a column lets `kesher_keys` read it and write it, with its `tenant_id` and `id`.
 */
import { statement, type Statement } from "./statement.ts";

const place = { tenantId: "uuid", id: "uuid", sealed: "bytes" } as const;
const use = { keyId: "text", secrets: "bigint" } as const;

export type SealedColumn = {
  table: string;
  column: string;
  /** The column's name in what the ciphertext is bound to. */
  boundAs: string;
  /** After a place, in its order: what does not begin with the prefix of the first key. */
  selectOld: Statement<{ tenantId: string; id: string; sealed: Buffer }>;
  /** Only what is still as it was read: what somebody else has written meanwhile stays. */
  replace: Statement<{ id: string }>;
  countByKey: Statement<{ keyId: string; secrets: number }>;
};

export const sealedColumns: readonly SealedColumn[] = [
  sealed("whatsapp_connections", "access_token"),
  sealed("whatsapp_connections", "pin"),
  sealed("meta_apps", "app_secrets"),
  sealed("meta_apps", "verify_token"),
  sealed("forward_endpoints", "secret"),
  // It was the endpoint's secret, and is sealed as that.
  sealed("forward_endpoints", "previous_secret", { boundAs: "secret" }),
  sealed("erasure_secrets", "secret", { id: "tenant_id" }),
];

/** The names come from the list above and from nowhere else. */
function sealed(table: string, column: string, { boundAs = column, id = "id" } = {}): SealedColumn {
  const name = `sealed.${table}.${column}`;
  return {
    table,
    column,
    boundAs,
    selectOld: statement(
      `${name}.old`,
      `select tenant_id as "tenantId", ${id} as id, ${column} as sealed from ${table}
       where ${column} is not null and (tenant_id, ${id}) > ($1::uuid, $2::uuid) and substring(${column} from 1 for length($3::bytea)) <> $3
       order by tenant_id, ${id} limit $4`,
      place,
    ),
    replace: statement(
      `${name}.replace`,
      `update ${table} t set ${column} = u.fresh
       from unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::bytea[]) as u (tenant_id, id, old, fresh)
       where t.tenant_id = u.tenant_id and t.${id} = u.id and t.${column} = u.old returning t.${id} as id`,
      { id: "uuid" },
    ),
    // The longest id of a key has 32 characters.
    countByKey: statement(
      `${name}.count`,
      `select split_part(encode(substring(${column} from 1 for 40), 'escape'), '.', 2) as "keyId", count(*) as secrets
       from ${table} where ${column} is not null group by 1 order by 1`,
      use,
    ),
  };
}
