/** A real HTTP server on a real database, and a tenant's world to read. */
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { pino } from "pino";
import { newId } from "../../src/db/new-id.ts";
import type { Db, Role } from "../../src/db/pool.ts";
import { createServer, type HttpDeps } from "../../src/http/server.ts";
import { createPeople, type People, type PeopleOptions } from "../../src/people/people.ts";
import type { SecretContext } from "../../src/core/secret-box.ts";
import { createHub, type ActivityHub } from "../../src/services/activity/hub.ts";
import { createMetaApps } from "../../src/services/tenants/apps.ts";
import { AccessTokens } from "../../src/services/whatsapp/outbox/access-tokens.ts";
import { Answers } from "../../src/services/whatsapp/outbox/answers.ts";
import { withDatabase, type TestDatabase } from "./database.ts";

export const adminKey = "an-admin-key-of-at-least-32-characters";

/** A test, or the file itself. */
export type AfterAll = { after: (cleanup: () => Promise<void>) => void };
// oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers whose shape they are about to assert.
export type Answer = { status: number; headers: Headers; text: string; json: any };
export type Api = {
  url: string;
  app: Db;
  platform: Db;
  ingest: Db;
  open: (role: Role) => Db;
  session: TestDatabase["session"];
  hub: ActivityHub;
  people: People;
  clock: { nowMs: number | null };
  call(method: string, path: string, options?: { key?: string; body?: unknown; headers?: Record<string, string> }): Promise<Answer>;
  tenant(): Promise<{ id: string; key: string }>;
  close(): Promise<void>;
};

export async function startApi(
  t: AfterAll,
  {
    sends,
    peopleOptions,
    ...overrides
  }: Partial<Omit<HttpDeps, "sends">> & { sends?: Partial<HttpDeps["sends"]>; peopleOptions?: Partial<PeopleOptions> } = {},
): Promise<Api> {
  const cleanups: (() => void | Promise<void>)[] = [];
  // The server goes first: it uses the database.
  t.after(async () => {
    for (const cleanup of cleanups.toReversed()) await cleanup();
  });
  const { open, session } = await withDatabase({ after: (cleanup) => void cleanups.push(cleanup) });
  const [app, platform, ingest] = [open("kesher_app"), open("kesher_platform"), open("kesher_ingest")];
  const hub = createHub({ app, platform, onError: () => {} });
  hub.start();
  const clock: Api["clock"] = { nowMs: null };
  const nowMs = (): number => clock.nowMs ?? Date.now();
  const people = createPeople({
    auth: open("kesher_auth"),
    encryptionKeys: [{ id: "test", key: randomBytes(32) }],
    publicUrl: overrides.publicUrl ?? null,
    oidc: null,
    isSandbox: true,
    nowMs,
    onTrouble: () => undefined,
    ...peopleOptions,
  });
  // Nobody listens there: Meta is away, unless a test brings its own.
  const graph = { url: "http://127.0.0.1:9", version: "v26.0" };
  const tokens = new AccessTokens(app, (_context, sealed) => Buffer.from(sealed).toString());
  const server = await createServer({
    app,
    platform,
    hub,
    webhook: (_request, response, appKey) => response.end(`webhook ${appKey}`),
    adminKey,
    verifyToken: async (appKey, token) => token === `token of ${appKey ?? "the platform"}`,
    secrets: { seal },
    log: pino({ level: "silent" }),
    isReady: async () => true,
    metricsText: async () => "kesher_up 1\n",
    nowMs,
    people,
    connections: {
      app,
      platform,
      graph,
      tokens,
      apps: createMetaApps({ platform: { appId: "1", secrets: ["secret"] }, db: platform, open: unseal }),
      seal,
      open: unseal,
      publicUrl: () => null,
      configId: "configuration",
      nowMs,
      onActivity: (tenantIds) => hub.publish(tenantIds),
    },
    sends: {
      graph,
      tokens,
      answers: new Answers(),
      wake: () => undefined,
      ...sends,
    },
    ...overrides,
  });
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${port}`;
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> => (closing ??= server.close());
  cleanups.push(async () => {
    hub.stop();
    await close();
  });
  const call: Api["call"] = async (method, path, { key, body, headers } = {}) => {
    const answer = await fetch(url + path, {
      method,
      redirect: "manual",
      headers: {
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    const isJson = (answer.headers.get("content-type") ?? "").includes("json");
    return { status: answer.status, headers: answer.headers, text, json: isJson && text !== "" ? JSON.parse(text) : null };
  };
  const tenant: Api["tenant"] = async () => {
    const slug = `t-${randomBytes(6).toString("hex")}`;
    const { json } = await call("POST", "/api/v1/tenants", {
      key: adminKey,
      body: { name: slug, slug, locale: "he", timeZone: "Asia/Jerusalem" },
    });
    return { id: json.id, key: json.apiKey };
  };
  return { url, app, platform, ingest, open, session, hub, people, clock, call, tenant, close };
}

/** Secrets of the tests are readable where they stand. */
function seal(context: SecretContext, plain: string): Buffer {
  return Buffer.from(JSON.stringify({ ...context, plain }));
}

/** Throws for what was sealed for another place, as the real one does. */
function unseal(context: SecretContext, sealed: Uint8Array): string {
  const { plain, ...of } = JSON.parse(Buffer.from(sealed).toString()) as SecretContext & { plain: string };
  assert.deepEqual(of, { ...context });
  return plain;
}

export type World = {
  accountId: string;
  connectionId: string;
  contactId: string;
  conversationId: string;
  messageIds: string[];
  waMessageIds: string[];
  parkedId: string;
};

const hourMs = 3_600_000;

/** An account, a number, a contact with a phone and a user id, a conversation with two messages, a parked update. */
export async function seedWorld(api: Api, tenantId: string, options: { waId?: string; lastAtMs?: number } = {}): Promise<World> {
  const unique = randomBytes(6).toString("hex");
  const body = {
    tenantId,
    wabaId: `waba-${unique}`,
    phoneNumberId: `number-${unique}`,
    displayPhoneNumber: "+972 50-123-4567",
    accessToken: `token-${unique}`,
  };
  const connected = await api.call("POST", "/api/v1/connections", { key: adminKey, body });
  const connectionId: string = connected.json.id;
  const accounts = await api.call("GET", `/api/v1/accounts?tenantId=${tenantId}`, { key: adminKey });
  const lastAtMs = options.lastAtMs ?? Date.now() - hourMs;
  const [contactId, conversationId, parkedId] = [newId(Date.now()), newId(Date.now()), newId(Date.now())];
  const at = new Date(lastAtMs).toISOString();
  const { pool } = api.ingest;
  await pool.query(
    `insert into whatsapp_contacts (tenant_id, id, profile_name, profile_at, profile_wa_message_id, created_at) values ($1, $2, 'נועה', $3, 'w', now())`,
    [tenantId, contactId, at],
  );
  await pool.query(
    `insert into whatsapp_contact_addresses (tenant_id, kind, scope, value, claimant, contact_id, from_at)
     values ($1, 'phone', '', $3, $4, $2, $5), ($1, 'user_id', 'portfolio', $4, '', $2, $5)`,
    [tenantId, contactId, options.waId ?? "972501234567", `IL.${unique}`, at],
  );
  const messageIds = [newId(Date.now()), newId(Date.now())];
  const waMessageIds = [`wamid.1.${unique}`, `wamid.2.${unique}`];
  await pool.query(
    `insert into whatsapp_conversations (tenant_id, id, connection_id, contact_id, last_customer_message_at, last_message_at, last_message_wa_message_id,
       last_message_id, last_message_hour, inbound_count, unread_count, created_at)
     values ($1, $2, $3, $4, $5, $5, $6, $7, $8, 2, 2, now())`,
    [tenantId, conversationId, connectionId, contactId, at, waMessageIds[1], messageIds[1], Math.floor(lastAtMs / hourMs)],
  );
  for (const [index, id] of messageIds.entries()) {
    await insertMessage(api, tenantId, {
      id,
      connectionId,
      conversationId,
      waMessageId: waMessageIds[index] ?? "",
      atMs: lastAtMs - 1_000 * (1 - index),
    });
  }
  await pool.query(
    `insert into parked_updates (id, delivery_id, update_index, kind, tenant_id, app_key, waba_id, reason, detail, update_json, received_at, parked_at)
     values ($1, $2, 0, 'whatsapp-messages', $3, '', $4, 'bad_update', 'No time', '{"id":"x"}', now(), now())`,
    [parkedId, randomUUID(), tenantId, body.wabaId],
  );
  return { accountId: accounts.json.data[0].id, connectionId, contactId, conversationId, messageIds, waMessageIds, parkedId };
}

export type MessageSeed = {
  id?: string;
  connectionId: string;
  conversationId: string;
  waMessageId: string;
  atMs: number;
  role?: string;
  type?: string;
  content?: unknown;
  target?: string;
  direction?: "inbound" | "outbound";
  senderPhone?: string;
};

export async function insertMessage(api: Api, tenantId: string, seed: MessageSeed): Promise<string> {
  const id = seed.id ?? newId(Date.now());
  const direction = seed.direction ?? "inbound";
  const isInbound = direction === "inbound";
  await api.ingest.pool.query(
    `insert into whatsapp_messages (tenant_id, id, connection_id, conversation_id, wa_message_id, direction, origin, type, role, content, status,
       wa_timestamp, sender_phone, target_wa_message_id, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, now())`,
    [
      tenantId,
      id,
      seed.connectionId,
      seed.conversationId,
      seed.waMessageId,
      direction,
      isInbound ? "customer" : "phone",
      seed.type ?? "text",
      seed.role ?? "message",
      JSON.stringify(seed.content ?? { v: 1, kind: "text", body: `body of ${seed.waMessageId}` }),
      isInbound ? "received" : "sent",
      new Date(seed.atMs).toISOString(),
      seed.senderPhone ?? null,
      seed.target ?? null,
    ],
  );
  return id;
}
