/** Limits of how much one step takes and how much is remembered, driven to their edges by rows that are made in sets. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { IncomingMessage, ServerResponse } from "node:http";
import { createServer, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { uuidV7Floor } from "../src/core/ids.ts";
import { tenantScope } from "../src/core/scope.ts";
import { DatabaseRefusal, openDatabases, prepareDatabase } from "../src/db/open.ts";
import { openPool, type Db } from "../src/db/pool.ts";
import { sqlStateOf } from "../src/db/sql-state.ts";
import { transaction } from "../src/db/transaction.ts";
import { createStreams } from "../src/http/stream.ts";
import { limits } from "../src/limits.ts";
import { startForwarding } from "../src/queue/workers/forward.worker.ts";
import { createHub } from "../src/services/activity/hub.ts";
import { sealAudit } from "../src/services/audit/seal.ts";
import { createHasher } from "../src/services/privacy/marks.ts";
import { findSentMessages } from "../src/services/whatsapp/contacts/conversations.ts";
import { loadWhole } from "../src/services/whatsapp/contacts/evidence.ts";
import { lockAddresses } from "../src/services/whatsapp/contacts/locks.ts";
import { ensureConversations, rememberConversations } from "../src/services/whatsapp/conversation-lookup.ts";
import { lockClasses } from "../src/services/whatsapp/lock-classes.ts";
import { assertRoom } from "../src/services/whatsapp/outbox/room.ts";
import { lockWaMessageIds } from "../src/services/whatsapp/statuses.ts";
import { findDue } from "../src/services/whatsapp/templates/leases.ts";
import { claimForwards } from "../src/webhooks/forward-claim.ts";
import { createConnector } from "../src/webhooks/forward-connector.ts";
import { createDestinations } from "../src/webhooks/forward-secrets.ts";
import { forwardBacklog, purgeForwards } from "../src/webhooks/forward-upkeep.ts";
import { receivedWhen } from "../src/webhooks/received-when.ts";
import { bodyOf, message } from "./support/bodies.ts";
import { forwarderOf, loopbackRules, register, startReceiver } from "./support/endpoint.ts";
import { countStatements, holdTime, quiet } from "./support/held-time.ts";
import { startRig } from "./support/worker.ts";

const rig = await startRig({ after });
const { ingest, platform } = rig;

test("However many addresses or wamids are locked, it takes lockBuckets locks of each kind", async () => {
  const many = Array.from({ length: 20 * limits.lockBuckets }, (_, index) => `${index}`);
  const locks = async (lockClass: number): Promise<number> => {
    const [row] = await rig.sql<{ locks: number }>(
      `select count(*)::int as locks from pg_locks where locktype = 'advisory' and classid = $1`,
      [lockClass],
    );
    return row?.locks ?? 0;
  };
  await transaction(ingest, async (tx) => {
    const tenantId = randomUUID();
    await lockAddresses(
      tx,
      many.map((value) => ({ tenantId, kind: "phone", scope: "", value })),
    );
    await lockWaMessageIds(
      tx,
      many.map((waMessageId) => ({ tenantId, connectionId: tenantId, waMessageId })),
    );
    assert.deepEqual([await locks(lockClasses.addresses), await locks(lockClasses.messages)], [limits.lockBuckets, limits.lockBuckets]);
  });
});

test("A server older than postgresVersionMin is refused", async (t) => {
  const owner = await rig.session("superuser");
  const says = async (version: number): Promise<void> => {
    await owner.query(`create or replace function old.current_setting(text) returns text language sql as
      $$ select case $1 when 'server_version_num' then '${version}' else pg_catalog.current_setting($1) end $$`);
  };
  await owner.query(`create schema old; grant usage on schema old to public`);
  await owner.query(`alter database ${rig.server.database} set search_path = public, old, pg_catalog`);
  t.after(async () => {
    await owner.query(`alter database ${rig.server.database} reset search_path`);
    await owner.query("drop schema old cascade");
  });
  const databases = openDatabases(rig.server, assert.ifError);
  const prepare = (): Promise<void> => prepareDatabase(databases, rig.clock.nowMs, () => undefined, assert.ifError);
  await says(limits.postgresVersionMin - 1);
  await assert.rejects(prepare, DatabaseRefusal);
  await says(limits.postgresVersionMin);
  await prepare();
  await databases.close();
});

test("As many conversations are remembered as knownConversationsMax", async () => {
  const tenantId = randomUUID();
  const peers = Array.from({ length: limits.knownConversationsMax + 1 }, (_, index) => ({
    tenantId,
    connectionId: tenantId,
    contactId: `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
    groupId: null,
    identityVersion: 1,
  }));
  const remember = (wanted: typeof peers): void =>
    rememberConversations(
      wanted,
      wanted.map(() => ({ conversationId: tenantId, isNew: false, isRemembered: false })),
    );
  // What is not remembered is made, and there is no such connection.
  const isRemembered = (index: number): Promise<boolean> =>
    transaction(ingest, (tx) => ensureConversations(tx, peers.slice(index, index + 1), 0)).then(
      ([found]) => found?.isRemembered === true,
      (error: unknown) => (assert.equal(sqlStateOf(error), "23503"), false),
    );
  remember(peers.slice(0, -1));
  assert.ok(await isRemembered(0));
  remember(peers.slice(-1));
  assert.deepEqual([await isRemembered(limits.knownConversationsMax), await isRemembered(0), await isRemembered(1)], [true, true, false]);
});

test("Of the tenants whose deeds are to be sealed one look takes auditSealTenantsMax, and of their erasures' keys erasureSecretsKeptMax are remembered", async (t) => {
  assert.equal(limits.auditSealTenantsMax, limits.erasureSecretsKeptMax);
  await sealAudit(platform, 0);
  await rig.sql(
    `
    with t as (insert into tenants (id, name, slug) select gen_random_uuid(), 'T', 'many-' || n from generate_series(0, $1::int) n returning id),
      s as (insert into erasure_secrets (tenant_id, secret) select id, '\\x00' from t)
    insert into audit_events (tenant_id, id, action, actor_kind, actor_name, created_at, written_at)
    select id, gen_random_uuid(), 'tenant.changed', 'system', 'Test', now(), now() - interval '1 minute' from t`,
    [limits.auditSealTenantsMax],
  );
  assert.equal((await sealAudit(platform, 0)).length, limits.auditSealTenantsMax);
  assert.equal((await sealAudit(platform, 0)).length, 1);

  const tenants = await rig.sql<{ id: string }>(`select id from tenants where slug like 'many-%'`);
  const asked = countStatements(t);
  const hasher = createHasher(() => "key");
  const looks = await transaction(ingest, async (tx) => {
    const looksFor = async (index: number): Promise<number> => {
      const before = asked("erasure_marks.secret");
      await hasher.of(tx, tenants[index]?.id ?? assert.fail());
      return asked("erasure_marks.secret") - before;
    };
    const first = [];
    for (let index = 0; index < limits.erasureSecretsKeptMax; index += 1) first.push(await looksFor(index));
    assert.ok(first.every((count) => count === 1));
    return [await looksFor(0), await looksFor(limits.erasureSecretsKeptMax), await looksFor(0), await looksFor(1)];
  });
  assert.deepEqual(looks, [0, 1, 0, 1]);
});

test("Addresses that hang together are followed over identityRoundsMax rounds and identityContactsMax contacts", async () => {
  const tenantId = await rig.tenant();
  // Each address is known for two contacts: one round finds the contacts of an address, the next the addresses of those.
  const chain = async (name: string, links: number): Promise<number> => {
    await rig.sql(
      `with c as (
         insert into whatsapp_contacts (tenant_id, id, profile_at, profile_wa_message_id, created_at)
         select $1, gen_random_uuid(), now(), '', now() from generate_series(0, $3::int) returning id
       ), placed as (select id, row_number() over () - 1 as place from c)
       insert into whatsapp_contact_addresses (tenant_id, kind, scope, value, claimant, contact_id, from_at)
       select $1, 'phone', '', $2 || o.place, 'earlier', o.id, now() from placed o where o.place < $3
       union all select $1, 'phone', '', $2 || (o.place - 1), 'later', o.id, now() from placed o where o.place > 0`,
      [tenantId, name, links],
    );
    const known = await transaction(ingest, (tx) => loadWhole(tx, [{ tenantId, kind: "phone", scope: "", value: `${name}0` }]));
    return known.get(tenantId)?.evidence.contacts.size ?? 0;
  };
  assert.equal(await chain("1", limits.identityRoundsMax / 2), limits.identityRoundsMax / 2 + 1);
  await assert.rejects(chain("2", limits.identityRoundsMax / 2 + 1), /Too many contacts/);
  const contacts = Array.from({ length: limits.identityContactsMax + 1 }, () => ({ tenantId, contactId: randomUUID() }));
  await transaction(ingest, (tx) => loadWhole(tx, [], contacts.slice(1)));
  await assert.rejects(
    transaction(ingest, (tx) => loadWhole(tx, [], contacts)),
    /Too many contacts/,
  );
});

test("Of a phone that had another owner rehomedMessagesMax messages are looked at, the latest ones", async () => {
  const number = await rig.connect(await rig.tenant());
  await rig.receive(bodyOf(message(number, { phone: "972501" }, "wamid.first", rig.clock.nowMs - 60_000)));
  await rig.drain();
  const [first] = await rig.sql<{ id: string; contact: string }>(
    `select m.id, c.contact_id as contact from whatsapp_messages m join whatsapp_conversations c on c.id = m.conversation_id where m.tenant_id = $1`,
    [number.tenantId],
  );
  assert.ok(first);
  await rig.sql(
    `insert into whatsapp_messages (tenant_id, id, connection_id, conversation_id, direction, origin, type, role, content, status, wa_timestamp, sender_phone, created_at)
     select tenant_id, gen_random_uuid(), connection_id, conversation_id, direction, origin, type, role, content, status, now(), sender_phone, created_at
     from whatsapp_messages, generate_series(1, $2::int) where tenant_id = $1`,
    [number.tenantId, limits.rehomedMessagesMax],
  );
  const from = { contactIds: [first.contact], phones: ["972501"], userIds: [] };
  const found = await transaction(ingest, (tx) => findSentMessages(tx, number.tenantId, from));
  assert.equal(found.length, limits.rehomedMessagesMax);
  assert.ok(found.every(({ id }) => id !== first.id));
});

test("One look for accounts whose templates are to be listed takes templateSweepMax", async () => {
  const tenantId = await rig.tenant();
  await rig.sql(
    `
    with a as (insert into whatsapp_accounts (tenant_id, id, waba_id) select $1, gen_random_uuid(), 'sweep ' || n from generate_series(0, $2::int) n returning id)
    insert into whatsapp_connections (tenant_id, id, account_id, phone_number_id, state) select $1, gen_random_uuid(), id, id::text, 'connected' from a`,
    [tenantId, limits.templateSweepMax],
  );
  assert.equal((await transaction(ingest, (tx) => findDue(tx, rig.clock.nowMs))).length, limits.templateSweepMax);
  await rig.sql("update whatsapp_connections set state = 'disconnected' where tenant_id = $1", [tenantId]);
});

test("One claim looks at forwardEndpointsClaimedMax endpoints; a node has forwardsMax requests under way, and a stop waits forwardStopMsMax for them", async (t) => {
  const { tenantId, url } = await manyEndpoints(t, limits.forwardsMax + 1);
  const destinations = { find: async () => ({ url, secrets: ["secret"] }), findNow: async () => null };
  const claimed = await claimForwards({ ingest, claimId: randomUUID(), room: 10_000, atMs: null });
  assert.equal(claimed.length, limits.forwardEndpointsClaimedMax);
  await rig.sql("update forward_lanes set claim_id = null, due_at = now() where tenant_id = $1", [tenantId]);
  const time = holdTime(t);
  const connector = createConnector({ rules: loopbackRules, nowMs: Date.now });
  t.after(() => connector.close());
  let underWay = 0;
  const count: typeof connector = {
    ...connector,
    post: async (post) => {
      underWay += 1;
      return connector.post(post);
    },
  };
  const { atMs: _ours, ...options } = forwarderOf(t, rig, { connector: count, destinations });
  const forwarding = startForwarding({ ...options, onError: assert.ifError });
  // Time goes on only when the database has answered: otherwise the first requests might be over before the last ones begin.
  for (let looks = 0; underWay < limits.forwardsMax; looks += 1) {
    assert.ok(looks < 100, `${underWay} are under way`);
    await quiet(ingest.pool, rig.app.pool);
    if (underWay < limits.forwardsMax) time.pass(Math.min(time.nextIn(), limits.forwardPollMs));
  }
  time.pass(limits.forwardPollMs + 1);
  await quiet(ingest.pool, rig.app.pool);
  const [left] = await rig.sql<{ left: number }>(
    `select count(*)::int as left from forward_lanes where tenant_id = $1 and claim_id is null`,
    [tenantId],
  );
  assert.deepEqual([left?.left, underWay], [1, limits.forwardsMax]);
  let isStopped = false;
  const stopped = forwarding.stop().then(() => (isStopped = true));
  await quiet(ingest.pool);
  time.pass(limits.forwardStopMsMax - 1);
  await quiet(ingest.pool);
  assert.ok(!isStopped);
  time.pass(1);
  await stopped;
});

test("Of an endpoint forwardCountMax deliveries are counted, forwardPurgeRowsMax are cleared away at once, and forwardSecretsKeptMax secrets are remembered", async (t) => {
  const { tenantId, endpointId } = await manyEndpoints(t, limits.forwardSecretsKeptMax + 1);
  await rig.sql("delete from forward_deliveries where tenant_id = $1", [tenantId]);
  const fill = (state: string, rows: number): Promise<unknown> =>
    rig.sql(
      `insert into forward_deliveries (tenant_id, id, endpoint_id, log_seq, lane, state, created_at)
       select $1, ('00000000-' || $3 || '-7000-8000-' || lpad(n::text, 12, '0'))::uuid, $2, n, 'lane', $4, now() from generate_series(1, $5::int) n`,
      [tenantId, endpointId, state === "pending" ? "0001" : "0002", state, rows],
    );
  await fill("pending", limits.forwardCountMax + 1);
  await fill("dead", limits.forwardPurgeRowsMax + 1);
  const counted = await forwardBacklog(ingest);
  assert.deepEqual([counted.pending, counted.dead], [limits.forwardCountMax, limits.forwardCountMax]);
  assert.equal(await purgeForwards(ingest, rig.clock.nowMs), true);
  const [left] = await rig.sql<{ left: number }>(
    `select count(*)::int as left from forward_deliveries where tenant_id = $1 and state = 'dead'`,
    [tenantId],
  );
  assert.equal(left?.left, 1);
  assert.equal(await purgeForwards(ingest, rig.clock.nowMs), false);

  const endpoints = await rig.sql<{ id: string }>("select id from forward_endpoints where tenant_id = $1", [tenantId]);
  const asked = countStatements(t);
  const destinations = createDestinations({ app: rig.app, open: (_context, sealed) => Buffer.from(sealed).toString(), nowMs: Date.now });
  const find = (index: number) => destinations.find({ tenantId, endpointId: endpoints[index]?.id ?? assert.fail(), version: 1 });
  const looksFor = async (index: number): Promise<number> => {
    const before = asked("forward_secrets.select");
    await find(index);
    return asked("forward_secrets.select") - before;
  };
  // A few at a time: nobody is to wait for a session for long.
  for (let index = 0; index < limits.forwardSecretsKeptMax; index += 4) {
    await Promise.all([0, 1, 2, 3].map((more) => find(index + more)));
  }
  assert.equal(asked("forward_secrets.select"), limits.forwardSecretsKeptMax);
  // The oldest that was not asked for again makes room, and which that is depends on the order of answers.
  const again = [];
  for (let index = 0; index < limits.forwardSecretsKeptMax; index += 1) again.push(await looksFor(index));
  assert.ok(again.every((count) => count === 0));
  await find(limits.forwardSecretsKeptMax);
  let forgotten = 0;
  for (let index = 0; index < limits.forwardSecretsKeptMax && forgotten === 0; index += 1) forgotten += await looksFor(index);
  assert.equal(forgotten, 1);
});

test("For the POST that brought a message receivedResultsMax results are looked through, the latest ones", async () => {
  // Where no other test of this file has results.
  const atMs = Math.floor(Date.now() / 1_000) * 1_000 + 10 * 60_000;
  const find = (): Promise<number | null> => receivedWhen(platform, { waMessageId: "wamid.found", storedAtMs: atMs });
  const result = `insert into webhook_results (delivery_id, kind, updates, stored, parked, duplicates, suppressed, applied_at)`;
  const delivery = uuidV7Floor(atMs - 3_000);
  const values = [delivery, new Date(atMs)];
  await rig.sql(`insert into webhook_deliveries (id, app_key, received_at, lanes, body) values ($1, '', $2, 1, 'of wamid.found')`, values);
  await rig.sql(`${result} values ($1, 'whatsapp-messages', 1, 1, 0, 0, 0, $2)`, values);
  await rig.sql(
    `${result} select overlay($1 placing lpad(to_hex(n), 12, '0') from 25)::uuid, 'whatsapp-statuses', 1, 1, 0, 0, 0, $2::timestamptz from generate_series(2, $3::int) n`,
    [uuidV7Floor(atMs - 2_000), new Date(atMs), limits.receivedResultsMax],
  );
  assert.equal(await find(), atMs);
  await rig.sql(`${result} values ($1, 'whatsapp-statuses', 1, 1, 0, 0, 0, $2)`, [uuidV7Floor(atMs - 1_000), new Date(atMs)]);
  assert.equal(await find(), null);
});

test("Whether tenants have room to send is remembered of sendRoomsKnownMax", async (t) => {
  holdTime(t);
  const silent = await silentDatabase(t);
  const scopes = Array.from({ length: limits.sendRoomsKnownMax + 1 }, () => tenantScope(randomUUID()));
  const looks = (index: number): number => {
    const before = silent.pool.waitingCount;
    void assertRoom(silent, scopes[index] ?? assert.fail()).catch(() => undefined);
    return silent.pool.waitingCount - before;
  };
  // The first one has the only session, which never comes.
  looks(0);
  for (let index = 1; index < limits.sendRoomsKnownMax; index += 1) assert.equal(looks(index), 1);
  assert.deepEqual([looks(0), looks(limits.sendRoomsKnownMax), looks(0), looks(1)], [0, 1, 0, 1]);
});

test("A node has streamsMax streams open", async (t) => {
  holdTime(t);
  const silent = await silentDatabase(t);
  const hub = createHub({ app: silent, platform: silent, onError: assert.ifError });
  const streams = createStreams({ app: silent, hub, onError: () => undefined });
  const refusalOf = (tenantId: string): number | null => streams.refusal(tenantId, null)?.status ?? null;
  for (let index = 0; index < limits.streamsMax; index += 1) {
    const tenantId = `${index % 100}`;
    assert.equal(refusalOf(tenantId), null);
    const request = new IncomingMessage(new Socket());
    const response = new ServerResponse(request);
    streams.open({ request, response, scope: tenantScope(tenantId), afterSeq: 0, filter: null, isStillValid: async () => true });
  }
  assert.deepEqual([streams.count(), refusalOf("another")], [limits.streamsMax, 503]);
});

/** A server that takes sessions and says nothing: whatever is asked waits for ever. */
async function silentDatabase(t: TestContext): Promise<Db> {
  const folder = await mkdtemp(join(tmpdir(), "kesher-silent-"));
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket.on("error", () => undefined)));
  await once(server.listen(join(folder, ".s.PGSQL.5432")), "listening");
  const place = { host: folder, port: 5432, user: "nobody", database: "nothing" };
  const db = openPool(place, { role: "kesher_app", name: "silent", connectionsMax: 1, statementTimeoutMs: 0, onError: () => undefined });
  t.after(async () => {
    // First no more sessions: each that waits would try one of its own.
    void db.pool.end();
    for (const socket of sockets) socket.destroy();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
  return db;
}

/** Endpoints that keep silent, each with one delivery that is due. */
async function manyEndpoints(t: TestContext, count: number): Promise<{ tenantId: string; endpointId: string; url: string }> {
  const { url } = await startReceiver(t, () => null);
  const tenantId = await rig.tenant();
  const { id: endpointId } = await register(rig, tenantId, { url });
  await rig.sql(
    `with e as (
       insert into forward_endpoints (tenant_id, id, name, url, form, secret, created_at)
       select tenant_id, gen_random_uuid(), name, url, form, secret, created_at from forward_endpoints, generate_series(2, $2::int) where tenant_id = $1 returning id
     ), everyone as (select id from e union all select id from forward_endpoints where tenant_id = $1),
     u as (insert into forward_updates (tenant_id, lane, field, body, created_at) values ($1, 'lane', 'messages', '{}', now()) returning id),
     d as (
       insert into forward_deliveries (tenant_id, id, endpoint_id, log_seq, lane, state, created_at)
       select $1, gen_random_uuid(), o.id, u.id, 'lane', 'pending', now() from everyone o, u returning endpoint_id
     )
     insert into forward_lanes (tenant_id, endpoint_id, lane, due_at) select $1, endpoint_id, 'lane', now() from d`,
    [tenantId, count],
  );
  await rig.sql("update forward_endpoints set read_seq = 1000000 where tenant_id = $1", [tenantId]);
  t.after(async () => {
    await rig.sql("delete from forward_endpoints where tenant_id = $1", [tenantId]);
  });
  return { tenantId, endpointId, url };
}
