import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";
import { newId } from "../src/db/new-id.ts";
import { limits } from "../src/limits.ts";
import { adminKey, seedWorld, startApi, type World } from "./support/api.ts";

const api = await startApi({ after });

async function world(): Promise<World & { tenantId: string; key: string }> {
  const { id, key } = await api.tenant();
  return { ...(await seedWorld(api, id)), tenantId: id, key };
}
const read = async (key: string, path: string) => {
  const answer = await api.call("GET", `/api/v1/${path}`, { key });
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
};

test("deliveries tell their state, show their raw bytes, and are replayed only when they are decoded", async () => {
  const { pool } = api.ingest;
  const deliver = async (lanes: number, results: { kind: string; stored: number; parked: number }[]): Promise<string> => {
    const id = newId(Date.now());
    await pool.query(`insert into webhook_deliveries (id, app_key, received_at, lanes, body) values ($1, '', now(), $2, $3)`, [
      id,
      lanes,
      Buffer.from('{"a":1}'),
    ]);
    for (const { kind, stored, parked } of results) {
      await pool.query(
        `insert into webhook_results (delivery_id, kind, updates, stored, parked, duplicates, suppressed, applied_at) values ($1, $2, $3, $4, $5, 0, 0, now())`,
        [id, kind, stored + parked, stored, parked],
      );
    }
    return id;
  };
  const applied = await deliver(1, [{ kind: "whatsapp-messages", stored: 2, parked: 0 }]);
  const pending = await deliver(2, [{ kind: "whatsapp-messages", stored: 2, parked: 0 }]);
  const partly = await deliver(2, [
    { kind: "whatsapp-messages", stored: 2, parked: 0 },
    { kind: "whatsapp-statuses", stored: 0, parked: 1 },
  ]);
  const parked = await deliver(1, [{ kind: "whatsapp-account", stored: 0, parked: 1 }]);
  const { data } = await read(adminKey, "deliveries?limit=4");
  assert.deepEqual(
    data.map(({ id, state }: { id: string; state: string }) => [id, state]),
    [
      [parked, "parked"],
      [partly, "partly_parked"],
      [pending, "pending"],
      [applied, "applied"],
    ],
  );
  assert.deepEqual([data[1].updates, data[1].stored, data[1].parked, data[1].bytes], [3, 2, 1, 7]);
  const detail = await read(adminKey, `deliveries/${partly}`);
  assert.equal(Buffer.from(detail.body, "base64").toString(), '{"a":1}');
  assert.equal(detail.results.length, 2);
  const replay = (id: string) => api.call("POST", `/api/v1/deliveries/${id}/replay`, { key: adminKey });
  assert.equal((await replay(pending)).json.replayed, 0);
  assert.equal((await replay(partly)).json.replayed, 1);
  assert.equal((await replay(randomUUID())).status, 404);
  const queued = async (id: string): Promise<unknown[]> =>
    (
      await api.platform.pool.query(
        "select kind, updates, counted_deliveries, is_replay from webhook_pending where delivery_ids = array[$1::uuid] order by id",
        [id],
      )
    ).rows;
  assert.deepEqual(await queued(pending), []);
  assert.deepEqual(await queued(partly), [
    { kind: "whatsapp-messages", updates: 2, counted_deliveries: 0, is_replay: true },
    { kind: "whatsapp-statuses", updates: 1, counted_deliveries: 0, is_replay: true },
  ]);
  const body = { from: new Date(Date.now() - 60_000).toISOString(), to: new Date(Date.now() + 60_000).toISOString() };
  const ranged = await api.call("POST", "/api/v1/deliveries/replay", { key: adminKey, body });
  assert.deepEqual([ranged.status, ranged.json], [202, { replayed: 3, next: null }]);
  assert.equal((await queued(applied)).length, 1);
  const past = { from: "2020-01-01T00:00:00Z", to: "2020-01-02T00:00:00Z" };
  assert.equal((await api.call("POST", "/api/v1/deliveries/replay", { key: adminKey, body: past })).json.replayed, 0);
  for (const wrong of [{ from: past.to, to: past.from }, { from: "yesterday", to: past.to }, {}]) {
    assert.equal((await api.call("POST", "/api/v1/deliveries/replay", { key: adminKey, body: wrong })).status, 400);
  }
});

test("a tenant's counts are its own and add up; the operator's have the queue as well", async () => {
  const seeded = await world();
  await api.ingest.pool.query(
    `insert into activity_counters (tenant_id, stored, parked, duplicates, suppressed) values ($1, 5, 2, 3, 1)
     on conflict (tenant_id) do update set stored = 5, parked = 2, duplicates = 3, suppressed = 1`,
    [seeded.tenantId],
  );
  assert.deepEqual(await read(seeded.key, "stats"), { updates: 11, stored: 5, parked: 2, duplicates: 3, suppressed: 1 });
  const before = await read(adminKey, "stats");
  await api.ingest.pool.query(`insert into webhook_intake (slot, deliveries) values (77, 9)`);
  await api.ingest.pool.query(
    `insert into webhook_pending (kind, account, delivery_ids, updates, counted_deliveries, created_at) values ('whatsapp-messages', '', '{}', 4, 4, now() - interval '5 s')`,
  );
  const now = await read(adminKey, "stats");
  assert.deepEqual([now.deliveries - before.deliveries, now.pending - before.pending], [9, 4]);
  assert.ok(now.oldestPendingMs >= 5_000 && now.oldestPendingMs < 60_000);
  assert.equal(now.updates, now.stored + now.parked + now.duplicates + now.suppressed);
});

test("every list refuses limits outside 1 to 200 and cursors that are not its own, and names the field", async () => {
  const { key } = await world();
  const lists = ["contacts", "conversations", "messages", "accounts", "connections", "parked", "api-keys", "activity"];
  for (const list of lists) {
    assert.equal((await api.call("GET", `/api/v1/${list}?limit=200`, { key })).status, 200, list);
    assert.equal((await api.call("GET", `/api/v1/${list}?limit=1`, { key })).status, 200, list);
    for (const limit of ["0", "201", "-1", "abc", "", "1e9"]) {
      const answer = await api.call("GET", `/api/v1/${list}?limit=${limit}`, { key });
      assert.deepEqual([answer.status, answer.json.code], [400, "invalid_request"], `${list} limit=${limit}`);
      assert.match(answer.json.detail, /limit/);
    }
    for (const cursor of ["!!!", "bnVsbA", "WyJ4Il0", Buffer.from("[1,2,3]").toString("base64url"), "a".repeat(600)]) {
      const answer = await api.call("GET", `/api/v1/${list}?after=${cursor}`, { key });
      assert.deepEqual([answer.status, answer.json.code], [400, "invalid_request"], `${list} after=${cursor}`);
      assert.match(answer.json.detail, /after/);
    }
  }
});

test("bad bodies, types, sizes and texts are problems with a field, never errors inside", async () => {
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    api.call("POST", "/api/v1/tenants", { key: adminKey, body, headers });
  for (const [body, field] of [
    [{ slug: "x" }, /name/],
    [{ name: "x", slug: "Not A Slug" }, /slug/],
    [{ name: 5, slug: "x" }, /name/],
    [{ name: "x".repeat(201), slug: "x" }, /name/],
    ["{", /./],
    ['{"__proto__":{"a":1},"name":"x","slug":"x"}', /./],
    ["[]", /./],
  ] as const) {
    const answer = await post(body);
    assert.deepEqual([answer.status, answer.json.code], [400, "invalid_request"], JSON.stringify(body));
    assert.match(answer.json.detail, field);
    assert.deepEqual(Object.keys(answer.json), ["type", "title", "status", "detail", "code"]);
  }
  assert.equal((await post("x", { "content-type": "text/plain" })).status, 415);
  const large = await post({ name: "x".repeat(limits.apiBodyBytesMax), slug: "x" });
  assert.deepEqual([large.status, large.json.code], [413, "too_large"]);
  const { key } = await world();
  assert.equal((await api.call("GET", "/api/v1/conversations?waId=%00", { key })).status, 400);
  for (const path of ["/api/v1/nothing", "/api/nothing", "/nothing"]) {
    const answer = await api.call("GET", path);
    assert.deepEqual([answer.status, answer.json.code], [404, "not_found"], path);
  }
});

test("The operator sees at a glance what is wrong on the platform, the gravest first; a tenant's key does not", async () => {
  const { id: tenantId, key } = await api.tenant();
  const world = await seedWorld(api, tenantId);
  const refused = await api.call("GET", "/api/v1/platform/state", { key });
  assert.equal(refused.status, 403);
  const superuser = await api.session("superuser");
  const fiveMinutesAgo = new Date(Date.now() - 300_000).toISOString();
  await superuser.query(
    `insert into webhook_pending (kind, account, delivery_ids, updates, counted_deliveries, created_at)
     values ('whatsapp-messages', 'w', array[gen_random_uuid()], 7, 1, $1)`,
    [fiveMinutesAgo],
  );
  await superuser.query(
    `insert into whatsapp_connection_checks (tenant_id, connection_id, check_name, state, code, since, checked_at, data)
     values ($1, $2, 'token', 'problem', 'token_invalid', $3, now(), '{}') on conflict (tenant_id, connection_id, check_name)
     do update set state = 'problem', code = 'token_invalid', since = $3`,
    [tenantId, world.connectionId, fiveMinutesAgo],
  );
  const { status, json } = await api.call("GET", "/api/v1/platform/state", { key: adminKey });
  assert.equal(status, 200, JSON.stringify(json));
  const codes = json.findings.map(({ code, state }: { code: string; state: string }) => `${code} ${state}`);
  assert.equal(codes[0], "inbound_late problem");
  assert.ok(codes.includes("connections_failing problem") && codes.includes("no_sender problem"), codes.join(", "));
  assert.ok(codes.indexOf("parked warning") > codes.indexOf("connections_failing problem"), codes.join(", "));
  assert.deepEqual([json.inbound.count >= 7, json.inbound.oldestAt], [true, fiveMinutesAgo]);
  const failing = json.connections.list.find(({ connectionId }: { connectionId: string }) => connectionId === world.connectionId);
  assert.deepEqual([failing.tenantId, failing.code, failing.since], [tenantId, "token_invalid", fiveMinutesAgo]);
  await superuser.query("delete from webhook_pending where account = 'w'");
});

test("The operator sees who has used how much of its quota, and what is set shows at once", async () => {
  const { id: tenantId, key } = await api.tenant();
  assert.equal((await api.call("GET", "/api/v1/platform/usage", { key })).status, 403);
  await api.call("PATCH", `/api/v1/tenants/${tenantId}`, { key: adminKey, body: { quotas: { sendsPerDay: 0, openStreams: 3 } } });
  await (await api.session("superuser")).query("update tenant_quotas set day = current_date, sends = 0 where tenant_id = $1", [tenantId]);
  const { json } = await api.call("GET", "/api/v1/platform/usage?limit=1", { key: adminKey });
  assert.deepEqual(
    json.data.map(({ name: _name, ...rest }: { name: string }) => rest),
    [{ tenantId, sendsToday: 0, sendsPerDay: 0, openStreams: 3 }],
  );
  assert.notEqual(json.next, null);
  const state = await api.call("GET", "/api/v1/platform/state", { key: adminKey });
  assert.ok(state.json.findings.some(({ code }: { code: string }) => code === "quotas_spent"));
});

test("Counts and lists of the operator's look stop at their bounds", async () => {
  const { id: tenantId } = await api.tenant();
  const { connectionId } = await seedWorld(api, tenantId);
  const superuser = await api.session("superuser");
  const extra = limits.platformListMax + 1;
  await superuser.query(
    `with n as (
       insert into whatsapp_connections (tenant_id, id, account_id, phone_number_id, state)
       select $1, gen_random_uuid(), c.account_id, 'many-' || g, 'connected' from generate_series(1, $3::int) g, whatsapp_connections c where c.id = $2
       returning tenant_id, id
     )
     insert into whatsapp_connection_checks (tenant_id, connection_id, check_name, state, code, since, checked_at, data)
     select tenant_id, id, 'token', 'problem', 'token_invalid', now(), now(), '{}' from n`,
    [tenantId, connectionId, extra],
  );
  await superuser.query(
    `insert into parked_updates (id, delivery_id, update_index, kind, app_key, reason, detail, update_json, received_at, parked_at)
     select gen_random_uuid(), gen_random_uuid(), 0, 'whatsapp-messages', '', 'bad_update', '', '{}', now(), now() from generate_series(1, $1::int)`,
    [limits.platformCountMax + 1],
  );
  const lateAt = new Date(Date.now() - 600_000).toISOString();
  await superuser.query("set session_replication_role = replica");
  await superuser.query(
    `insert into whatsapp_sends (tenant_id, message_id, connection_id, conversation_id, state, due_at, is_freeform, created_at)
     select $1, gen_random_uuid(), $2, gen_random_uuid(), case when g <= $3 then 'scheduled' else 'queued' end,
       case when g <= $3 then now() + interval '7 d' else $4::timestamptz end, true, now()
     from generate_series(1, $3::int + 1) g`,
    [tenantId, connectionId, limits.platformCountMax + 1, lateAt],
  );
  const { json } = await api.call("GET", "/api/v1/platform/state", { key: adminKey });
  assert.equal(json.connections.list.length, limits.platformListMax);
  assert.ok(json.connections.failing > limits.platformListMax);
  const parked = json.parked.reduce((sum: number, { count }: { count: number }) => sum + count, 0);
  assert.equal(parked, limits.platformCountMax);
  // Whatever else waits, what is late is seen.
  const { count, oldestAt, scheduled } = json.outbound;
  assert.deepEqual({ count, oldestAt, scheduled }, { count: 1, oldestAt: lateAt, scheduled: limits.platformCountMax });
  await superuser.query("delete from whatsapp_sends where tenant_id = $1", [tenantId]);
  await superuser.query("delete from parked_updates where app_key = '' and tenant_id is null and detail = ''");
});
