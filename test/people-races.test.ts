/** What happens to people at the same moment, and what is left in somebody's hands after their rights have gone. */
import assert from "node:assert/strict";
import { after, afterEach, test } from "node:test";
import type pg from "pg";
import { limits } from "../src/limits.ts";
import { forgetUnproven } from "../src/people/accounts.ts";
import { issueFirstAccountLink } from "../src/people/links.ts";
import { createPasswords } from "../src/people/password.ts";
import { beginAttempt } from "../src/people/throttle.ts";
import { adminKey, startApi, type Answer } from "./support/api.ts";
import { callAs, cookieIn, join, makePerson, signedIn } from "./support/signed-in.ts";

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
const sessionsOf = async (personId: string): Promise<number> =>
  (await auth.query("select 1 from auth.sessions where person_id = $1", [personId])).rowCount ?? 0;
const until = async (isSo: () => Promise<boolean>): Promise<void> => {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve));
};
/** Something waits for a row that this session holds. Asked by another one: within a transaction the answer would never change. */
const isWaitedFor = async (holder: pg.PoolClient): Promise<boolean> => {
  const { rows } = await holder.query<{ pid: number }>("select pg_backend_pid() as pid");
  const found = await api.platform.pool.query("select 1 from pg_stat_activity where $1 = any (pg_blocking_pids(pid))", [rows[0]?.pid]);
  return found.rowCount !== 0;
};

test("A sign-in under way with the old password comes to nothing when the password is changed meanwhile", async () => {
  const person = await makePerson(api, { tenantId: one.id, password });
  const hash = await createPasswords().hash("another good one");
  const holder = await auth.connect();
  await holder.query("begin");
  await holder.query("update auth.credentials set password = $2 where person_id = $1", [person.id, hash]);
  const going = post("sign-in", { email: person.email, password });
  const ended = Promise.race([going.then(() => true), until(() => isWaitedFor(holder)).then(() => false)]);
  assert.equal(await ended, false, "it waits for what becomes of the password");
  await holder.query("commit");
  holder.release();
  const answer = await going;
  assert.deepEqual([answer.status, cookieIn(answer), await sessionsOf(person.id)], [401, null, 0]);
  assert.equal((await post("sign-in", { email: person.email, password: "another good one" })).status, 204);
});

test("A sign-in that was first is ended by the change of the password that waited for it", async () => {
  const person = await makePerson(api, { tenantId: one.id, password });
  const holder = await auth.connect();
  await holder.query("begin");
  await holder.query("select 1 from auth.credentials where person_id = $1 for share", [person.id]);
  const going = forgetUnproven(api.people.auth, person.id);
  await until(() => isWaitedFor(holder));
  await holder.query(
    `insert into auth.sessions (id, person_id, token_sha256, expires_at, created_at, updated_at)
     values (gen_random_uuid(), $1, $2, now() + interval '1 day', now(), now())`,
    [person.id, "x".repeat(43)],
  );
  await holder.query("commit");
  holder.release();
  await going;
  assert.equal(await sessionsOf(person.id), 0);
  assert.equal((await post("sign-in", { email: person.email, password })).status, 401);
});

test("A link to a new password is of no use any more once the person may do more, or other things, than when it was made", async () => {
  const admin = await signedIn(api, { tenantId: one.id, role: "admin" });
  const owner = await signedIn(api, { tenantId: one.id, role: "owner" });
  const link = async (id: string): Promise<string> => tokenOf(await admin.call("POST", `/api/v1/people/${id}/reset-link`));
  const opened = async (token: string): Promise<number> => (await post("links", { token })).status;
  const promoted = await makePerson(api, { tenantId: one.id, role: "agent" });
  const toPromoted = await link(promoted.id);
  assert.equal(await opened(toPromoted), 200);
  assert.equal((await owner.call("PATCH", `/api/v1/people/${promoted.id}`, { role: "owner" })).status, 200);
  const joined = await makePerson(api, { tenantId: one.id, role: "agent" });
  const toJoined = await link(joined.id);
  await join(api, joined.id, other.id, "owner");
  for (const token of [toPromoted, toJoined]) {
    assert.equal(await opened(token), 404);
    assert.equal((await post("password/reset", { token, password })).status, 404);
  }
});

test("Who is removed, or may decide less, cannot come back by links that they made before", async () => {
  const tenant = await api.tenant();
  const owner = await signedIn(api, { tenantId: tenant.id, role: "owner" });
  const agent = await makePerson(api, { tenantId: tenant.id, role: "agent" });
  for (const end of ["remove", "change"]) {
    const admin = await signedIn(api, { tenantId: tenant.id, role: "admin" });
    const invitation = tokenOf(await admin.call("POST", "/api/v1/invitations", { email: `back-${end}@people.example`, role: "admin" }));
    const reset = tokenOf(await admin.call("POST", `/api/v1/people/${agent.id}/reset-link`));
    const kept = tokenOf(await owner.call("POST", "/api/v1/invitations", { email: `kept-${end}@people.example`, role: "agent" }));
    const ended =
      end === "remove"
        ? await owner.call("DELETE", `/api/v1/people/${admin.id}`)
        : await owner.call("PATCH", `/api/v1/people/${admin.id}`, { role: "viewer" });
    assert.ok([200, 204].includes(ended.status));
    for (const token of [invitation, reset]) assert.equal((await post("links", { token })).status, 404, end);
    assert.equal((await post("invitations/accept", { token: invitation, name: "Back", password })).status, 404);
    assert.equal((await post("links", { token: kept })).status, 200, "others' invitations stay");
  }
});

test("Who joins another tenant while they are removed from their last one keeps their account", async () => {
  const owner = await signedIn(api, { tenantId: one.id, role: "owner" });
  const person = await makePerson(api, { tenantId: one.id, role: "agent" });
  const holder = await auth.connect();
  await holder.query("begin");
  await holder.query(
    "insert into auth.members (tenant_id, id, person_id, role, created_at) values ($1, gen_random_uuid(), $2, 'owner', now())",
    [other.id, person.id],
  );
  const going = owner.call("DELETE", `/api/v1/people/${person.id}`);
  await until(() => isWaitedFor(holder));
  await holder.query("commit");
  holder.release();
  assert.equal((await going).status, 204);
  const { rows } = await auth.query("select tenant_id from auth.members where person_id = $1", [person.id]);
  assert.deepEqual(rows, [{ tenant_id: other.id }]);
});

test("A request of somebody who is being removed holds up neither the removal nor itself", async () => {
  const beganMs = Date.now();
  const person = await signedIn(api, { tenantId: one.id, role: "agent" });
  const holder = await auth.connect();
  await holder.query("begin");
  await holder.query("select 1 from auth.members where tenant_id = $1 and person_id = $2 for update", [one.id, person.id]);
  api.clock.nowMs = beganMs + 2 * limits.sessionSeenMs;
  const going = person.call("GET", "/api/v1/session");
  await until(() => isWaitedFor(holder));
  // As a removal does next. Held by the request, it would be a circle, and one of the two would fail.
  await holder.query("delete from auth.sessions where person_id = $1", [person.id]);
  await holder.query("commit");
  holder.release();
  assert.equal((await going).status, 200);
});

test("Who belongs to closed tenants only can sign in to accept an invitation, and to nothing else", async () => {
  const closed = await api.tenant();
  const person = await makePerson(api, { tenantId: closed.id, role: "agent", password });
  assert.equal((await api.call("DELETE", `/api/v1/tenants/${closed.id}`, { key: adminKey })).status, 204);
  const signIn = () => post("sign-in", { email: person.email, password });
  assert.equal((await signIn()).status, 403);
  const token = tokenOf(await api.call("POST", "/api/v1/invitations", { key: one.key, body: { email: person.email, role: "viewer" } }));
  const cookie = cookieIn(await signIn()) ?? assert.fail("not signed in");
  const call = callAs(api, cookie);
  assert.equal((await call("GET", "/api/v1/conversations")).status, 403);
  assert.equal((await post("invitations/accept", { token }, cookie)).status, 204);
  assert.equal((await call("GET", "/api/v1/session")).json.tenant.id, one.id);
});

test("Two who invite the same address at the same moment get an invitation or a conflict, and one is open", async () => {
  const body = { email: "twins@people.example", role: "viewer" };
  const invite = () => api.call("POST", "/api/v1/invitations", { key: one.key, body });
  const statuses = (await Promise.all(Array.from({ length: 6 }, invite))).map(({ status }) => status);
  assert.ok(statuses.includes(201) && statuses.every((status) => [201, 409].includes(status)), statuses.join());
  const { rowCount } = await auth.query("select 1 from auth.invitations where email = $1 and status = 'pending'", [body.email]);
  assert.equal(rowCount, 1);
});

test("Addresses of IPv6 share the count of their network, and an address that has had its share writes nothing more", async () => {
  await auth.query("delete from auth.sign_in_attempts");
  const attempt = (count: number) =>
    beginAttempt(api.people.auth, { email: `${count}@spray.example`, address: `2001:db8::${count.toString(16)}` }, 1_000);
  for (let count = 0; count < limits.signInAddressAttemptsMax; count += 1) await attempt(count);
  const rows = async () => (await auth.query("select 1 from auth.sign_in_attempts")).rowCount;
  const before = await rows();
  await assert.rejects(attempt(limits.signInAddressAttemptsMax), { code: "rate_limited" });
  assert.equal(await rows(), before);
  await auth.query("delete from auth.sign_in_attempts");
});

test("Every address that can be invited or make the first account can sign in afterwards", async () => {
  const invite = (email: string) => api.call("POST", "/api/v1/invitations", { key: one.key, body: { email, role: "viewer" } });
  for (const email of ["o'brien+x@people.example", "A_b-c.d@x-1.people.example"]) {
    const token = tokenOf(await invite(email));
    assert.equal((await post("invitations/accept", { token, name: "x", password })).status, 204, email);
    assert.equal((await post("sign-in", { email, password })).status, 204, email);
  }
  const refused = ["admin@localhost", "נועה@people.example", "a..b@people.example", ".a@people.example", "a@-x.example", "a@x.example.1"];
  for (const email of refused) assert.equal((await invite(email)).status, 400, email);
  await auth.query("delete from auth.credentials");
  const token = await issueFirstAccountLink(api.people.auth, Date.now());
  assert.equal((await post("first-account", { name: "x", email: "admin@localhost", password, token })).status, 400);
});

test("An operator who looks at a tenant of others has no role there", async () => {
  const operator = await signedIn(api, { tenantId: one.id, role: "owner", isOperator: true });
  const role = async (query: string): Promise<string | null> => (await operator.call("GET", `/api/v1/session${query}`)).json.role;
  assert.deepEqual([await role(""), await role(`?tenantId=${other.id}`)], ["owner", null]);
});

test("A removal asks, in its own transaction, that the person's conversations go back to nobody", async () => {
  const owner = await signedIn(api, { tenantId: one.id, role: "owner" });
  const person = await makePerson(api, { tenantId: one.id, role: "agent" });
  assert.equal((await owner.call("DELETE", `/api/v1/people/${owner.id}?tenantId=${other.id}`)).status, 404);
  assert.equal((await owner.call("DELETE", `/api/v1/people/${person.id}`)).status, 204);
  const superuser = await api.session("superuser");
  const { rows } = await superuser.query("select data from pgboss.job where name = 'person-unassign' and data ->> 'personId' = any ($1)", [
    [person.id, owner.id],
  ]);
  assert.deepEqual(rows, [{ data: { tenantId: one.id, personId: person.id } }]);
});
