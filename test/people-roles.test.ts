/** Who may do what: roles, invitations, links to a new password, and the owners who may not be lost. */
import assert from "node:assert/strict";
import { after, afterEach, test } from "node:test";
import { roles, scopesOfRole, type Role } from "../src/contract/people.ts";
import { tenantScope } from "../src/core/scope.ts";
import { limits } from "../src/limits.ts";
import { adminKey, startApi, type Answer } from "./support/api.ts";
import { begin, callAs, cookieIn, join, makePerson, signedIn, type SignedIn } from "./support/signed-in.ts";

const api = await startApi({ after });
const [one, other] = [await api.tenant(), await api.tenant()];
const password = "correct horse battery";
const auth = api.people.auth.pool;
afterEach(() => {
  api.clock.nowMs = null;
});

const own = { "sec-fetch-site": "same-origin" };
const post = (path: string, body: unknown, cookie?: string): Promise<Answer> =>
  api.call("POST", `/auth/${path}`, { body, headers: { ...own, ...(cookie === undefined ? {} : { cookie }) } });
const tokenOf = (answer: Answer): string => (answer.json.link as string).split("#")[1] ?? "";
const people: Record<Role, SignedIn> = {
  viewer: await signedIn(api, { tenantId: one.id, role: "viewer" }),
  agent: await signedIn(api, { tenantId: one.id, role: "agent" }),
  admin: await signedIn(api, { tenantId: one.id, role: "admin" }),
  owner: await signedIn(api, { tenantId: one.id, role: "owner" }),
};
let count = 0;
const newEmail = (): string => `invited-${(count += 1)}@people.example`;
const invited = async (by: SignedIn, role: Role, email = newEmail()): Promise<string> =>
  tokenOf(await by.call("POST", "/api/v1/invitations", { email, role }));

test("Each role may do what its scopes say, on routes of each scope, and no more", async () => {
  const asked: { scope: string; method: string; path: string; body?: unknown }[] = [
    { scope: "read", method: "GET", path: "/api/v1/conversations" },
    { scope: "read", method: "GET", path: "/api/v1/people" },
    { scope: "send", method: "POST", path: "/api/v1/messages", body: {} },
    { scope: "manage", method: "PATCH", path: `/api/v1/tenants/${one.id}`, body: {} },
    { scope: "admin", method: "GET", path: "/api/v1/api-keys" },
    { scope: "admin", method: "GET", path: "/api/v1/invitations" },
    { scope: "admin", method: "GET", path: "/api/v1/audit" },
  ];
  for (const role of roles) {
    for (const { scope, method, path, body } of asked) {
      const { status } = await people[role].call(method, path, body);
      const isAllowed = scopesOfRole[role].some((word) => word === scope);
      // A body that is not one is refused before or after the scope is looked at.
      assert.ok(isAllowed ? [200, 400].includes(status) : [400, 403].includes(status), `${role} ${method} ${path}: ${status}`);
      if (body === undefined) assert.equal(status, isAllowed ? 200 : 403, `${role} ${method} ${path}`);
    }
  }
  for (const role of roles) {
    for (const path of ["/api/v1/deliveries", "/api/v1/deliveries/replay"]) {
      const { status } = await people[role].call(path.endsWith("replay") ? "POST" : "GET", path, path.endsWith("replay") ? {} : undefined);
      assert.ok([400, 403].includes(status), "the operator's alone");
    }
  }
});

test("Who gives which role to whom: admins everything but owners, owners everything, the rest nothing", async () => {
  for (const by of roles) {
    for (const from of roles) {
      for (const to of roles) {
        const { id } = await makePerson(api, { tenantId: one.id, role: from });
        const { status } = await people[by].call("PATCH", `/api/v1/people/${id}`, { role: to });
        const isAllowed = by === "owner" || (by === "admin" && from !== "owner" && to !== "owner");
        assert.equal(status, isAllowed ? 200 : 403, `${by} makes ${from} ${to}`);
        const { json } = await people.owner.call("GET", "/api/v1/people?limit=1");
        assert.deepEqual([json.data[0].id, json.data[0].role], [id, isAllowed ? to : from]);
        const removal = await people[by].call("DELETE", `/api/v1/people/${id}`);
        const mayRemove = by === "owner" || (by === "admin" && (isAllowed ? to : from) !== "owner");
        assert.equal(removal.status, mayRemove ? 204 : 403, `${by} removes ${isAllowed ? to : from}`);
      }
    }
    for (const role of roles) {
      const { status } = await people[by].call("POST", "/api/v1/invitations", { email: newEmail(), role });
      assert.equal(status, by === "owner" || (by === "admin" && role !== "owner") ? 201 : 403, `${by} invites ${role}`);
    }
  }
  // A key may not be the way around it, whatever its scopes.
  const { id } = await makePerson(api, { tenantId: one.id, role: "agent" });
  assert.equal((await api.call("PATCH", `/api/v1/people/${id}`, { key: one.key, body: { role: "owner" } })).status, 403);
  assert.equal((await api.call("PATCH", `/api/v1/people/${id}`, { key: one.key, body: { role: "admin" } })).status, 200);
  assert.equal((await api.call("POST", "/api/v1/invitations", { key: one.key, body: { email: newEmail(), role: "owner" } })).status, 403);
});

test("The last owner cannot be removed or made less, not by themselves, not by two owners at the same moment", async () => {
  const tenant = await api.tenant();
  const [a, b] = [await signedIn(api, { tenantId: tenant.id, role: "owner" }), await signedIn(api, { tenantId: tenant.id, role: "owner" })];
  for (let round = 0; round < 5; round += 1) {
    const answers = await Promise.all([
      a.call("PATCH", `/api/v1/people/${b.id}`, { role: "admin" }),
      b.call("PATCH", `/api/v1/people/${a.id}`, { role: "admin" }),
    ]);
    const { rows } = await auth.query("select person_id as id from auth.members where tenant_id = $1 and role = 'owner'", [tenant.id]);
    assert.equal(rows.length, 1, answers.map(({ status }) => status).join());
    await auth.query("update auth.members set role = 'owner' where tenant_id = $1", [tenant.id]);
    for (const each of [a, b]) Object.assign(each, await begin(api, each.id));
  }
  assert.equal((await a.call("DELETE", `/api/v1/people/${b.id}`)).status, 204);
  for (const answer of [
    await a.call("DELETE", `/api/v1/people/${a.id}`),
    await a.call("PATCH", `/api/v1/people/${a.id}`, { role: "agent" }),
    await api.call("DELETE", `/api/v1/people/${a.id}?tenantId=${tenant.id}`, { key: adminKey }),
  ]) {
    assert.deepEqual([answer.status, answer.json.code], [409, "conflict"]);
  }
});

test("An invitation is accepted once, by two at the same moment too, and makes an account with its role and nothing more", async () => {
  const email = newEmail();
  const token = await invited(people.admin, "agent", email.toUpperCase());
  const seen = await post("links", { token });
  assert.deepEqual([seen.json.purpose, seen.json.email, seen.json.role, seen.json.isKnown], ["invitation", email, "agent", false]);
  const answers = await Promise.all(["A", "B", "C"].map((name) => post("invitations/accept", { token, name, password })));
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [204, 404, 404]);
  const cookie = answers.map(cookieIn).find((each) => each !== null) ?? "";
  const { json } = await callAs(api, cookie)("GET", "/api/v1/session");
  assert.deepEqual(
    [json.person.email, json.role, json.tenant.id, json.isOperator, json.tenants.length],
    [email, "agent", one.id, false, 1],
  );
  assert.equal((await post("links", { token })).status, 404);
  assert.equal((await post("invitations/accept", { token, name: "D", password })).status, 404);
});

test("An invitation that is revoked, replaced, too old or of nobody's making is no invitation", async () => {
  const beganMs = Date.now();
  api.clock.nowMs = beganMs;
  const revoked = await people.owner.call("POST", "/api/v1/invitations", { email: newEmail(), role: "viewer" });
  assert.equal((await people.owner.call("DELETE", `/api/v1/invitations/${revoked.json.id}`)).status, 204);
  assert.equal((await people.owner.call("DELETE", `/api/v1/invitations/${revoked.json.id}`)).status, 404);
  const replaced = await people.owner.call("POST", "/api/v1/invitations", { email: "twice@people.example", role: "viewer" });
  const newer = await people.owner.call("POST", "/api/v1/invitations", { email: "twice@people.example", role: "agent" });
  const old = await invited(people.owner, "viewer");
  for (const token of [tokenOf(revoked), tokenOf(replaced), "A".repeat(43)]) {
    assert.equal((await post("invitations/accept", { token, name: "x", password })).status, 404);
  }
  const listed = (await people.owner.call("GET", "/api/v1/invitations?limit=2")).json;
  assert.deepEqual([listed.data.length, listed.data[1].id, listed.data[1].role], [2, newer.json.id, "agent"]);
  assert.ok(!JSON.stringify(listed).includes(tokenOf(newer)) && listed.next !== null);
  api.clock.nowMs = beganMs + limits.invitationMsMax - 1;
  assert.equal((await post("links", { token: old })).status, 200);
  api.clock.nowMs = beganMs + limits.invitationMsMax;
  assert.equal((await post("links", { token: old })).status, 404);
  assert.equal((await post("invitations/accept", { token: old, name: "x", password })).status, 404);
});

test("Who has an account joins a second tenant by signing in as the invited person; nobody else can take the invitation", async () => {
  const person = await signedIn(api, { tenantId: other.id, role: "admin", password });
  const token = await invited(people.owner, "viewer", person.email);
  assert.equal((await post("links", { token })).json.isKnown, true);
  assert.equal((await post("invitations/accept", { token, name: "Impostor", password })).status, 409);
  assert.equal((await post("invitations/accept", { token })).status, 401);
  assert.equal((await post("invitations/accept", { token }, people.agent.cookie)).status, 403);
  assert.equal((await post("invitations/accept", { token }, person.cookie)).status, 204);
  const { json } = await person.call("GET", "/api/v1/session");
  assert.deepEqual(
    json.tenants.map(({ id, role }: { id: string; role: string }) => [id, role]),
    [
      [other.id, "admin"],
      [one.id, "viewer"],
    ],
  );
  const again = await invited(people.owner, "admin", person.email);
  assert.equal((await post("invitations/accept", { token: again }, person.cookie)).status, 409, "an invitation is no way to another role");
});

test("A tenant has so many open invitations and so many people", async () => {
  const tenant = await api.tenant();
  const rows = (table: string, columns: string, values: string, most: number) =>
    auth.query(`insert into auth.${table} (${columns}) select ${values} from generate_series(1, $2) n`, [tenant.id, most]);
  await rows(
    "invitations",
    "tenant_id, id, email, role, inviter_name, token_sha256, expires_at, created_at",
    "$1::uuid, gen_random_uuid(), n || '@x', 'agent', 'x', sha256(($1::uuid::text || n)::bytea), now() + interval '1 day', now()",
    limits.invitationsPerTenantMax - 1,
  );
  const invite = () => api.call("POST", "/api/v1/invitations", { key: tenant.key, body: { email: newEmail(), role: "agent" } });
  const last = await invite();
  assert.deepEqual([last.status, (await invite()).status], [201, 409]);
  await auth.query(
    `with made as (insert into auth.people (id, name, email, created_at, updated_at)
       select gen_random_uuid(), 'x', n || '@full.example', now(), now() from generate_series(1, $2) n returning id)
     insert into auth.members (tenant_id, id, person_id, role, created_at) select $1::uuid, gen_random_uuid(), id, 'agent', now() from made`,
    [tenant.id, limits.peoplePerTenantMax],
  );
  const full = await post("invitations/accept", { token: tokenOf(last), name: "x", password });
  assert.deepEqual([full.status, full.json.code], [409, "too_many"]);
  const left = await auth.query("select 1 from auth.people where name = 'x' and email like 'invited%'");
  assert.equal(left.rowCount, 0, "no account is made for nothing");
});

test("A link to a new password ends all sessions, works once and for a day, and is refused where it would be a way to more", async () => {
  const beganMs = Date.now();
  api.clock.nowMs = beganMs;
  const person = await signedIn(api, { tenantId: one.id, role: "agent", password });
  const link = (by: SignedIn, id: string) => by.call("POST", `/api/v1/people/${id}/reset-link`);
  const [former, made] = [await link(people.admin, person.id), await link(people.admin, person.id)];
  assert.equal(
    (await post("password/reset", { token: tokenOf(former), password: "another good one" })).status,
    404,
    "only the last one works",
  );
  const seen = await post("links", { token: tokenOf(made) });
  assert.deepEqual([seen.json.purpose, seen.json.email], ["reset", person.email]);
  const answers = await Promise.all([0, 1].map(() => post("password/reset", { token: tokenOf(made), password: "another good one" })));
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [204, 404]);
  assert.equal((await person.call("GET", "/api/v1/session")).status, 401);
  assert.equal((await post("sign-in", { email: person.email, password })).status, 401);
  assert.equal((await post("sign-in", { email: person.email, password: "another good one" })).status, 204);
  const late = tokenOf(await link(people.admin, person.id));
  api.clock.nowMs = beganMs + limits.linkMsMax;
  assert.equal((await post("password/reset", { token: late, password })).status, 404);
  api.clock.nowMs = null;

  const [owner, operator, both] = [
    await makePerson(api, { tenantId: one.id, role: "owner" }),
    await makePerson(api, { tenantId: one.id, role: "viewer", isOperator: true }),
    await makePerson(api, { tenantId: one.id, role: "viewer" }),
  ];
  await join(api, both.id, other.id, "owner");
  const stranger = await makePerson(api, { tenantId: other.id, role: "viewer" });
  assert.deepEqual(
    [
      (await link(people.agent, person.id)).status,
      (await link(people.admin, owner.id)).status,
      (await link(people.owner, owner.id)).status,
      (await link(people.owner, operator.id)).status,
      (await link(people.owner, both.id)).status,
      (await link(people.owner, stranger.id)).status,
    ],
    [403, 403, 201, 403, 403, 404],
  );
  assert.equal((await api.call("POST", `/api/v1/people/${both.id}/reset-link?tenantId=${one.id}`, { key: adminKey })).status, 201);
});

test("What is done to people stands in the audit log with who did it, and others see it as it happens", async () => {
  const tenant = await api.tenant();
  const owner = await signedIn(api, { tenantId: tenant.id, role: "owner" });
  const mistaken = await owner.call("POST", "/api/v1/invitations", { email: newEmail(), role: "viewer" });
  await owner.call("DELETE", `/api/v1/invitations/${mistaken.json.id}`);
  const token = await invited(owner, "viewer");
  const person = callAs(api, cookieIn(await post("invitations/accept", { token, name: "Noa", password })) ?? "");
  const { id } = (await person("GET", "/api/v1/session")).json.person;
  await owner.call("PATCH", `/api/v1/people/${id}`, { role: "agent" });
  await owner.call("POST", `/api/v1/people/${id}/reset-link`);
  await owner.call("DELETE", `/api/v1/people/${id}`);
  const { data } = (await owner.call("GET", "/api/v1/audit?limit=200")).json;
  const actions = data.map((event: { action: string; actor: { id: string } }) => [
    event.action,
    event.actor.id === owner.id ? "owner" : event.actor.id === id ? "person" : "?",
  ]);
  for (const expected of [
    ["invitation.created", "owner"],
    ["invitation.revoked", "owner"],
    ["invitation.accepted", "person"],
    ["person.joined", "person"],
    ["person.role_changed", "owner"],
    ["person.reset_link_made", "owner"],
    ["person.removed", "owner"],
  ]) {
    assert.ok(
      actions.some((each: string[]) => each.join() === expected.join()),
      `${expected.join()} in ${JSON.stringify(actions)}`,
    );
  }
  const activity = (await owner.call("GET", "/api/v1/activity?limit=200")).json.data;
  const changes = activity.filter(
    ({ type, data: of }: { type: string; data: { personId: string } }) => type === "person.changed" && of.personId === id,
  );
  assert.equal(changes.length, 3);
  const left = await auth.query("select 1 from auth.people where id = $1", [id]);
  assert.equal(left.rowCount, 0, "nothing is kept of who belongs nowhere");
});

test("Ids of people and invitations of another tenant are as unknown as ids of nobody", async () => {
  const stranger = await makePerson(api, { tenantId: other.id, role: "viewer" });
  const foreign = await api.call("POST", "/api/v1/invitations", { key: other.key, body: { email: newEmail(), role: "viewer" } });
  const texts = new Set<string>();
  for (const id of [stranger.id, foreign.json.id, "00000000-0000-7000-8000-000000000000", "x"]) {
    for (const answer of [
      await people.owner.call("PATCH", `/api/v1/people/${id}`, { role: "viewer" }),
      await people.owner.call("DELETE", `/api/v1/people/${id}`),
      await people.owner.call("POST", `/api/v1/people/${id}/reset-link`),
      await people.owner.call("DELETE", `/api/v1/invitations/${id}`),
      await people.owner.call("GET", `/api/v1/people?tenantId=${other.id}`),
    ]) {
      assert.equal(answer.status, 404);
      texts.add(answer.text);
    }
  }
  assert.equal(texts.size, 1);
  const { knownPeople } = await import("../src/people/members.ts");
  assert.deepEqual([...(await knownPeople(api.people.auth, tenantScope(one.id), [stranger.id, people.agent.id]))], [people.agent.id]);
});

test("Names and addresses have a most; hidden characters in names are gone", async () => {
  const asked = (email: string) => people.owner.call("POST", "/api/v1/invitations", { email, role: "viewer" });
  const long = `${"a".repeat(limits.emailCharsMax - "@people.example".length)}@people.example`;
  assert.deepEqual([(await asked(long)).status, (await asked(`a${long}`)).status], [201, 400]);
  for (const bad of ["x", "a b@people.example", "@", "a@b\u0000", "a@b@c"]) assert.equal((await asked(bad)).status, 400, bad);
  const token = await invited(people.owner, "viewer");
  const named = (name: string) => post("invitations/accept", { token, name, password });
  assert.deepEqual([(await named("x".repeat(limits.personNameCharsMax + 1))).status, (await named("\u202e")).status], [400, 400]);
  const done = await named(`נועה\u202e ${"x".repeat(limits.personNameCharsMax - 6)}`);
  const { json } = await callAs(api, cookieIn(done) ?? "")("GET", "/api/v1/session");
  assert.equal(json.person.name, `נועה ${"x".repeat(limits.personNameCharsMax - 6)}`);
});

test("An owner closes the tenant, nobody below does; the operator names the first owner of a new one by a link", async () => {
  const slug = `named-${Date.now()}`;
  const body = { name: "Named", slug, ownerEmail: "Boss@named.example" };
  const made = await api.call("POST", "/api/v1/tenants", { key: adminKey, body });
  assert.equal(made.status, 201);
  const token = (made.json.ownerLink as string).split("#")[1];
  assert.equal((await api.call("POST", "/api/v1/tenants", { key: adminKey, body })).json.ownerLink, undefined);
  const boss = callAs(api, cookieIn(await post("invitations/accept", { token, name: "Boss", password })) ?? "");
  const { json } = await boss("GET", "/api/v1/session");
  assert.deepEqual([json.role, json.tenant.id, json.person.email], ["owner", made.json.id, "boss@named.example"]);
  const admin = await signedIn(api, { tenantId: made.json.id, role: "admin" });
  for (const call of [admin.call, people.owner.call])
    assert.ok([403, 404].includes((await call("DELETE", `/api/v1/tenants/${made.json.id}`)).status));
  assert.equal((await api.call("DELETE", `/api/v1/tenants/${made.json.id}`, { key: made.json.apiKey })).status, 403);
  assert.equal((await boss("DELETE", `/api/v1/tenants/${made.json.id}`)).status, 204);
  assert.equal((await admin.call("GET", "/api/v1/conversations")).status, 403);
});
