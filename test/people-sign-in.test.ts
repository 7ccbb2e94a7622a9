/** Ways in: password, the first account, links; and what somebody learns who does not belong here. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, afterEach, test } from "node:test";
import { limits } from "../src/limits.ts";
import { issueFirstAccountLink } from "../src/people/links.ts";
import { createPasswords } from "../src/people/password.ts";
import { adminKey, startApi, type Answer } from "./support/api.ts";
import { callAs, cookieIn, makePerson, signedIn } from "./support/signed-in.ts";

const api = await startApi({ after });
const one = await api.tenant();
const password = "correct horse battery";
const auth = api.people.auth.pool;
afterEach(async () => {
  api.clock.nowMs = null;
  await auth.query("delete from auth.sign_in_attempts");
});

const own = { "sec-fetch-site": "same-origin" };
const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  api.call("POST", `/auth/${path}`, { body, headers: { ...own, ...headers } });
const signIn = (email: string, given: string): Promise<Answer> => post("sign-in", { email, password: given });

test("The first account is made by the link on the console, once, and then no such link is made any more", async () => {
  const token = await issueFirstAccountLink(api.people.auth, Date.now());
  const second = await issueFirstAccountLink(api.people.auth, Date.now());
  assert.ok(token !== null && second !== null);
  assert.equal((await post("links", { token })).json.purpose, "first_account");
  const account = { name: "First", email: "First@People.example", password, tenantName: "פרחים Flowers" };
  assert.equal((await post("first-account", { ...account, token: randomBytes(32).toString("base64url") })).status, 404);
  const results = await Promise.all([token, second].map((each) => post("first-account", { ...account, token: each })));
  assert.deepEqual(results.map(({ status }) => status).toSorted(), [204, 404]);
  const cookie = cookieIn(results.find(({ status }) => status === 204) ?? assert.fail());
  const { json } = await callAs(api, cookie ?? "")("GET", "/api/v1/session");
  assert.deepEqual(
    [json.isOperator, json.role, json.tenant.name, json.person.email],
    [true, "owner", account.tenantName, "first@people.example"],
  );
  for (const each of [token, second]) assert.equal((await post("links", { token: each })).status, 404);
  assert.equal(await issueFirstAccountLink(api.people.auth, Date.now()), null);
});

test("A link to the first account is of no use once its time is over", async () => {
  const { rows } = await auth.query("delete from auth.credentials returning *");
  const token = await issueFirstAccountLink(api.people.auth, Date.now() - limits.linkMsMax);
  assert.ok(token !== null && rows.length > 0);
  assert.equal((await post("first-account", { name: "x", email: "late@people.example", password, token })).status, 404);
});

test("Whoever knows the password is in; the password is kept as argon2id only", async () => {
  const { id, email } = await makePerson(api, { tenantId: one.id, role: "agent", password });
  const answer = await signIn(email.toUpperCase(), password);
  assert.equal(answer.status, 204);
  const session = (await callAs(api, cookieIn(answer) ?? "")("GET", "/api/v1/session")).json;
  assert.deepEqual([session.person.id, session.tenant.id], [id, one.id]);
  const { rows } = await auth.query<{ password: string }>("select password from auth.credentials where person_id = $1", [id]);
  assert.match(rows[0]?.password ?? "", /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  assert.ok(!answer.headers.getSetCookie().some((header) => header.includes("kesher.session")), "the library's own cookie stays inside");
});

test("Passwords are hashed with their own salt, read in any spelling of the same letters, and a foreign hash is refused", async () => {
  const passwords = createPasswords();
  const composed = "é".normalize("NFC").repeat(8);
  const [first, second] = [await passwords.hash(composed), await passwords.hash(composed)];
  assert.notEqual(first, second);
  assert.ok(await passwords.verify({ hash: first, password: composed.normalize("NFD") }));
  assert.ok(!(await passwords.verify({ hash: first, password: `${composed} ` })));
  for (const hash of ["", "x", first.replace("argon2id", "argon2i"), first.slice(0, -1)]) {
    assert.equal(await passwords.verify({ hash, password: composed }), false);
  }
  assert.ok(first.includes(`m=${limits.passwordHashBytes / 1_024},t=${limits.passwordHashPassesMin},`));
});

test("So many hashes run at a time, so many wait, and who comes then is told to come again", async () => {
  const passwords = createPasswords();
  const all = limits.passwordHashesMax + limits.passwordHashesWaitingMax;
  const hashes = Array.from({ length: all + 1 }, () => passwords.hash("x"));
  await assert.rejects(hashes[all] ?? Promise.resolve(), { code: "unavailable", status: 503 });
  assert.equal((await Promise.all(hashes.slice(0, all))).length, all);
  await passwords.hash("x");
});

test("An address without an account is answered like a wrong password: same words, same work, same count, same log", async () => {
  const { email } = await makePerson(api, { tenantId: one.id, password });
  const passwordless = await makePerson(api, { tenantId: one.id });
  const asked = [email, passwordless.email, "nobody@people.example", "no.body+x@people.example"];
  await signIn(email, password);
  const least = asked.map(() => Infinity);
  const texts = new Set<string>();
  const rounds = async (): Promise<void> => {
    for (let round = 0; round < 7; round += 1) {
      for (const [index, each] of asked.entries()) {
        const beganMs = performance.now();
        const answer = await signIn(each, "a wrong password");
        least[index] = Math.min(least[index] ?? Infinity, performance.now() - beganMs);
        const headers = [...answer.headers].filter(([name]) => !["date"].includes(name));
        texts.add(`${answer.status} ${answer.text} ${JSON.stringify(headers)}`);
      }
    }
  };
  await rounds();
  assert.equal(texts.size, 1, [...texts].join("\n"));
  const counts = await auth.query<{ attempts: number }>(
    "select distinct attempts from auth.sign_in_attempts where attempts > 0 order by 1",
  );
  assert.deepEqual(counts.rows, [{ attempts: 7 }, { attempts: 28 }], "of each account, and of the address");
  // The least times of what does the same come ever closer, however busy the machine; of what does not they never do.
  const areAlike = (): boolean => Math.max(...least) < 2 * Math.min(...least);
  for (let more = 0; more < 20 && !areAlike(); more += 1) {
    await auth.query("delete from auth.sign_in_attempts");
    await rounds();
  }
  assert.ok(areAlike(), `least times in ms: ${least.join(", ")}`);
  const refused = await api.platform.pool.query(
    "select actor_name from audit_events where action = 'session.refused' and actor_name like '%nobody%'",
  );
  assert.equal(refused.rowCount, 0, "what was typed and is nobody's is not kept");
});

test("After so many attempts an account is closed to that address for the rest of the time, right password or not, account or not", async () => {
  const startMs = Date.now();
  api.clock.nowMs = startMs;
  const { email } = await makePerson(api, { tenantId: one.id, password });
  for (const each of [email, "nobody@people.example"]) {
    for (let count = 0; count < limits.signInAttemptsMax; count += 1) assert.equal((await signIn(each, "wrong")).status, 401);
    const refused = await signIn(each, password);
    assert.deepEqual([refused.status, refused.json.code], [429, "rate_limited"]);
    assert.equal(refused.headers.get("retry-after"), String(limits.signInWindowMs / 1_000));
  }
  api.clock.nowMs = startMs + limits.signInWindowMs - 1;
  assert.equal((await signIn(email, password)).status, 429);
  api.clock.nowMs = startMs + limits.signInWindowMs;
  assert.equal((await signIn(email, password)).status, 204);
});

test("Attempts at the same moment are counted each, so that none slips through", async () => {
  const answers = await Promise.all(Array.from({ length: limits.signInAttemptsMax + 15 }, () => signIn("many@people.example", "wrong")));
  assert.equal(answers.filter(({ status }) => status === 401).length, limits.signInAttemptsMax);
  assert.equal(answers.filter(({ status }) => status === 429).length, 15);
});

test("An account is closed after so many attempts from anywhere, and an address after so many on any account; a success starts anew", async () => {
  const { beginAttempt } = await import("../src/people/throttle.ts");
  const db = api.people.auth;
  const attempt = (email: string, address: string) => beginAttempt(db, { email, address }, 1_000);
  for (let count = 0; count < limits.signInAccountAttemptsMax; count += 1) await attempt("a@people.example", `10.0.0.${count}`);
  await assert.rejects(attempt("a@people.example", "10.0.1.1"), { code: "rate_limited" });
  for (let count = 0; count < limits.signInAddressAttemptsMax; count += 1) await attempt(`${count}@people.example`, "10.1.1.1");
  await assert.rejects(attempt("b@people.example", "10.1.1.1"), { code: "rate_limited" });
  for (let count = 0; count < 3 * limits.signInAttemptsMax; count += 1) await (await attempt("c@people.example", "10.2.2.2")).succeeded();
  await auth.query("update auth.sign_in_attempts set until = '2000-01-01'");
  const before = await auth.query("select 1 from auth.sign_in_attempts where until < now()");
  await (await beginAttempt(db, { email: "d@people.example", address: "10.3.3.3" }, Date.now())).succeeded();
  const left = await auth.query("select 1 from auth.sign_in_attempts where until < '2001-01-01'");
  assert.equal(left.rowCount, (before.rowCount ?? 0) - limits.signInClearMax);
});

test("A changed password ends all other sessions, puts this one under a new cookie, and needs the old password", async () => {
  const person = await signedIn(api, { tenantId: one.id, password });
  const elsewhere = cookieIn(await signIn(person.email, password)) ?? "";
  const wrong = await person.call("POST", "/api/v1/session/password", { currentPassword: "wrong", newPassword: "another good one" });
  assert.equal(wrong.status, 403);
  const short = await person.call("POST", "/api/v1/session/password", {
    currentPassword: password,
    newPassword: "x".repeat(limits.passwordCharsMin - 1),
  });
  assert.equal(short.status, 400);
  const long = await person.call("POST", "/api/v1/session/password", {
    currentPassword: password,
    newPassword: "x".repeat(limits.passwordCharsMax + 1),
  });
  assert.equal(long.status, 400);
  const changed = await person.call("POST", "/api/v1/session/password", { currentPassword: password, newPassword: "another good one" });
  assert.equal(changed.status, 204);
  const fresh = cookieIn(changed) ?? "";
  const statuses = await Promise.all(
    [fresh, person.cookie, elsewhere].map(async (cookie) => (await callAs(api, cookie)("GET", "/api/v1/session")).status),
  );
  assert.deepEqual(statuses, [200, 401, 401]);
  assert.equal((await signIn(person.email, password)).status, 401);
  assert.equal((await signIn(person.email, "another good one")).status, 204);
});

test("Of the identity library nothing is reached over HTTP but what is ours", async () => {
  const operator = await signedIn(api, { tenantId: one.id, role: "owner", isOperator: true });
  const paths = [
    "sign-up/email",
    "sign-in/email",
    "sign-in/social",
    "get-session",
    "list-sessions",
    "update-user",
    "delete-user",
    "change-email",
    "change-password",
    "request-password-reset",
    "reset-password",
    "verify-email",
    "link-social",
    "list-accounts",
    "refresh-token",
    "organization/create",
    "organization/invite-member",
    "organization/accept-invitation",
    "organization/remove-member",
    "organization/update-member-role",
    "organization/set-active",
    "organization/get-full-organization",
    "callback/google",
    "error",
    "ok",
    "reference",
  ];
  for (const path of paths) {
    for (const method of ["GET", "POST"]) {
      const answer = await operator.call(method, `/auth/${path}`, method === "POST" ? {} : undefined);
      assert.equal(answer.status, 404, `${method} ${path}`);
      assert.equal(answer.json.code, "not_found");
    }
    assert.equal((await api.call("GET", `/api/auth/${path}`)).status, 404);
  }
  assert.equal((await operator.call("POST", "/auth/oidc")).status, 404, "without a provider there is no such way in");
  assert.equal((await operator.call("GET", "/auth/callback/oidc?code=x&state=y")).status, 404);
});

test("A closed tenant lets nobody in: no sign-in, no invitation, no session in it", async () => {
  const closing = await api.tenant();
  const { email, id } = await makePerson(api, { tenantId: closing.id, role: "owner", password });
  const cookie = cookieIn(await signIn(email, password)) ?? "";
  const invited = await callAs(api, cookie)("POST", "/api/v1/invitations", { email: "late@people.example", role: "agent" });
  const token = (invited.json.link as string).split("#")[1];
  assert.equal((await api.call("DELETE", `/api/v1/tenants/${closing.id}`, { key: adminKey })).status, 204);
  const refused = await signIn(email, password);
  assert.deepEqual([refused.status, cookieIn(refused)], [403, null]);
  const { rows } = await auth.query("select 1 from auth.sessions where person_id = $1", [id]);
  assert.equal(rows.length, 1, "the one from before");
  assert.equal((await post("links", { token })).status, 404);
  assert.equal((await post("invitations/accept", { token, name: "Late", password })).status, 404);
  assert.equal((await callAs(api, cookie)("GET", "/api/v1/conversations")).status, 403);
  assert.equal((await callAs(api, cookie)("GET", `/api/v1/people?tenantId=${closing.id}`)).status, 404);
});

test("Sign-ins, refusals and sign-outs are in the audit log of the tenant", async () => {
  const { id, email } = await makePerson(api, { tenantId: one.id, password });
  await signIn(email, "wrong");
  const cookie = cookieIn(await signIn(email, password)) ?? "";
  const change = { currentPassword: password, newPassword: "another good one" };
  const changed = await callAs(api, cookie)("POST", "/api/v1/session/password", change);
  await callAs(api, cookieIn(changed) ?? "")("POST", "/auth/sign-out");
  const { rows } = await api.platform.pool.query<{ action: string; actor: string; ip: string }>(
    "select action, actor_id as actor, ip from audit_events where tenant_id = $1 and actor_id = $2 order by id",
    [one.id, id],
  );
  assert.deepEqual(
    rows.map(({ action }) => action),
    ["session.refused", "session.created", "person.password_changed", "session.ended"],
  );
  assert.ok(rows.every(({ ip }) => ip.endsWith("127.0.0.1")));
});

test("The page for signing in loads nothing from elsewhere and has no inline script, and its links work", async () => {
  const page = await api.call("GET", "/sign-in");
  assert.equal(page.status, 200);
  assert.match(page.headers.get("content-security-policy") ?? "", /^default-src 'none'; script-src 'self'; style-src 'self';/);
  assert.doesNotMatch(page.text, /<script>|\sstyle=|\son[a-z]+=|https?:/);
  for (const [, path = ""] of page.text.matchAll(/(?:href|src)="(\/[^"]+)"/g))
    assert.equal((await api.call("GET", path)).status, 200, path);
});
