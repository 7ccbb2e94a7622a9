/** Sign-in by OpenID Connect, against a real provider on this machine and against one that lies. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { ConfigError, readConfig } from "../src/config.ts";
import { createPeople, type People } from "../src/people/people.ts";
import { startApi, type Answer } from "./support/api.ts";
import { answerOf, client, passProvider, startLiar, startProvider, type Account, type Lies } from "./support/identity-provider.ts";
import { callAs, cookieIn, makePerson, signedIn } from "./support/signed-in.ts";

const publicUrl = "https://kesher.example";
const accounts = new Map<string, Account>();
const issuer = await startProvider({ after }, `${publicUrl}/auth/callback/oidc`, accounts);
const api = await startApi({ after }, { publicUrl, peopleOptions: { oidc: { issuer, ...client } } });
const [one, other] = [await api.tenant(), await api.tenant()];
const auth = api.people.auth.pool;
const own = { "sec-fetch-site": "same-origin" };

/** What the browser keeps between leaving and coming back. */
const begin = async (): Promise<{ url: string; cookie: string; answer: Answer }> => {
  const answer = await api.call("POST", "/auth/oidc", { headers: own });
  assert.equal(answer.status, 200, answer.text);
  const cookie = answer.headers
    .getSetCookie()
    .map((header) => header.split(";")[0])
    .join("; ");
  return { url: answer.json.url, cookie, answer };
};
/** Where the provider sends the browser, asked of this program. */
const comeBack = (location: string, cookie: string): Promise<Answer> => {
  assert.ok(location.startsWith(`${publicUrl}/auth/callback/oidc?`), location);
  return api.call("GET", location.slice(publicUrl.length), { headers: { cookie, "sec-fetch-site": "cross-site" } });
};
const signInAs = async (sub: string): Promise<Answer> => {
  const { url, cookie } = await begin();
  return comeBack(await passProvider(url, sub), cookie);
};
const refusal = (answer: Answer): string | null => {
  assert.deepEqual([answer.status, cookieIn(answer)], [303, null]);
  return new URL(answer.headers.get("location") ?? "", publicUrl).searchParams.get("error");
};
const peopleCount = async (): Promise<number> => (await auth.query("select 1 from auth.people")).rowCount ?? 0;

test("A person with a verified address signs in; the request carries PKCE, state and nonce, and no token of the provider is kept", async () => {
  const person = await makePerson(api, { tenantId: one.id, role: "agent", email: "noa@people.example", isVerified: true });
  accounts.set("sub-noa", { email: "Noa@People.example", isVerified: true, name: "Noa" });
  const { url, answer } = await begin();
  const query = new URL(url).searchParams;
  assert.deepEqual(
    [query.get("response_type"), query.get("code_challenge_method"), query.get("redirect_uri")],
    ["code", "S256", `${publicUrl}/auth/callback/oidc`],
  );
  for (const name of ["state", "nonce", "code_challenge"]) assert.ok((query.get(name) ?? "").length >= 32, name);
  assert.match(answer.headers.get("set-cookie") ?? "", /^__Secure-kesher\.state=.*HttpOnly/);
  const done = await signInAs("sub-noa");
  assert.deepEqual([done.status, done.headers.get("location")], [303, "/"]);
  const cookie = cookieIn(done) ?? "";
  assert.match(cookie, /^__Host-kesher_session=[A-Za-z0-9_-]{43}$/);
  assert.ok(!done.headers.getSetCookie().some((header) => header.includes("session_token")));
  assert.equal((await callAs(api, cookie)("GET", "/api/v1/session")).json.person.id, person.id);
  const { rows } = await auth.query("select * from auth.credentials where person_id = $1", [person.id]);
  assert.deepEqual(
    [rows.length, rows[0].account_id, rows[0].access_token, rows[0].refresh_token, rows[0].id_token],
    [1, "sub-noa", null, null, null],
  );
  assert.ok(cookieIn(await signInAs("sub-noa")) !== null, "and again");
});

test("The invited get an account by it, with the role of the invitation; whoever is neither known nor invited gets none", async () => {
  accounts
    .set("sub-new", { email: "new@people.example", isVerified: true, name: "New" })
    .set("sub-nobody", { email: "nobody@people.example", isVerified: true, name: "N" });
  const owner = await signedIn(api, { tenantId: one.id, role: "owner" });
  await owner.call("POST", "/api/v1/invitations", { email: "new@people.example", role: "admin" });
  const done = await signInAs("sub-new");
  const { json } = await callAs(api, cookieIn(done) ?? "")("GET", "/api/v1/session");
  assert.deepEqual([json.person.email, json.person.name, json.role, json.tenant.id], ["new@people.example", "New", "admin", one.id]);
  const before = await peopleCount();
  assert.equal(refusal(await signInAs("sub-nobody")), "not_invited");
  assert.equal(await peopleCount(), before);
});

test("An address that the provider has not verified opens no account, known or invited", async () => {
  const known = await makePerson(api, { tenantId: one.id, role: "owner", email: "boss@people.example", isVerified: true });
  accounts.set("sub-thief", { email: known.email, isVerified: false, name: "T" });
  assert.equal(refusal(await signInAs("sub-thief")), "email_not_verified");
  assert.equal((await auth.query("select 1 from auth.credentials where person_id = $1", [known.id])).rowCount, 0);
  const owner = await signedIn(api, { tenantId: one.id, role: "owner" });
  await owner.call("POST", "/api/v1/invitations", { email: "unproven@people.example", role: "admin" });
  accounts.set("sub-unproven", { email: "unproven@people.example", isVerified: false, name: "U" });
  assert.equal(refusal(await signInAs("sub-unproven")), "email_not_verified");
});

test("Who proves the address of an account that somebody else made by an invitation takes it over: the password chosen before is void", async () => {
  const password = "chosen by an attacker";
  const victim = await signedIn(api, { tenantId: other.id, role: "agent", email: "victim@people.example", password });
  assert.equal((await victim.call("GET", "/api/v1/session")).status, 200);
  accounts.set("sub-victim", { email: victim.email, isVerified: true, name: "V" });
  assert.ok(cookieIn(await signInAs("sub-victim")) !== null);
  assert.equal((await victim.call("GET", "/api/v1/session")).status, 401);
  const byPassword = await api.call("POST", "/auth/sign-in", { body: { email: victim.email, password }, headers: own });
  assert.equal(byPassword.status, 401);
  // Proven addresses keep their password.
  const sure = await makePerson(api, { tenantId: other.id, email: "sure@people.example", password, isVerified: true });
  accounts.set("sub-sure", { email: sure.email, isVerified: true, name: "S" });
  assert.ok(cookieIn(await signInAs("sub-sure")) !== null);
  assert.equal((await api.call("POST", "/auth/sign-in", { body: { email: sure.email, password }, headers: own })).status, 204);
});

test("An answer of the provider works in the browser that asked, once, and with the state of that very request", async () => {
  accounts.set("sub-states", { email: "noa@people.example", isVerified: true, name: "Noa" });
  const [mine, attackers] = [await begin(), await begin()];
  const location = await passProvider(attackers.url, "sub-noa");
  assert.equal(refusal(await comeBack(location, "")), "state_mismatch");
  assert.equal(refusal(await comeBack(location, mine.cookie)), "state_mismatch");
  const swapped = new URL(location);
  swapped.searchParams.set("state", new URL(mine.url).searchParams.get("state") ?? "");
  assert.notEqual(refusal(await comeBack(swapped.href, mine.cookie)), null, "a code of another request does not fit PKCE and nonce");
  const good = await begin();
  const answer = await passProvider(good.url, "sub-noa");
  assert.ok(cookieIn(await comeBack(answer, good.cookie)) !== null);
  assert.notEqual(refusal(await comeBack(answer, good.cookie)), null, "a second time");
  const denied = await begin();
  const state = new URL(denied.url).searchParams.get("state");
  assert.equal(
    refusal(await comeBack(`${publicUrl}/auth/callback/oidc?error=access_denied&state=${state}`, denied.cookie)),
    "access_denied",
  );
  for (const query of ["", "?code=x", "?state=x", "?code=x&state=x", "?code=x&state=x&state=y"]) {
    const refused = await api.call("GET", `/auth/callback/oidc${query}`);
    assert.deepEqual([refused.status, cookieIn(refused)], [303, null], query);
  }
});

test("An answer that names another issuer is refused: providers cannot be mixed up", async () => {
  const { url, cookie } = await begin();
  const location = new URL(await passProvider(url, "sub-noa"));
  assert.equal(location.searchParams.get("iss"), issuer);
  location.searchParams.set("iss", "https://evil.example");
  assert.equal(refusal(await comeBack(location.href, cookie)), "issuer_mismatch");
});

/** A program whose provider lies; what becomes of a sign-in with it. */
async function signInWithLiar(
  lies: Lies,
  oidcIssuer?: string,
): Promise<{ people: People; token: string | null; error: string | null; verifier: string | null }> {
  const liar = await startLiar({ after }, lies);
  const people = createPeople({
    auth: api.people.auth,
    encryptionKeys: [{ id: "test", key: Buffer.alloc(32, 7) }],
    publicUrl,
    oidc: { issuer: oidcIssuer ?? liar.issuer, ...client },
    isSandbox: false,
    nowMs: () => Date.now(),
    onTrouble: () => undefined,
  });
  const begun = await people.beginOidc();
  if (begun === null) return { people, token: null, error: "not begun", verifier: null };
  const cookie = begun.cookies.map((header) => header.split(";")[0]).join("; ");
  const query = Object.fromEntries(new URL(answerOf(begun.url)).searchParams);
  const { token, error } = await people.finishOidc(query, cookie, { ip: "127.0.0.1", userAgent: null, requestId: null, replaced: null });
  return { people, token, error, verifier: liar.seen.verifier };
}

test("An ID token with another nonce, issuer, audience or key, without a signature or past its time opens nothing", async () => {
  await makePerson(api, { tenantId: one.id, email: "liar@people.example", isVerified: true });
  const told = { email: "liar@people.example", email_verified: true };
  const honest = await signInWithLiar({ claims: told });
  assert.ok(honest.token !== null && honest.error === null, `the same without a lie: ${honest.error}`);
  assert.ok((honest.verifier ?? "").length >= 43);
  const past = Math.floor(Date.now() / 1_000) - 3_600;
  const lies: Lies[] = [
    { claims: { ...told, nonce: "another nonce" } },
    { claims: { ...told, nonce: undefined } },
    { claims: { ...told, iss: "https://evil.example" } },
    { claims: { ...told, aud: "another client" } },
    { claims: { ...told, exp: past, iat: past - 60 } },
    { claims: told, signsWithOwnKey: true },
    { claims: told, algorithm: "none" },
    { claims: { ...told, email_verified: false } },
    { claims: { ...told, email_verified: undefined } },
    { claims: { ...told, sub: undefined } },
  ];
  const before = (await auth.query("select 1 from auth.sessions")).rowCount;
  for (const lie of lies) {
    const { token, error } = await signInWithLiar(lie);
    assert.ok(token === null && error !== null, JSON.stringify(lie));
  }
  assert.equal((await auth.query("select 1 from auth.sessions")).rowCount, before, "not even for a moment");
});

test("A provider whose discovery document names another issuer than the setting is not used at all", async () => {
  assert.equal((await signInWithLiar({ issuer: "https://evil.example" })).error, "not begun");
  assert.equal((await signInWithLiar({}, "http://127.0.0.1:9")).error, "not begun");
});

test("The settings of the provider are all there or none, the provider is reached by https, and the program's own address is known", () => {
  const live = {
    META_APP_ID: "1",
    META_APP_SECRET: "s",
    META_VERIFY_TOKEN: "v",
    ENCRYPTION_KEYS: `k:${Buffer.alloc(32).toString("base64")}`,
  };
  const all = { PUBLIC_URL: publicUrl, OIDC_ISSUER: "https://id.example/realm/", OIDC_CLIENT_ID: "k", OIDC_CLIENT_SECRET: "hidden-word" };
  assert.deepEqual(readConfig({ ...live, ...all }).oidc, {
    issuer: "https://id.example/realm/",
    clientId: "k",
    clientSecret: "hidden-word",
  });
  assert.equal(readConfig(live).oidc, null);
  for (const name of Object.keys(all)) {
    const complaint = thrownBy({ ...live, ...all, [name]: "" });
    assert.match(complaint, new RegExp(`Missing: ${name}\\.`));
    assert.doesNotMatch(complaint, /hidden-word/);
  }
  assert.match(thrownBy({ ...live, ...all, OIDC_ISSUER: "http://id.example" }), /OIDC_ISSUER must be https/);
  assert.match(thrownBy({ OIDC_CLIENT_ID: "k" }), /Missing: OIDC_ISSUER, OIDC_CLIENT_SECRET, PUBLIC_URL/);
});

function thrownBy(env: Record<string, string>): string {
  try {
    readConfig(env);
  } catch (error) {
    return error instanceof ConfigError ? error.message : assert.fail(String(error));
  }
  return assert.fail("nothing was wrong");
}
