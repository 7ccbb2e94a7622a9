import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { randomBytes } from "node:crypto";
import { after, test } from "node:test";
import { openSecret, rewrapSecret, sealSecret, SecretBoxError, type EncryptionKey } from "../src/core/secret-box.ts";
import { byteas, uuids } from "../src/db/arrays.ts";
import { newId } from "../src/db/new-id.ts";
import type { Db } from "../src/db/pool.ts";
import { readKeysInUse, rotateKeys, unknownUses } from "../src/db/rotate-keys.ts";
import { sealedColumns } from "../src/db/sealed-columns.ts";
import { limits } from "../src/limits.ts";
import { withDatabase } from "./support/database.ts";

const database = await withDatabase({ after });
const owner = await database.session("superuser");
const [oldKey, newKey, strange] = [keyNamed("k1"), keyNamed("k2"), keyNamed("k3")];

test("Every column of bytes is either a sealed secret that the rotation goes over, or on a reviewed list of what is none", async () => {
  const { rows } = await owner.query<{ name: string }>(
    `select c.relname || '.' || a.attname as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) and c.relnamespace::regnamespace::text !~ '^(pg_|pgboss)'
       and c.relkind in ('r', 'p') and not c.relispartition and a.atttypid = 'bytea'::regtype order by 1`,
  );
  const sealed = sealedColumns.map(({ table, column }) => `${table}.${column}`);
  const isHash = (name: string): boolean => name.endsWith("_sha256") || name.endsWith(".sha256");
  // Raw bodies; keyed hashes.
  const reviewed = ["webhook_deliveries.body", "erasure_marks.mark", "kept_opt_outs.mark"];
  const others = rows.map(({ name }) => name).filter((name) => !isHash(name) && !reviewed.includes(name));
  assert.deepEqual(others, sealed.toSorted());
});

test("The role of the rotation reads and writes every sealed column, and no other column but the place of its row", async () => {
  const { rows } = await owner.query<{ name: string; rights: string }>(
    `select c.relname || '.' || a.attname as name, concat_ws(' ', case when has_column_privilege('kesher_keys', c.oid, a.attnum, 'select') then 'select' end,
       case when has_column_privilege('kesher_keys', c.oid, a.attnum, 'update') then 'update' end,
       case when has_column_privilege('kesher_keys', c.oid, a.attnum, 'insert') then 'insert' end) as rights
     from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)' and c.relname !~ '^pg_stat_' and c.relkind in ('r', 'p', 'v')`,
  );
  const expected = new Map<string, string>();
  for (const { table, column } of sealedColumns) {
    for (const place of table === "erasure_secrets" ? ["tenant_id"] : ["tenant_id", "id"]) expected.set(`${table}.${place}`, "select");
    expected.set(`${table}.${column}`, "select update");
  }
  const given = new Map(rows.filter(({ rights }) => rights !== "").map(({ name, rights }) => [name, rights]));
  assert.deepEqual([...given].toSorted(), [...expected].toSorted());
});

test("A secret that is wrapped anew opens with the new key alone, stays bound to its place, and was not sealed anew itself", () => {
  const context = { table: "t", column: "c", tenantId: "a", rowId: "b" };
  const sealed = sealSecret([oldKey], context, "the secret");
  const fresh = rewrapSecret([newKey, oldKey], context, sealed);
  assert.equal(openSecret([newKey], context, fresh), "the secret");
  assert.throws(() => openSecret([newKey], { ...context, rowId: "c" }, fresh), SecretBoxError);
  assert.throws(() => openSecret([oldKey], context, fresh), /"k2", which ENCRYPTION_KEYS does not hold/);
  assert.throws(() => rewrapSecret([newKey], context, sealed), /"k1", which ENCRYPTION_KEYS does not hold/);
  assert.throws(() => rewrapSecret([newKey, oldKey], { ...context, tenantId: "z" }, sealed), /does not open/);
  assert.deepEqual(textOf(fresh).split(".").slice(3), textOf(sealed).split(".").slice(3));
  assert.notEqual(textOf(fresh).split(".")[2], textOf(sealed).split(".")[2]);
});

test("All secrets of all columns and tenants are wrapped anew in bounded steps; what others write meanwhile stays as they wrote it", async () => {
  const keys = database.open("kesher_keys");
  const seeds = [await seed(limits.rotateSecretsMax + 3), await seed(2)];
  const [first] = seeds;
  assert.ok(first);
  const [racing] = first.connectionIds;
  assert.ok(racing !== undefined);
  const sizes: number[] = [];
  let hasRaced = false;
  const raced: Db = {
    pool: keys.pool,
    async query(statement, values = []) {
      if (statement.name === "sealed.whatsapp_connections.access_token.replace" && !hasRaced) {
        hasRaced = true;
        const written = sealSecret([newKey], tokenContext(first.tenantId, racing), "a newer token");
        await owner.query("update whatsapp_connections set access_token = $2 where id = $1", [racing, written]);
      }
      const rows = await keys.query(statement, values);
      if (statement.name === "sealed.whatsapp_connections.access_token.old") sizes.push(rows.length);
      return rows;
    },
  };
  const { rewrapped, problems, inUse } = await rotateKeys(raced, [newKey, oldKey], () => undefined);
  assert.deepEqual([problems, [...new Set(inUse.map(({ keyId }) => keyId))]], [[], ["k2"]]);
  assert.deepEqual(sizes, [limits.rotateSecretsMax, 5, 0]);
  assert.equal(rewrapped, seeds.reduce((sum, { secrets }) => sum + secrets, 0) - 1);
  for (const { tenantId, connectionIds, check } of seeds) {
    await check([newKey]);
    const { rows } = await owner.query<{ id: string; sealed: Buffer }>(
      "select id, access_token as sealed from whatsapp_connections where tenant_id = $1",
      [tenantId],
    );
    assert.equal(rows.length, connectionIds.length);
    for (const { id, sealed } of rows) {
      assert.equal(openSecret([newKey], tokenContext(tenantId, id), sealed), id === racing ? "a newer token" : `token of ${id}`);
    }
  }
  assert.deepEqual(await rotateKeys(keys, [newKey], () => undefined), { rewrapped: 0, problems: [], inUse });
});

test("While others still seal with the old key, all is gone over a few times, and what is left is told", async () => {
  const keys = database.open("kesher_keys");
  const { tenantId, connectionIds } = await seed(3);
  const [busy] = connectionIds;
  assert.ok(busy !== undefined);
  let passes = 0;
  const raced: Db = {
    pool: keys.pool,
    async query(statement, values = []) {
      if (statement.name === "sealed.whatsapp_connections.access_token.count") {
        passes += 1;
        const sealed = sealSecret([oldKey], tokenContext(tenantId, busy), `pass ${passes}`);
        await owner.query("update whatsapp_connections set access_token = $2 where id = $1", [busy, sealed]);
      }
      return keys.query(statement, values);
    },
  };
  const { problems, inUse } = await rotateKeys(raced, [newKey, oldKey], () => undefined);
  assert.deepEqual([passes, problems], [limits.rotatePassesMax, []]);
  assert.deepEqual(
    inUse.filter(({ keyId }) => keyId !== "k2"),
    [{ table: "whatsapp_connections", column: "access_token", keyId: "k1", secrets: 1 }],
  );
  assert.deepEqual((await rotateKeys(keys, [newKey, oldKey], () => undefined)).rewrapped, 1);
});

test("The command can be killed and started again; it says done only when no other key is in use", async () => {
  const { tenantId, connectionIds } = await seed(limits.rotateSecretsMax * 12);
  // It gets no further than the second step before it is killed, however long that takes: a row of the third is held.
  const holder = await database.session("superuser");
  await holder.query("begin");
  await holder.query("select from whatsapp_connections where id = $1 for update", [connectionIds[limits.rotateSecretsMax * 2 + 1]]);
  const killed = await command([newKey, oldKey], { killAtLine: /whatsapp_connections\.access_token: 400 / });
  await holder.query("rollback");
  assert.equal(killed.signal, "SIGKILL");
  const keys = database.open("kesher_keys");
  const between = (await readKeysInUse(keys)).filter(({ table, column }) => table === "whatsapp_connections" && column === "access_token");
  assert.deepEqual(
    between.map(({ keyId }) => keyId),
    ["k1", "k2"],
    "killed in the middle",
  );

  const [lost] = connectionIds;
  assert.ok(lost !== undefined);
  await owner.query("update whatsapp_connections set access_token = $2 where id = $1", [
    lost,
    sealSecret([strange], tokenContext(tenantId, lost), "x"),
  ]);
  const refused = await command([newKey, oldKey]);
  assert.equal(refused.code, 1);
  assert.match(refused.output, /Not done: other keys are still in use \(key "k3" by 1 in whatsapp_connections\.access_token\)/);
  assert.match(refused.output, new RegExp(`whatsapp_connections\\.access_token of row ${lost} was sealed with the key "k3"`));
  assert.ok(!refused.output.includes("Done"));
  assert.deepEqual(unknownUses(await readKeysInUse(keys), [newKey, oldKey]), [
    { table: "whatsapp_connections", column: "access_token", keyId: "k3", secrets: 1 },
  ]);

  const done = await command([newKey, oldKey, strange]);
  assert.equal(done.code, 0, done.output);
  assert.match(done.output, /Done: 1 secrets were wrapped anew, and only the key "k2" is in use/);
  for (const key of [newKey, oldKey, strange]) assert.ok(!done.output.includes(Buffer.from(key.key).toString("base64")));
});

function keyNamed(id: string): EncryptionKey {
  return { id, key: randomBytes(32) };
}

function textOf(sealed: Buffer): string {
  return sealed.toString("ascii");
}

function tokenContext(tenantId: string, rowId: string) {
  return { table: "whatsapp_connections", column: "access_token", tenantId, rowId };
}

/** A tenant with this many numbers, two endpoints and an app, all sealed with the old key. */
async function seed(numbers: number) {
  const [tenantId, accountId, appId] = [newId(Date.now()), newId(Date.now()), newId(Date.now())];
  const sealed = (table: string, column: string, rowId: string, plain: string): Buffer =>
    sealSecret([oldKey], { table, column, tenantId, rowId }, plain);
  await owner.query("insert into tenants (id, name, slug) values ($1::uuid, 'T', $1::text)", [tenantId]);
  await owner.query("insert into whatsapp_accounts (tenant_id, id, waba_id, app_key) values ($1, $2::uuid, $2::text, '')", [
    tenantId,
    accountId,
  ]);
  const connectionIds = Array.from({ length: numbers }, () => newId(Date.now()));
  await owner.query(
    `insert into whatsapp_connections (tenant_id, id, account_id, phone_number_id, state, access_token)
     select $1, u.id, $2, u.id::text, 'connected', u.token from unnest($3::uuid[], $4::bytea[]) as u (id, token)`,
    [
      tenantId,
      accountId,
      uuids(connectionIds),
      byteas(connectionIds.map((id) => sealed("whatsapp_connections", "access_token", id, `token of ${id}`))),
    ],
  );
  const [pinned] = connectionIds;
  assert.ok(pinned !== undefined);
  await owner.query("update whatsapp_connections set pin = $2 where id = $1", [
    pinned,
    sealed("whatsapp_connections", "pin", pinned, "123456"),
  ]);
  await owner.query(
    "insert into meta_apps (tenant_id, id, app_key, app_id, app_secrets, verify_token) values ($1, $2::uuid, $2::text, '1', $3, $4)",
    [tenantId, appId, sealed("meta_apps", "app_secrets", appId, "one,two"), sealed("meta_apps", "verify_token", appId, "word")],
  );
  const endpointId = newId(Date.now());
  await owner.query(
    `insert into forward_endpoints (tenant_id, id, name, url, form, secret, previous_secret, created_at) values ($1, $2, 'E', 'https://e', 'meta', $3, $4, now())`,
    [
      tenantId,
      endpointId,
      sealed("forward_endpoints", "secret", endpointId, "new"),
      sealed("forward_endpoints", "secret", endpointId, "old"),
    ],
  );
  await owner.query("insert into erasure_secrets (tenant_id, secret) values ($1, $2)", [
    tenantId,
    sealed("erasure_secrets", "secret", tenantId, "pepper"),
  ]);
  const check = async (keys: readonly EncryptionKey[]): Promise<void> => {
    const open = (table: string, column: string, rowId: string, bytes: Buffer | undefined): string =>
      openSecret(keys, { table, column, tenantId, rowId }, bytes ?? Buffer.alloc(0));
    const [pin] = (await owner.query<{ pin: Buffer }>("select pin from whatsapp_connections where id = $1", [pinned])).rows;
    const [app] = (
      await owner.query<{ a: Buffer; v: Buffer }>("select app_secrets as a, verify_token as v from meta_apps where id = $1", [appId])
    ).rows;
    const [endpoint] = (
      await owner.query<{ s: Buffer; p: Buffer }>("select secret as s, previous_secret as p from forward_endpoints where id = $1", [
        endpointId,
      ])
    ).rows;
    const [erasure] = (await owner.query<{ secret: Buffer }>("select secret from erasure_secrets where tenant_id = $1", [tenantId])).rows;
    assert.deepEqual(
      [
        open("whatsapp_connections", "pin", pinned, pin?.pin),
        open("meta_apps", "app_secrets", appId, app?.a),
        open("meta_apps", "verify_token", appId, app?.v),
        open("forward_endpoints", "secret", endpointId, endpoint?.s),
        open("forward_endpoints", "secret", endpointId, endpoint?.p),
        open("erasure_secrets", "secret", tenantId, erasure?.secret),
      ],
      ["123456", "one,two", "word", "new", "old", "pepper"],
    );
  };
  return { tenantId, connectionIds, secrets: numbers + 6, check };
}

type Ran = { code: number | null; signal: NodeJS.Signals | null; output: string };

/** `npm run rotate-keys` with the settings of a program. */
async function command(keys: readonly EncryptionKey[], { killAtLine }: { killAtLine?: RegExp } = {}): Promise<Ran> {
  const { server } = database;
  assert.ok("host" in server);
  const url = new URL(`postgres:///${server.database}`);
  url.search = new URLSearchParams({ host: server.host, port: String(server.port), user: server.user }).toString();
  const child = spawn(process.execPath, ["src/rotate-keys.ts"], {
    cwd: new URL("..", import.meta.url),
    env: {
      PATH: process.env["PATH"] ?? "",
      DATABASE_URL: url.href,
      META_APP_ID: "1",
      META_APP_SECRET: "s",
      META_VERIFY_TOKEN: "v",
      ENCRYPTION_KEYS: keys.map(({ id, key }) => `${id}:${Buffer.from(key).toString("base64")}`).join(","),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const hear = (text: Buffer): void => {
    output += text.toString();
    if (killAtLine?.test(output) === true) child.kill("SIGKILL");
  };
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return { code, signal, output };
}
