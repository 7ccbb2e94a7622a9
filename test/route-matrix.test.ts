/**
 * Every route of the description × every id that it takes × whose id that is: another tenant's, one that is gone, one that never was, and none
 * at all. Whoever asks must not be able to tell which (I9, RELIABILITY 3.6). All of it is made from `/openapi.json` and the catalogue: a route,
 * an id or a table that is added tomorrow is tested tomorrow, or this file says what it does not know.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { notFound } from "../src/core/rejection.ts";
import { openExportStore } from "../src/services/privacy/export-store.ts";
import { openMediaStore } from "../src/services/media-store.ts";
import { createMetaApps } from "../src/services/tenants/apps.ts";
import type { ConnectionTools } from "../src/services/whatsapp/connections/tools.ts";
import { AccessTokens } from "../src/services/whatsapp/outbox/access-tokens.ts";
import { insertRow, newRow, readTables, seedWorld, type Row, type World } from "./support/any-row.ts";
import { adminKey, startApi, type Answer } from "./support/api.ts";
import { sampleOf, type Schema } from "./support/sample-json.ts";

/** Where the ids of a path's segment or of a field lie. A word that is not here, and names no table by itself, makes this test red. */
const places: Readonly<Record<string, string | { table: string; column: string } | { why: string }>> = {
  // Segments of paths.
  accounts: "whatsapp_accounts",
  contacts: "whatsapp_contacts",
  connections: "whatsapp_connections",
  conversations: "whatsapp_conversations",
  messages: "whatsapp_messages",
  media: "whatsapp_media",
  templates: "whatsapp_templates",
  endpoints: "forward_endpoints",
  "endpoints deliveries": "forward_deliveries",
  parked: "parked_updates",
  notes: "conversation_notes",
  apps: "meta_apps",
  around: "whatsapp_messages",
  confirm: "whatsapp_contacts",
  add: "labels",
  remove: "labels",
  people: { why: "in the schema of sign-in: test/people-roles" },
  invitations: { why: "in the schema of sign-in: test/people-roles" },
  sessions: { why: "in the schema of sign-in: test/people-sessions" },
  deliveries: { why: "raw deliveries are the operator's; a tenant's key is refused before any look-up" },
  // Fields of queries and bodies; those that end in Id are looked for without it, in the plural.
  assignees: { why: "as people" },
  mentions: { why: "as assignees" },
  actors: { why: "a filter of the tenant's own audit log, of any kind of actor" },
  // In Meta's shape.
  phoneNumberId: { table: "whatsapp_connections", column: "phone_number_id" },
  mediaId: { table: "whatsapp_media", column: "wa_media_id" },
};

/** Values of what is needed to get as far as the look-up, and what no schema tells. */
const values: Readonly<Record<string, unknown>> = {
  content: { type: "text", body: "x" },
  url: "https://example.com/hook",
  version: "v26.0",
  from: "2020-01-01T00:00:00.000Z",
  to: "2020-01-02T00:00:00.000Z",
};

type Parameter = { in: string; name: string; required?: boolean; schema: Schema };
type Operation = { parameters?: Parameter[]; requestBody?: { content: Record<string, { schema: Schema }> }; security?: unknown[] };
type Route = { method: string; path: string; operation: Operation; where: string };
const malformed: readonly string[] = ["not-an-id", "%00"];
/** A place for an id in a request. `path` of a body leads through its objects and lists. */
type Spot = { in: "path" | "query" | "body"; name: string; path: readonly string[]; isList: boolean; place: string };

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const folder = await mkdtemp(join(tmpdir(), "kesher-matrix-"));
after(() => rm(folder, { recursive: true, force: true }));
// Filled in below: Meta is asked where nobody answers.
const tools = {} as ConnectionTools;
const api = await startApi(
  { after },
  {
    media: { store: await openMediaStore(folder), publicUrl: null },
    exports: openExportStore(folder),
    connections: tools,
    syncTemplates: () => Promise.reject(notFound()),
  },
);
const open = (_context: unknown, sealed: Uint8Array): string => Buffer.from(sealed).toString();
Object.assign(tools, {
  app: api.app,
  platform: api.platform,
  graph: { url: "http://127.0.0.1:9", version: "v26.0" },
  tokens: new AccessTokens(api.app, open),
  apps: createMetaApps({ platform: null, db: api.platform, open }),
  seal: (_context, plain) => Buffer.from(plain),
  open,
  publicUrl: () => null,
  configId: null,
  nowMs: () => Date.now(),
  onActivity: () => undefined,
} satisfies ConnectionTools);
const superuser = await api.session("superuser");
const tables = await readTables(superuser);
const tableNames: ReadonlySet<string> = new Set(tables.map(({ name }) => name));
const ours = await seedWorld(superuser, tables);
const theirs = await seedWorld(superuser, tables);
const tenantOf = (world: World): string => String(world.get("tenants")?.[0]?.["id"]);
const callers = await makeCallers();

const { json } = await api.call("GET", "/openapi.json");
const routes: Route[] = Object.entries(json.paths as Record<string, Record<string, Operation>>)
  .flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      operation,
      where: `${method.toUpperCase()} ${path}`,
    })),
  )
  .filter(({ operation }) => operation.security?.length !== 0);

test("every id that a route takes is one whose table this test knows", () => {
  assert.ok(routes.length >= 50);
  const unknown = routes.flatMap((route) =>
    spotsOf(route)
      .filter(({ place }) => whereIs(place) === null)
      .map(({ place, name }) => `${route.where}: ${name} (${place})`),
  );
  assert.deepEqual(unknown, []);
});

test("an id in a path is answered alike whether it is another tenant's, is gone, never was or is none; for every key", async () => {
  const faults: string[] = [];
  let asked = 0;
  for (const route of routes) {
    for (const spot of spotsOf(route).filter((each) => each.in === "path")) {
      for (const [who, key] of Object.entries(callers)) {
        const ids = await strangeIds(spot.place);
        const answers = await Promise.all(ids.map((id) => ask(route, key, { spot, id })));
        asked += answers.length;
        // What is no id may be refused as that.
        const alike = answers.filter((_, index) => !malformed.includes(ids[index] ?? ""));
        const kinds = new Set(
          alike.map(({ status, text }) => `${status} ${text.replaceAll(/"(?:message|details|error_user_msg)":"[^"]*"/g, "")}`),
        );
        if (kinds.size !== 1) faults.push(`${route.where} as ${who} tells ids apart: ${[...kinds].join(" | ").slice(0, 300)}`);
        // In Meta's words an unknown object is 400 with code 100.
        const taken = answers.find(({ status, json: said }) => ![401, 403, 404].includes(status) && said?.error?.code !== 100);
        if (taken !== undefined) faults.push(`${route.where} as ${who} answers ${taken.status} ${taken.text.slice(0, 200)}`);
      }
    }
  }
  assert.deepEqual(faults, []);
  assert.ok(asked >= 300, String(asked));
});

test("an id in a query or a body is answered alike whether it is another tenant's, is gone or never was", async () => {
  const faults: string[] = [];
  for (const route of routes) {
    for (const spot of spotsOf(route).filter((each) => each.in !== "path")) {
      const ids = (await strangeIds(spot.place)).filter((id) => uuid.test(id));
      const answers: Answer[] = [];
      for (const id of ids) answers.push(await ask(route, callers["all scopes"] ?? "", { spot, id }));
      const kinds = new Set(answers.map((answer) => gist(answer)));
      if (kinds.size !== 1)
        faults.push(`${route.where} tells ids of ${spot.path.join(".")} apart: ${[...kinds].join(" | ").slice(0, 400)}`);
      // 503: what only the whole program has.
      if (answers.some(({ status }) => status >= 500 && status !== 503))
        faults.push(`${route.where} with ${spot.path.join(".")}: ${answers[0]?.text}`);
    }
  }
  assert.deepEqual(faults, []);
});

test("nothing that a key can read holds an id of another tenant, also when it asks for that tenant", async () => {
  const foreign = new Set(
    [...theirs.values()]
      .flat()
      .flatMap((row) => Object.values(row))
      .filter((value) => uuid.test(String(value)))
      .map(String),
  );
  const faults: string[] = [];
  let read = 0;
  for (const route of routes) {
    if (route.method !== "GET" || route.path.endsWith("/stream") || !route.path.startsWith("/api/")) continue;
    for (const query of ["", "?limit=200", `?tenantId=${tenantOf(theirs)}`]) {
      const answer = await ask({ ...route, path: `${route.path}${query}` }, callers["all scopes"] ?? "", null);
      read += answer.status === 200 ? 1 : 0;
      for (const id of foreign) if (answer.text.includes(id)) faults.push(`${route.where}${query} shows ${id}`);
      const takesTenant = route.operation.parameters?.some(({ name }) => name === "tenantId") ?? false;
      if (query.includes("tenantId") && takesTenant && answer.status < 400) faults.push(`${route.where}${query} answers ${answer.status}`);
    }
  }
  assert.deepEqual(faults, []);
  assert.ok(read >= 20, String(read));
});

/** Ids and times of what was made differ; the rest of a refusal, and that something was made, must not. */
function gist({ status, text }: Answer): string {
  return status < 400 ? `${status}` : `${status} ${text.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "<id>")}`;
}

/** Another tenant's, one that was ours and is gone, one that never was, and what is no id. */
async function strangeIds(place: string): Promise<string[]> {
  const known = whereIs(place);
  if (known === null) return [randomUUID(), ...malformed];
  const foreign = theirs.get(known.table)?.[0]?.[known.column];
  const gone = known.column === "id" ? await goneId(known.table) : null;
  return [foreign, gone, randomUUID()]
    .filter((id) => id !== null && id !== undefined)
    .map(String)
    .concat(malformed);
}

const gone = new Map<string, string | null>();

async function goneId(name: string): Promise<string | null> {
  const known = gone.get(name);
  if (known !== undefined) return known;
  const table = tables.find((each) => each.name === name);
  let id: string | null = null;
  if (table !== undefined && name !== "tenants") {
    const row: Row = newRow(table, { tenantId: tenantOf(ours), referred: ours });
    // Where there may be only one of its kind, nothing was ever gone.
    const isMade = await insertRow(superuser, table, row).then(
      () => true,
      () => false,
    );
    if (isMade) {
      await superuser.query(`delete from ${name} where ${table.tenantColumn} = $1 and id = $2`, [tenantOf(ours), row["id"]]);
      id = String(row["id"]);
    }
  }
  gone.set(name, id);
  return id;
}

function whereIs(place: string): { table: string; column: string } | null {
  const known = places[place] ?? places[place.split(" ").at(-1) ?? ""];
  if (typeof known === "object") return "why" in known ? { table: "", column: "" } : known;
  const word = (place.split(" ").at(-1) ?? "").replaceAll("-", "_");
  const table =
    known ?? [word, `whatsapp_${word}`, `conversation_${word}`, `inbox_${word}`, `privacy_${word}`].find((name) => tableNames.has(name));
  return table === undefined ? null : { table, column: "id" };
}

function spotsOf({ path, operation }: Route): Spot[] {
  const segments = path.split("/");
  const inPath = segments.flatMap((segment, index): Spot[] => {
    const name = /^\{(\w+)\}$/.exec(segment)?.[1];
    if (name === undefined || name === "version") return [];
    const before = segments.slice(0, index).filter((each) => !each.startsWith("{") && each !== "" && each !== "api" && each !== "v1");
    const place = places[name] === undefined ? before.slice(-2).join(" ") : name;
    return [{ in: "path", name, path: [name], isList: false, place: places[place] === undefined ? (before.at(-1) ?? name) : place }];
  });
  const inQuery = (operation.parameters ?? [])
    .filter((each) => each.in === "query")
    .flatMap(({ name, schema }) => idsIn({ properties: { [name]: schema } }, "query", []));
  const body = Object.values(operation.requestBody?.content ?? {})[0]?.schema;
  return [...inPath, ...inQuery, ...(body === undefined ? [] : idsIn(body, "body", []))];
}

/** Fields that hold our ids by their format. */
function idsIn(schema: Schema, where: "query" | "body", path: readonly string[]): Spot[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
    const isList = member.items?.format === "uuid";
    const here = [...path, name];
    if (isList || member.format === "uuid") return [{ in: where, name, path: here, isList, place: pluralOf(name) }];
    // What a union holds is tried by the routes that take it, in tests of their own.
    return idsIn(member, where, here);
  });
}

function pluralOf(name: string): string {
  if (places[name] !== undefined) return name;
  const word = name.replace(/Ids?$/, "").replaceAll(/[A-Z]/g, (sign) => `-${sign.toLowerCase()}`);
  const last = word.split("-").at(-1) ?? word;
  const known = [word, last].find((each) => places[`${each}s`] !== undefined || tableNames.has(`${each}s`)) ?? word;
  return known.endsWith("s") || name === "mediaId" ? known : `${known}s`;
}

function ownId(place: string): string {
  const known = whereIs(place);
  return String((known === null ? undefined : ours.get(known.table)?.[0]?.[known.column]) ?? randomUUID());
}

/** A request in which all is right but the one id. */
async function ask({ method, path, operation }: Route, key: string, strange: { spot: Spot; id: string } | null): Promise<Answer> {
  const spots = spotsOf({ method, path, operation, where: "" });
  const idAt = (spot: Spot): string => {
    if (strange?.spot.in === spot.in && strange.spot.path.join(".") === spot.path.join(".")) return strange.id;
    // A deed that cannot be undone has its id said twice.
    return spot.name === "confirm" && strange?.spot.in === "path" && uuid.test(strange.id) ? strange.id : ownId(spot.place);
  };
  const url = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const spot = spots.find((each) => each.in === "path" && each.name === name);
    return spot === undefined ? String(values[name] ?? name) : idAt(spot);
  });
  const query = new URLSearchParams();
  for (const { in: place, name, required, schema } of operation.parameters ?? []) {
    const isAsked = strange?.spot.in === "query" && strange.spot.name === name;
    if (place === "query" && isAsked) query.set(name, strange.id);
    else if (place === "query" && required === true) query.set(name, String(values[name] ?? sampleOf(schema, values)));
  }
  const [type, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  const body =
    content === undefined || type !== "application/json" ? undefined : (sampleOf(content.schema, values) as Record<string, unknown>);
  if (body !== undefined) {
    for (const spot of spots.filter((each) => each.in === "body")) {
      const isAsked = strange?.spot.in === "body" && strange.spot.path.join(".") === spot.path.join(".");
      if (isAsked || hasAt(body, spot.path)) setAt(body, spot.path, spot.isList ? [idAt(spot)] : idAt(spot));
    }
  }
  const address = `${url}${url.includes("?") || query.size === 0 ? "" : "?"}${query}`;
  return api.call(method, address, { key, ...(body === undefined || method === "GET" ? {} : { body }) });
}

function hasAt(body: Record<string, unknown>, path: readonly string[]): boolean {
  let at: unknown = body;
  for (const name of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return false;
    at = Reflect.get(at, name);
  }
  return true;
}

function setAt(body: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let at = body;
  for (const name of path.slice(0, -1)) at = (at[name] ??= {}) as Record<string, unknown>;
  at[path.at(-1) ?? ""] = value;
}

/** Keys of our tenant: one that may do all, one that may only read, and one of a single connection where there are such. */
async function makeCallers(): Promise<Record<string, string>> {
  const make = async (body: object): Promise<Answer> =>
    api.call("POST", `/api/v1/api-keys?tenantId=${tenantOf(ours)}`, { key: adminKey, body: { name: "matrix", ...body } });
  const all = await make({ scopes: ["read", "send", "manage", "admin"] });
  const reader = await make({ scopes: ["read"] });
  const bound = await make({ scopes: ["read", "send"], connectionId: ours.get("whatsapp_connections")?.[0]?.["id"] });
  assert.deepEqual([all.status, reader.status], [201, 201], all.text);
  return {
    "all scopes": all.json.apiKey,
    "read alone": reader.json.apiKey,
    ...(bound.status === 201 ? { "one connection": bound.json.apiKey } : {}),
  };
}
