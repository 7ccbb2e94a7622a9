/** Every route that changes something leaves a row in the audit log, or stands below with the reason why not: made from /openapi.json. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { newId } from "../src/db/new-id.ts";
import { openMediaStore } from "../src/services/media-store.ts";
import { adminKey, seedWorld, startApi, type Answer } from "./support/api.ts";

const directory = await mkdtemp(join(tmpdir(), "kesher-audit-"));
after(() => rm(directory, { recursive: true, force: true }));
const api = await startApi({ after }, { media: { store: await openMediaStore(directory), publicUrl: null } });
const { id: tenantId, key } = await api.tenant();
const world = await seedWorld(api, tenantId);
await api.ingest.pool.query("update whatsapp_conversations set reply_phone = '972501234567'");

/** Not audited, each for its reason. */
const exceptions: Readonly<Record<string, string>> = {
  "POST /webhook/whatsapp": "Meta's deliveries are the journal itself",
  "POST /webhook/whatsapp/{appKey}": "Meta's deliveries are the journal itself",
  "POST /api/v1/messages": "a plain send: the message is its own record, with its origin and its activity",
  "POST /{version}/{phoneNumberId}/messages": "a plain send, in Meta's shape",
  "POST /{phoneNumberId}/messages": "a plain send, in Meta's shape",
  "POST /{version}/{phoneNumberId}/media": "a file for a plain send, in Meta's shape",
  "DELETE /{version}/{mediaId}": "takes back a file for a plain send; nothing that was sent",
  "POST /api/v1/media": "a file for a plain send",
  "POST /api/v1/messages/{id}/read": "a read mark",
  "POST /api/v1/endpoints/{id}/test": "a ping that changes nothing",
  "POST /api/v1/templates/sync": "reads from Meta what it reads by itself every few hours; told in the activity",
  "POST /api/v1/templates/{id}/preview": "changes nothing",
  "POST /api/v1/conversations/{id}/read": "a read mark",
  "POST /api/v1/conversations/{id}/unread": "a read mark",
  "PATCH /api/v1/conversations/{id}": "daily work of a team, told in the activity with who did it",
  "POST /api/v1/conversations/{id}/labels": "daily work of a team, told in the activity with who did it",
  "POST /api/v1/conversations/{id}/notes": "a note has its author and its time",
  "PATCH /api/v1/conversations/{id}/notes/{noteId}": "a note has its author and its time",
  "DELETE /api/v1/conversations/{id}/notes/{noteId}": "daily work of a team, told in the activity with who did it",
  "POST /api/v1/connections/{id}/probe": "a look at Meta that also happens by itself",
  "POST /api/v1/connections/{id}/setup":
    "goes on with steps at Meta that connecting, which is audited, has begun; each is shown with the connection",
  "POST /api/v1/session/tenant": "only what the person looks at",
  "POST /api/v1/links": "tells what a link is for, and uses nothing up",
};

type Deed = {
  action: string;
  call: () => Promise<Answer>;
  /** Whose log it stands in; left out, the tenant's. */
  tenantId?: string | null;
  actor?: "operator" | "api_key";
};
const asTenant = (method: string, path: string, body?: unknown) => () => api.call(method, `/api/v1${path}`, { key, body });
const asOperator = (method: string, path: string, body?: unknown) => () => api.call(method, `/api/v1${path}`, { key: adminKey, body });
const range = { from: "2020-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z" };
const slug = `s-${randomUUID()}`;

async function idOf(call: () => Promise<Answer>): Promise<string> {
  const { status, json } = await call();
  assert.ok(status < 300, JSON.stringify(json));
  return json.id;
}
const endpoint = { name: "Bot", url: "https://example.com/hook", form: "events" };
const endpointId = await idOf(asTenant("POST", "/endpoints", endpoint));
const doomedEndpointId = await idOf(asTenant("POST", "/endpoints", endpoint));
const later = {
  conversationId: world.conversationId,
  content: { type: "text", body: "x" },
  sendAt: new Date(Date.now() + 3_600_000).toISOString(),
};
const waiting = await idOf(asTenant("POST", "/messages", later));
const lost = await idOf(asTenant("POST", "/messages", later));
const failed = await idOf(asTenant("POST", "/messages", later));
const mediaId = newId(Date.now());
const deliveryId = newId(Date.now());
const [inbound] = world.messageIds;
const { pool } = api.ingest;
await pool.query("update whatsapp_messages set status = 'unknown' where id = $1", [lost]);
await pool.query("update whatsapp_messages set status = 'failed' where id = $1", [failed]);
await pool.query(
  `insert into whatsapp_media (tenant_id, id, connection_id, message_id, wa_media_id, direction, state, received_at)
   values ($1, $2, $3, $4, '25', 'inbound', 'failed', now())`,
  [tenantId, mediaId, world.connectionId, inbound],
);
await pool.query("insert into webhook_deliveries (id, app_key, lanes, body, received_at) values ($1, '', 1, '{}', now())", [deliveryId]);
const forwardId = newId(Date.now());
const keyId = await idOf(asTenant("POST", "/api-keys", { name: "k", scopes: ["read"] }));
const labelId = await idOf(asTenant("POST", "/labels", { name: "first", colour: "red" }));
const canned = { shortcut: "one", texts: { he: "שלום" } };
const cannedId = await idOf(asTenant("POST", "/canned-replies", canned));

/** By method and path of the description. Driven in this order. */
const deeds: Readonly<Record<string, Deed>> = {
  "POST /api/v1/tenants": {
    action: "tenant.created",
    call: asOperator("POST", "/tenants", { name: "n", slug }),
    tenantId: "new",
    actor: "operator",
  },
  "PATCH /api/v1/tenants/{id}": { action: "tenant.changed", call: asTenant("PATCH", `/tenants/${tenantId}`, { name: "other" }) },
  "POST /api/v1/endpoints": { action: "endpoint.created", call: asTenant("POST", "/endpoints", endpoint) },
  "PATCH /api/v1/endpoints/{id}": { action: "endpoint.paused", call: asTenant("PATCH", `/endpoints/${endpointId}`, { state: "paused" }) },
  "POST /api/v1/endpoints/{id}/resume": { action: "endpoint.resumed", call: asTenant("POST", `/endpoints/${endpointId}/resume`) },
  "POST /api/v1/endpoints/{id}/rotate-secret": {
    action: "endpoint.secret_rotated",
    call: asTenant("POST", `/endpoints/${endpointId}/rotate-secret`),
  },
  "POST /api/v1/endpoints/{id}/replay": { action: "endpoint.replayed", call: asTenant("POST", `/endpoints/${endpointId}/replay`, range) },
  "POST /api/v1/endpoints/{id}/deliveries/{deliveryId}/replay": {
    action: "endpoint.replayed",
    call: async () => {
      await pool.query(
        `insert into forward_deliveries (tenant_id, endpoint_id, id, lane, state, log_seq, created_at) values ($1, $2, $3, '', 'dead', 1, now())`,
        [tenantId, endpointId, forwardId],
      );
      return asTenant("POST", `/endpoints/${endpointId}/deliveries/${forwardId}/replay`)();
    },
  },
  "DELETE /api/v1/endpoints/{id}": { action: "endpoint.deleted", call: asTenant("DELETE", `/endpoints/${doomedEndpointId}`) },
  "POST /api/v1/messages/{id}/cancel": { action: "message.cancelled", call: asTenant("POST", `/messages/${waiting}/cancel`) },
  "POST /api/v1/messages/{id}/mark-failed": { action: "message.marked_failed", call: asTenant("POST", `/messages/${lost}/mark-failed`) },
  "POST /api/v1/messages/{id}/resend": { action: "message.resent", call: asTenant("POST", `/messages/${failed}/resend`) },
  "POST /api/v1/media/{id}/fetch": { action: "media.fetched_again", call: asTenant("POST", `/media/${mediaId}/fetch`) },
  "PATCH /api/v1/connections/{id}/sending": {
    action: "connection.sending_changed",
    call: asTenant("PATCH", `/connections/${world.connectionId}/sending`, { paused: true }),
  },
  "PUT /api/v1/contacts/{id}/opt-out": { action: "contact.opted_out", call: asTenant("PUT", `/contacts/${world.contactId}/opt-out`) },
  "DELETE /api/v1/contacts/{id}/opt-out": { action: "contact.opted_in", call: asTenant("DELETE", `/contacts/${world.contactId}/opt-out`) },
  "POST /api/v1/parked/replay": { action: "parked.range_replayed", call: asTenant("POST", "/parked/replay", range) },
  "POST /api/v1/parked/{id}/replay": { action: "parked.replayed", call: asTenant("POST", `/parked/${world.parkedId}/replay`) },
  "POST /api/v1/deliveries/replay": {
    action: "delivery.range_replayed",
    call: asOperator("POST", "/deliveries/replay", range),
    tenantId: null,
    actor: "operator",
  },
  "POST /api/v1/deliveries/{id}/replay": {
    action: "delivery.replayed",
    call: asOperator("POST", `/deliveries/${deliveryId}/replay`),
    tenantId: null,
    actor: "operator",
  },
  "POST /api/v1/api-keys": { action: "api_key.created", call: asTenant("POST", "/api-keys", { name: "k", scopes: ["read"] }) },
  "PATCH /api/v1/api-keys/{id}": { action: "api_key.changed", call: asTenant("PATCH", `/api-keys/${keyId}`, { name: "other" }) },
  "DELETE /api/v1/api-keys/{id}": { action: "api_key.revoked", call: asTenant("DELETE", `/api-keys/${keyId}`) },
  "POST /api/v1/apps": {
    action: "meta_app.created",
    call: asOperator("POST", "/apps", { tenantId, appId: "123", appSecret: "s", verifyToken: "v" }),
    actor: "operator",
  },
  "POST /api/v1/connections": {
    action: "connection.connected",
    call: asOperator("POST", "/connections", {
      tenantId,
      wabaId: "w9",
      phoneNumberId: "n9",
      displayPhoneNumber: "1",
      accessToken: "token-t",
    }),
    actor: "operator",
  },
  "POST /api/v1/labels": { action: "label.created", call: asTenant("POST", "/labels", { name: "new", colour: "red" }) },
  "PATCH /api/v1/labels/{id}": { action: "label.changed", call: asTenant("PATCH", `/labels/${labelId}`, { name: "other" }) },
  "DELETE /api/v1/labels/{id}": { action: "label.deleted", call: asTenant("DELETE", `/labels/${labelId}`) },
  "POST /api/v1/canned-replies": {
    action: "canned_reply.created",
    call: asTenant("POST", "/canned-replies", { ...canned, shortcut: "two" }),
  },
  "PATCH /api/v1/canned-replies/{id}": {
    action: "canned_reply.changed",
    call: asTenant("PATCH", `/canned-replies/${cannedId}`, { shortcut: "three" }),
  },
  "DELETE /api/v1/canned-replies/{id}": { action: "canned_reply.deleted", call: asTenant("DELETE", `/canned-replies/${cannedId}`) },
  "PATCH /api/v1/privacy/retention": { action: "retention.changed", call: asTenant("PATCH", "/privacy/retention", { parked: 30 }) },
  "DELETE /api/v1/tenants/{id}": {
    action: "tenant.closed",
    call: async () => {
      const { json } = await asOperator("POST", "/tenants", { name: "n", slug: `c-${randomUUID()}` })();
      return asOperator("DELETE", `/tenants/${json.id}`)();
    },
    tenantId: "new",
    actor: "operator",
  },
};

/** What needs people or Meta is driven in tests of its own, which name the action. */
const elsewhere: Readonly<Record<string, string>> = {
  "POST /api/v1/connections/embedded-signup": "connection.connected",
  "POST /api/v1/connections/{id}/token": "connection.token_replaced",
  "POST /api/v1/connections/{id}/disconnect": "connection.disconnected",
  "POST /api/v1/apps/{id}/secret": "meta_app.secrets_replaced",
  "DELETE /api/v1/apps/{id}": "meta_app.removed",
  "POST /api/v1/templates": "template.created",
  "PUT /api/v1/templates/{id}": "template.edited",
  "DELETE /api/v1/templates/{id}": "template.deleted",
  "POST /api/v1/contacts/{id}/export": "contact.exported",
  "POST /api/v1/contacts/{id}/erase": "contact.erased",
  "POST /api/v1/session/password": "person.password_changed",
  "DELETE /api/v1/sessions/{id}": "session.ended",
  "PATCH /api/v1/people/{id}": "person.role_changed",
  "DELETE /api/v1/people/{id}": "person.removed",
  "POST /api/v1/people/{id}/reset-link": "person.reset_link_made",
  "POST /api/v1/invitations": "invitation.created",
  "DELETE /api/v1/invitations/{id}": "invitation.revoked",
};

const description = await api.call("GET", "/openapi.json");
const writes = Object.entries(description.json.paths as Record<string, Record<string, unknown>>).flatMap(([path, methods]) =>
  Object.keys(methods).flatMap((method) => (["get", "head"].includes(method) ? [] : [`${method.toUpperCase()} ${path}`])),
);

test("Every route that is not GET audits what it does, or is excepted for a reason", async () => {
  assert.ok(writes.length >= 30);
  const known = new Set([...Object.keys(deeds), ...Object.keys(exceptions), ...Object.keys(elsewhere)]);
  assert.deepEqual(
    writes.filter((route) => !known.has(route)),
    [],
    "drive them in `deeds`, name the test that does in `elsewhere`, or give the reason in `exceptions`",
  );
  assert.equal(known.size, Object.keys(deeds).length + Object.keys(exceptions).length + Object.keys(elsewhere).length, "twice");
  const here = new URL(".", import.meta.url);
  const files = (await readdir(here)).filter((name) => name.endsWith(".test.ts") && name !== "audit-routes.test.ts");
  const texts = await Promise.all(files.map((name) => readFile(new URL(name, here), "utf8")));
  const unseen = Object.entries(elsewhere).filter(([, action]) => !texts.some((text) => text.includes(action) && text.includes("audit")));
  assert.deepEqual(unseen, [], "no test looks for this action in the audit log");
});

type Event = {
  action: string;
  tenantId: string | null;
  actor: { kind: string; id: string | null };
  ip: string | null;
  requestId: string | null;
};
const newest = async (): Promise<Event[]> => (await api.call("GET", "/api/v1/audit?limit=200", { key: adminKey })).json.data;

for (const [route, { action, call, ...more }] of Object.entries(deeds)) {
  test(`${route} leaves one row, which says who did it`, async () => {
    const before = (await newest()).length;
    const { status, text } = await call();
    assert.ok(status < 300, `${status} ${text}`);
    const added = await newest();
    const found = added.slice(0, added.length - before).filter((event) => event.action === action);
    assert.equal(found.length, 1, JSON.stringify(added.slice(0, added.length - before)));
    const [event] = found;
    assert.equal(event?.actor.kind, more.actor ?? "api_key");
    assert.equal(event?.ip, "127.0.0.1");
    assert.ok(event?.requestId);
    if (more.tenantId !== "new") assert.equal(event?.tenantId, more.tenantId === undefined ? tenantId : null);
  });
}

test("What is refused leaves no row, and nothing that is logged holds a secret, a number or what customers wrote", async () => {
  const before = (await newest()).length;
  const reader = (await api.call("POST", "/api/v1/api-keys", { key, body: { name: "reader", scopes: ["read"] } })).json.apiKey;
  const made = (await newest()).length;
  for (const route of Object.keys(deeds)) {
    const [method = "", path = ""] = route.split(" ");
    const { status } = await api.call(method, path.replaceAll(/\{\w+\}/g, randomUUID()), { key: reader });
    assert.ok(status >= 400, route);
  }
  assert.equal((await newest()).length, made);
  assert.ok(made >= before);
  const { rows } = await api.platform.pool.query("select * from audit_events");
  const all = JSON.stringify(rows);
  for (const secret of ["token-", "ksh_", "whsec_", "972501234567", "body of", "נועה", "https://example.com"])
    assert.ok(!all.includes(secret), secret);
});

test("The log is for admins: a key without that scope and another tenant read nothing of it, and the operator verifies what concerns nobody", async () => {
  const reader = (await api.call("POST", "/api/v1/api-keys", { key, body: { name: "r", scopes: ["read", "send", "manage"] } })).json.apiKey;
  for (const path of ["/api/v1/audit", "/api/v1/audit/verify"]) {
    assert.equal((await api.call("GET", path, { key: reader })).status, 403);
    assert.equal((await api.call("GET", path)).status, 401);
  }
  const stranger = await api.tenant();
  const theirs = await api.call("GET", "/api/v1/audit", { key: stranger.key });
  assert.ok(theirs.json.data.length > 0);
  assert.ok(theirs.json.data.every((event: Event) => event.tenantId === stranger.id));
  assert.equal((await api.call("GET", `/api/v1/audit?tenantId=${tenantId}`, { key: stranger.key })).status, 404);
  const asked = await api.call("GET", `/api/v1/audit?tenantId=${tenantId}&action=endpoint.deleted`, { key: adminKey });
  assert.deepEqual(
    asked.json.data.map((event: Event) => [event.action, event.tenantId]),
    [["endpoint.deleted", tenantId]],
  );
  const verdict = await api.call("GET", "/api/v1/audit/verify", { key });
  assert.deepEqual([verdict.status, verdict.json.isIntact, verdict.json.seals], [200, true, 0]);
  assert.ok(verdict.json.unsealed > 0);
  assert.equal((await api.call("GET", "/api/v1/audit/verify", { key: adminKey })).json.isIntact, true);
  for (const query of ["action=x", "from=yesterday", "actorId=7", "after=!", "limit=201"]) {
    assert.equal((await api.call("GET", `/api/v1/audit?${query}`, { key })).status, 400, query);
  }
});
