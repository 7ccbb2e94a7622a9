import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { OutgoingTemplate } from "../src/contract/outgoing-template.ts";
import { Rejection } from "../src/core/rejection.ts";
import { tenantScope } from "../src/core/scope.ts";
import { tenantTransaction } from "../src/db/transaction.ts";
import { decodeTemplate } from "../src/services/whatsapp/graph/decode/template.ts";
import { checkTemplate, usableTemplates } from "../src/services/whatsapp/templates/check.ts";
import type { SyncOutcome } from "../src/services/whatsapp/templates/sync.ts";
import { changeTemplates } from "../src/services/whatsapp/templates/templates.ts";
import { adminKey, startApi } from "./support/api.ts";

type Fields = { readonly [key: string]: unknown };

let outcome: SyncOutcome = { kind: "synced", listed: 3, added: 2, changed: 1, removed: 0, unusable: 0 };
const asked: string[] = [];
const api = await startApi(
  { after },
  {
    syncTemplates: async (scope, accountId) => {
      asked.push(`${scope.tenantId} ${accountId}`);
      return outcome;
    },
  },
);

type World = { id: string; key: string; accountId: string; connectionId: string };
let numbers = 0;

async function world(tenant?: { id: string; key: string }): Promise<World> {
  const { id, key } = tenant ?? (await api.tenant());
  const wabaId = `w${(numbers += 1)}`;
  const body = { tenantId: id, wabaId, phoneNumberId: `p${numbers}`, displayPhoneNumber: "+1", accessToken: "t" };
  const { json } = await api.call("POST", "/api/v1/connections", { key: adminKey, body });
  const accounts = await api.call("GET", "/api/v1/accounts", { key });
  const account = accounts.json.data.find((one: Fields) => one["wabaId"] === wabaId);
  return { id, key, accountId: account.id, connectionId: json.id };
}

function line(name: string, more: Fields = {}): Fields {
  const components = [{ type: "BODY", text: `Hi {{1}}, this is ${name}` }];
  return { id: `9${name.length}`, name, language: "en_US", status: "APPROVED", category: "UTILITY", components, ...more };
}

/** As a list would. Answers the templates' ids by name and language. */
async function listed({ id: tenantId, accountId }: World, lines: readonly Fields[], isSynced = true): Promise<Map<string, string>> {
  return tenantTransaction(api.app, tenantScope(tenantId), async (tx) => {
    const changes = lines.map((one) => {
      const read = decodeTemplate(one, 1_000);
      assert.ok(read);
      return { tenantId, accountId, ...read };
    });
    const results = await changeTemplates(tx, changes, Date.now());
    if (isSynced) {
      await tx.query(markSynced, [tenantId, accountId]);
    }
    return new Map(results.map((result) => [`${result.name} ${result.language}`, result.id]));
  });
}
const markSynced = {
  name: "test.mark_synced",
  text: `insert into whatsapp_template_syncs (tenant_id, account_id, due_at, succeeded_at) values ($1, $2, now(), now()) on conflict do nothing`,
  spec: {},
};

const names = async (own: World, query: string): Promise<string[]> => {
  const { status, json } = await api.call("GET", `/api/v1/templates?${query}`, { key: own.key });
  assert.equal(status, 200, JSON.stringify(json));
  return json.data.map((one: Fields) => `${String(one["name"])} ${String(one["language"])}`);
};

test("Templates are listed by name and language, page by page, and found by every filter", async () => {
  const own = await world();
  const second = await world(own);
  await listed(own, [
    line("order_ok"),
    line("order_ok", { language: "he", components: [{ type: "BODY", text: "שלום {{1}}, ההזמנה שלך בדרך" }] }),
    line("promo", { category: "MARKETING" }),
    line("paused", { status: "PAUSED", quality_score: { score: "RED" } }),
    line("rejected", { status: "REJECTED", rejected_reason: "SCAM" }),
    line("pending", { status: "PENDING" }),
    line("disabled", { status: "DISABLED" }),
    line("deleted", { status: "DELETED" }),
    line("flagged", { status: "FLAGGED" }),
  ]);
  await listed(second, [line("elsewhere")]);
  const all = ["deleted en_US", "disabled en_US", "elsewhere en_US", "flagged en_US", "order_ok en_US", "order_ok he"];
  assert.deepEqual((await names(own, "")).slice(0, 6), all);
  assert.deepEqual(await names(own, "search=ORDER"), ["order_ok en_US", "order_ok he"]);
  assert.deepEqual(await names(own, `search=${encodeURIComponent("ההזמנה")}`), ["order_ok he"]);
  assert.deepEqual(await names(own, `search=${encodeURIComponent("%_{")}`), []);
  assert.deepEqual(await names(own, "status=paused"), ["paused en_US"]);
  assert.deepEqual(await names(own, "category=marketing"), ["promo en_US"]);
  assert.deepEqual(await names(own, "language=HE"), ["order_ok he"]);
  assert.deepEqual(await names(own, "language=en-us&search=promo"), ["promo en_US"]);
  assert.deepEqual(await names(own, `accountId=${second.accountId}`), ["elsewhere en_US"]);
  assert.deepEqual(await names(own, `connectionId=${second.connectionId}`), ["elsewhere en_US"]);
  const usable = ["elsewhere en_US", "flagged en_US", "order_ok en_US", "order_ok he", "promo en_US"];
  assert.deepEqual(await names(own, "usable=true"), usable);
  assert.equal((await names(own, "usable=false")).length, 5);

  const paged: string[] = [];
  let after = "";
  for (let pages = 0; pages < 10; pages++) {
    const { json } = await api.call("GET", `/api/v1/templates?limit=3${after}`, { key: own.key });
    paged.push(...json.data.map((one: Fields) => `${String(one["name"])} ${String(one["language"])}`));
    if (json.next === null) break;
    after = `&after=${json.next}`;
  }
  assert.deepEqual(paged, await names(own, ""));
  for (const bad of [
    "after=x",
    "status=great",
    "usable=maybe",
    "accountId=7",
    `after=${Buffer.from('["a","b","c"]').toString("base64url")}`,
  ]) {
    const answer = await api.call("GET", `/api/v1/templates?${bad}`, { key: own.key });
    assert.equal(answer.status, 400, bad);
  }
});

test("A template is read with its parts, its status in words, and why it is so", async () => {
  const own = await world();
  const components = [
    { type: "HEADER", format: "TEXT", text: "Order {{1}}" },
    { type: "BODY", text: "Hi {{1}}" },
    { type: "FOOTER", text: "Bye" },
    {
      type: "BUTTONS",
      buttons: [
        { type: "URL", text: "Track", url: "https://example.com/{{1}}" },
        { type: "QUICK_REPLY", text: "Ok" },
      ],
    },
    { type: "CAROUSEL", cards: [{ components: [{ type: "HEADER", format: "IMAGE" }] }] },
    { type: "HOLOGRAM", depth: 3 },
  ];
  const ids = await listed(own, [line("full", { status: "REJECTED", rejected_reason: "INVALID_FORMAT", components })]);
  const { status, json } = await api.call("GET", `/api/v1/templates/${ids.get("full en_US")}`, { key: own.key });
  assert.equal(status, 200);
  assert.deepEqual(
    { ...json, createdAt: null },
    {
      id: ids.get("full en_US"),
      accountId: own.accountId,
      name: "full",
      language: "en_US",
      waTemplateId: "94",
      status: "rejected",
      usable: false,
      reason: "INVALID_FORMAT",
      pausedUntil: null,
      quality: null,
      category: "UTILITY",
      previousCategory: null,
      correctCategory: null,
      categoryChangesAt: null,
      parameterFormat: "positional",
      sentence: {
        he: "מטא דחתה את התבנית. תקנו אותה ושלחו אותה שוב לאישור.",
        en: "Meta has rejected this template. Correct it and submit it again.",
        ar: "رفضت ميتا هذا القالب. صححه وأرسله للموافقة من جديد.",
      },
      header: { kind: "text", text: "Order {{1}}" },
      body: "Hi {{1}}",
      footer: "Bye",
      buttons: [
        { kind: "url", text: "Track", url: "https://example.com/{{1}}" },
        { kind: "quick_reply", text: "Ok" },
      ],
      cards: [{ header: { kind: "image" }, body: null, buttons: [] }],
      offer: null,
      unrecognised: [{ type: "HOLOGRAM", depth: 3 }],
      syncedAt: null,
      createdAt: null,
    },
  );
});

test("A preview shows the values in place, names what is missing and what does not fit", async () => {
  const own = await world();
  const components = [
    { type: "HEADER", format: "IMAGE" },
    { type: "BODY", text: "Hi {{1}}, order {{2}}" },
    { type: "BUTTONS", buttons: [{ type: "URL", text: "Track", url: "https://example.com/{{1}}" }] },
  ];
  const ids = await listed(own, [line("full", { status: "PAUSED", components })]);
  const path = `/api/v1/templates/${ids.get("full en_US")}/preview`;
  const empty = await api.call("POST", path, { key: own.key, body: {} });
  assert.equal(empty.status, 200, empty.text);
  assert.deepEqual(empty.json.missing, [
    { field: "parameters.header", detail: "missing: the header is of the type image" },
    { field: "parameters.body.0", detail: "missing: the value of {{1}}" },
    { field: "parameters.body.1", detail: "missing: the value of {{2}}" },
    { field: "parameters.buttons", detail: "missing: the end of the address of the button 0" },
  ]);
  assert.equal(empty.json.body, "Hi {{1}}, order {{2}}");
  assert.equal(empty.json.status, "paused");
  assert.match(empty.json.sentence.en, /paused/);
  const parameters = {
    header: { type: "image", media: { link: "https://example.com/a.png" } },
    body: [
      { type: "text", text: "Ada" },
      { type: "text", text: "7\n8" },
    ],
    buttons: [{ type: "url", index: 0, text: "7" }],
  };
  const filled = await api.call("POST", path, { key: own.key, body: { parameters } });
  assert.deepEqual(filled.json.missing, []);
  assert.deepEqual(
    filled.json.faults.map((one: Fields) => one["field"]),
    ["parameters.body.1.text"],
  );
  assert.equal(filled.json.body, "Hi Ada, order 7\n8");
  assert.deepEqual(filled.json.header, { kind: "image", text: null });
  assert.deepEqual(filled.json.buttons, [{ kind: "url", text: "Track", value: "https://example.com/7" }]);
  const wrong = await api.call("POST", path, { key: own.key, body: { parameters: { bodi: [] } } });
  assert.equal(wrong.status, 400);
});

test("Nobody reads, tries out, checks or syncs another tenant's templates", async () => {
  const [own, other] = [await world(), await world()];
  const ids = await listed(own, [line("secret")]);
  const id = ids.get("secret en_US");
  assert.deepEqual(await names(other, "search=secret"), []);
  assert.deepEqual(await names(other, `accountId=${own.accountId}`), []);
  assert.deepEqual(await names(other, `connectionId=${own.connectionId}`), []);
  for (const [method, path, body] of [
    ["GET", `/api/v1/templates/${id}`, undefined],
    ["POST", `/api/v1/templates/${id}/preview`, {}],
    ["GET", `/api/v1/templates?tenantId=${own.id}`, undefined],
    ["POST", `/api/v1/templates/sync?tenantId=${own.id}`, {}],
  ] as const) {
    const answer = await api.call(method, path, { key: other.key, ...(body === undefined ? {} : { body }) });
    assert.equal(answer.status, 404, path);
  }
  const scope = tenantScope(other.id);
  const template: OutgoingTemplate = { type: "template", name: "secret", language: "en_US" };
  const checked = await tenantTransaction(api.app, scope, (tx) => checkTemplate(tx, scope, { accountId: own.accountId, template }));
  assert.deepEqual([checked.id, checked.note], [null, "unchecked"]);
  assert.deepEqual(
    await tenantTransaction(api.app, scope, (tx) => usableTemplates(tx, scope, { connectionId: own.connectionId, max: 5 })),
    [],
  );
});

test("A sync on request answers its counts, and says politely why there was none", async () => {
  const own = await world();
  asked.length = 0;
  const sync = (body: Fields = {}) => api.call("POST", "/api/v1/templates/sync", { key: own.key, body });
  const done = await sync();
  assert.equal(done.status, 200);
  assert.deepEqual(done.json, { accountId: own.accountId, listed: 3, added: 2, changed: 1, removed: 0, unusable: 0 });
  assert.deepEqual(asked, [`${own.id} ${own.accountId}`]);
  const refusals: [SyncOutcome, number, string, RegExp][] = [
    [{ kind: "busy" }, 409, "conflict", /right now/],
    [{ kind: "no_token" }, 409, "conflict", /token/],
    [{ kind: "limited", untilMs: Date.UTC(2026, 10, 22) }, 429, "too_many", /2026-11-22T00:00:00.000Z/],
    [{ kind: "refused", code: 190, detail: "expired", waitMs: 0 }, 409, "conflict", /190.*expired/],
    [{ kind: "unavailable", reason: "TimeoutError" }, 503, "unavailable", /TimeoutError/],
  ];
  for (const [refusal, status, code, detail] of refusals) {
    outcome = refusal;
    const answer = await sync();
    assert.deepEqual([answer.status, answer.json.code], [status, code]);
    assert.match(answer.json.detail, detail);
  }
  await world(own);
  const ambiguous = await sync();
  assert.equal(ambiguous.status, 400);
  assert.match(ambiguous.json.detail, /accountId/);
  outcome = { kind: "synced", listed: 0, added: 0, changed: 0, removed: 0, unusable: 0 };
  assert.equal((await sync({ accountId: own.accountId.toUpperCase() })).json.accountId, own.accountId);
  const { json: reader } = await api.call("POST", "/api/v1/api-keys", { key: own.key, body: { name: "r", scopes: ["read"] } });
  assert.equal((await api.call("POST", "/api/v1/templates/sync", { key: reader.apiKey ?? reader.key, body: {} })).status, 403);
  const tenant = await api.tenant();
  assert.equal((await api.call("POST", "/api/v1/templates/sync", { key: tenant.key, body: {} })).status, 404);
});

async function check(own: World, template: Partial<OutgoingTemplate>) {
  const scope = tenantScope(own.id);
  return tenantTransaction(api.app, scope, (tx) =>
    checkTemplate(tx, scope, { accountId: own.accountId, template: { type: "template", name: "order", language: "en_US", ...template } }),
  );
}

const rejects = (own: World, template: Partial<OutgoingTemplate>, detail: RegExp): Promise<void> =>
  assert.rejects(check(own, template), (error) => {
    assert.ok(error instanceof Rejection);
    assert.deepEqual([error.code, error.status], ["invalid_request", 400]);
    assert.match(error.detail, detail);
    return true;
  });

test("A message's template is checked before it is queued: there, allowed, and filled in rightly", async () => {
  const own = await world();
  const ids = await listed(own, [line("order"), line("paused", { status: "PAUSED" }), line("deleted", { status: "DELETED" })]);
  const body = [{ type: "text" as const, text: "Ada" }];
  assert.deepEqual(await check(own, { body }), {
    id: ids.get("order en_US"),
    category: "UTILITY",
    quality: null,
    body: "Hi Ada, this is order",
    note: null,
  });
  assert.equal((await check(own, { body, language: "en-us" })).note, null);
  await rejects(own, {}, /^content\.body\.0: missing: the value of \{\{1\}\}$/);
  await rejects(own, { body: [...body, ...body] }, /^content\.body\.1: one too many/);
  await rejects(own, { name: "paused", body }, /^content\.name: Meta has paused/);
  await rejects(own, { name: "deleted", body }, /^content\.name: This template was deleted/);
  await rejects(own, { name: "new" }, /^content\.name: this account has no template new in en_US; .*sync/);
  await rejects(own, { language: "he", body }, /^content\.name: this account has no template order in he/);
});

test("What was never listed is let through unchecked: an account, and a template known by a webhook alone", async () => {
  const own = await world();
  assert.deepEqual(await check(own, {}), { id: null, category: null, quality: null, body: null, note: "unchecked" });
  await listed(own, [line("other")]);
  await rejects(own, {}, /no template order/);
  const scope = tenantScope(own.id);
  const key = { tenantId: own.id, accountId: own.accountId, name: "order", language: "en_US" };
  await tenantTransaction(api.app, scope, (tx) =>
    changeTemplates(tx, [{ ...key, change: { atMs: 1, told: { status: "approved" } } }], Date.now()),
  );
  assert.equal((await check(own, {})).note, "unchecked");
  assert.deepEqual(await names(own, "usable=true"), ["other en_US"]);
});

test("What is proposed for a closed window is what may be sent through that number, utility first, so many at most", async () => {
  const own = await world();
  const second = await world(own);
  await listed(own, [
    line("a_promo", { category: "MARKETING" }),
    line("order"),
    line("paused", { status: "PAUSED" }),
    line("x".repeat(500)),
  ]);
  await listed(second, [line("elsewhere")]);
  const scope = tenantScope(own.id);
  const usable = (max: number) =>
    tenantTransaction(api.app, scope, (tx) => usableTemplates(tx, scope, { connectionId: own.connectionId, max }));
  const found = await usable(10);
  assert.deepEqual(found[0], { name: "order", language: "en_US", category: "UTILITY", bodyPreview: "Hi {{1}}, this is order" });
  assert.deepEqual(
    found.map(({ name }) => name.slice(0, 9)),
    ["order", "xxxxxxxxx", "a_promo"],
  );
  assert.equal(found[1]?.bodyPreview?.length, 200);
  assert.equal((await usable(1)).length, 1);
});
