import assert from "node:assert/strict";
import { test } from "node:test";
import { connectionChecks, connectionCodes, type ConnectionCode } from "../src/contract/connections.ts";
import {
  judgeConnection,
  tokenExpiresSoonMs,
  worstOf,
  type ConnectionFacts,
  type NumberFacts,
  type TokenFacts,
} from "../src/core/connection-health.ts";
import { connectionProblem } from "../src/core/connection-problems.ts";
import { hoursOfWeek, judgeSilence, noRhythm, noteRhythm, readRhythm, type Rhythm } from "../src/core/connection-rhythm.ts";

const hourMs = 3_600_000;
const nowMs = Date.UTC(2026, 10, 22, 12);
const token: TokenFacts = {
  isValid: true,
  appId: "app",
  type: "SYSTEM_USER",
  scopes: ["whatsapp_business_management", "whatsapp_business_messaging"],
  expiresAtMs: null,
  wabaIds: ["waba"],
};
const number: NumberFacts = {
  displayPhoneNumber: "+972 55",
  verifiedName: "Shop",
  quality: "GREEN",
  status: "CONNECTED",
  nameStatus: "APPROVED",
  throughput: "STANDARD",
  messagingLimit: "TIER_2K",
  isOnBizApp: false,
  webhook: { application: "https://kesher.example/webhook/whatsapp", account: null, number: null },
  health: { canSend: "AVAILABLE", entities: [{ kind: "WABA", id: "waba", canSend: "AVAILABLE", reasons: [] }] },
};
type Asked = NonNullable<ConnectionFacts["asked"]>;
const asked: Asked = {
  token: { kind: "answered", facts: token },
  number: { kind: "answered", facts: number },
  apps: { kind: "answered", facts: ["app"] },
};
const well: ConnectionFacts = {
  nowMs,
  wabaId: "waba",
  appId: "app",
  webhookUrl: "https://kesher.example/webhook/whatsapp",
  asked,
  silence: "usual",
  lastSeenAtMs: nowMs,
  recent: { conversations: 3, onStandby: 0 },
  steps: [{ step: "token", state: "done", code: null }],
};

const withToken = (change: Partial<TokenFacts>): ConnectionFacts => ({
  ...well,
  asked: { ...asked, token: { kind: "answered", facts: { ...token, ...change } } },
});
const withNumber = (change: Partial<NumberFacts>): ConnectionFacts => ({
  ...well,
  asked: { ...asked, number: { kind: "answered", facts: { ...number, ...change } } },
});
const withAsked = (change: Partial<Asked>): ConnectionFacts => ({ ...well, asked: { ...asked, ...change } });
const codesOf = (facts: ConnectionFacts): string[] =>
  judgeConnection(facts).flatMap(({ check, code }) => (code === null || code === "not_reached" ? [] : [`${check} ${code}`]));

test("A connection with which all is well has every check, and each of them is fine", () => {
  const verdicts = judgeConnection(well);
  assert.deepEqual(new Set(verdicts.map(({ check }) => check)), new Set(connectionChecks));
  assert.deepEqual([...new Set(verdicts.map(({ state }) => state))], ["ok"]);
  assert.deepEqual(worstOf(verdicts), { state: "ok", code: null });
});

test("Whatever Meta or our books say against a connection is found by its own check, and by no other", () => {
  const cases: [ConnectionFacts, string[]][] = [
    [{ ...well, asked: null }, ["token token_missing"]],
    [withToken({ isValid: false }), ["token token_invalid"]],
    [withToken({ appId: "other" }), ["token token_foreign_app"]],
    [{ ...withToken({ appId: "other" }), appId: null }, []],
    [withToken({ scopes: ["whatsapp_business_messaging"] }), ["token token_scopes"]],
    [withToken({ wabaIds: ["another"] }), ["token token_other_account"]],
    [withToken({ wabaIds: null }), []],
    [withToken({ type: "USER" }), ["token token_personal"]],
    [withToken({ expiresAtMs: nowMs + tokenExpiresSoonMs + 1 }), ["token_expiry token_expires"]],
    [withToken({ expiresAtMs: nowMs + tokenExpiresSoonMs }), ["token_expiry token_expires_soon"]],
    [withAsked({ number: { kind: "refused", code: 190, detail: "expired" } }), ["token token_invalid"]],
    [withAsked({ number: { kind: "refused", code: 100, detail: null } }), ["registration number_gone"]],
    [withNumber({ status: "PENDING" }), ["registration number_not_registered"]],
    [withNumber({ status: "A_NEW_WORD" }), ["registration number_not_registered"]],
    [withNumber({ status: null }), []],
    [withNumber({ status: "FLAGGED" }), ["registration number_flagged"]],
    [withNumber({ status: "RATE_LIMITED" }), ["registration number_restricted"]],
    [withNumber({ status: "BANNED" }), ["registration number_banned"]],
    [withNumber({ status: "MIGRATED" }), ["registration number_gone"]],
    [withNumber({ quality: "RED" }), ["quality quality_low"]],
    [withNumber({ quality: "YELLOW" }), ["quality quality_medium"]],
    [withNumber({ quality: "NA" }), []],
    [withNumber({ nameStatus: "DECLINED" }), ["name name_declined"]],
    [withNumber({ nameStatus: "PENDING_REVIEW" }), ["name name_pending"]],
    [withNumber({ nameStatus: "EXPIRED" }), ["name name_expired"]],
    [withNumber({ nameStatus: null, throughput: null, messagingLimit: null, webhook: null, health: null, quality: null }), []],
    [withNumber({ health: { canSend: "BLOCKED", entities: [] } }), ["sending sending_blocked"]],
    [
      withNumber({ health: { canSend: "AVAILABLE", entities: [{ kind: "BUSINESS", id: null, canSend: "LIMITED", reasons: ["verify"] }] } }),
      ["sending sending_limited"],
    ],
    [withAsked({ apps: { kind: "answered", facts: ["other"] } }), ["subscription app_not_subscribed"]],
    [{ ...withAsked({ apps: { kind: "answered", facts: ["other"] } }), appId: null }, []],
    [withAsked({ apps: { kind: "refused", code: 10, detail: null } }), []],
    [{ ...well, recent: { conversations: 3, onStandby: 1 } }, ["ownership on_standby"]],
    [{ ...well, silence: "unusual" }, ["silence silent"]],
    [{ ...well, silence: "unknown", lastSeenAtMs: null }, []],
    [{ ...well, steps: [{ step: "register", state: "pending", code: null }] }, ["setup setup_waits"]],
    [
      {
        ...well,
        steps: [
          { step: "contacts", state: "failed", code: "contacts_refused" },
          { step: "register", state: "failed", code: "register_wrong_pin" },
        ],
      },
      ["setup register_wrong_pin"],
    ],
    [{ ...well, steps: [{ step: "history", state: "failed", code: "history_refused" }] }, ["setup history_refused"]],
  ];
  for (const [facts, expected] of cases) assert.deepEqual(codesOf(facts), expected);
});

test("Where webhooks go is the number's address, else the account's, else the app's, and the app's alone for news of the account", () => {
  const ours = well.webhookUrl;
  const [elsewhere, account] = ["https://old.example/hook", "https://kesher.example:443/webhook/whatsapp/"];
  const cases: [NumberFacts["webhook"], string | null][] = [
    [{ application: ours, account: null, number: elsewhere }, "webhook_elsewhere"],
    [{ application: ours, account: elsewhere, number: null }, "webhook_elsewhere"],
    [{ application: ours, account: elsewhere, number: ours }, null],
    [{ application: elsewhere, account, number: null }, "webhook_account_elsewhere"],
    [{ application: "https://kesher.example/webhook/whatsapp/another-app", account: null, number: null }, "webhook_elsewhere"],
    [{ application: "https://kesher.example.evil.example/webhook/whatsapp", account: null, number: null }, "webhook_elsewhere"],
    [{ application: null, account: null, number: null }, "webhook_elsewhere"],
    [{ application: "not an address", account: null, number: ours }, "webhook_account_elsewhere"],
  ];
  for (const [webhook, code] of cases) {
    assert.deepEqual(codesOf(withNumber({ webhook })), code === null ? [] : [`webhook ${code}`], JSON.stringify(webhook));
  }
  assert.deepEqual(codesOf({ ...well, webhookUrl: null }), ["webhook webhook_unknown"]);
});

test("A Graph that is out of reach condemns nothing: what it would have told is not known, and that it is away is told once", () => {
  const away = { kind: "unreached", reason: "ECONNREFUSED" } as const;
  const verdicts = judgeConnection({ ...well, asked: { token: away, number: away, apps: away } });
  const bad = verdicts.filter(({ state }) => state === "problem" || state === "warning");
  assert.deepEqual(
    bad.map(({ check, code }) => [check, code]),
    [["graph", "graph_unreachable"]],
  );
  assert.deepEqual(worstOf(verdicts), { state: "warning", code: "graph_unreachable" });
});

test("The gravest check stands for the connection: problems before warnings, and of equals the one that is named first", () => {
  const verdicts = judgeConnection({ ...withNumber({ quality: "YELLOW", nameStatus: "DECLINED", status: "BANNED" }), silence: "unusual" });
  assert.deepEqual(worstOf(verdicts), { state: "problem", code: "number_banned" });
  assert.deepEqual(worstOf([]), { state: "unknown", code: null });
  assert.deepEqual(worstOf(judgeConnection(withNumber({ status: null }))), { state: "ok", code: null });
});

test("Every code says what it means and what to do, in Hebrew, English and Arabic, in letters of that language", () => {
  const letters = { he: /[א-ת]/, en: /[A-Za-z]/, ar: /[\u0621-\u064a]/ } as const;
  const faults: string[] = [];
  const check = (code: ConnectionCode, what: "sentence" | "action"): void => {
    for (const language of ["he", "en", "ar"] as const) {
      const text = connectionProblem(code)[what][language];
      const others = language === "he" ? letters.ar : letters.he;
      if (!letters[language].test(text) || others.test(text) || text !== text.trim()) faults.push(`${code} ${what} ${language}`);
    }
  };
  for (const code of connectionCodes) {
    check(code, "sentence");
    check(code, "action");
  }
  assert.deepEqual(faults, []);
});

/** Three weeks of a shop that hears something from Sunday to Thursday, 6 to 16 UTC. */
function shopRhythm(untilMs: number, isOpenAt: (atMs: number) => boolean): Rhythm {
  let rhythm = noRhythm;
  for (let atMs = untilMs - 3 * hoursOfWeek * hourMs; atMs <= untilMs; atMs += hourMs) {
    rhythm = noteRhythm(rhythm, { lastSeenAtMs: isOpenAt(atMs - hourMs) ? atMs - 1 : atMs - 5 * hourMs, nowMs: atMs });
  }
  return rhythm;
}

const isShopOpen = (atMs: number): boolean => {
  const [day, hour] = [new Date(atMs).getUTCDay(), new Date(atMs).getUTCHours()];
  return day <= 4 && hour >= 6 && hour < 16;
};

test("A night, a weekend and a number that nobody writes to are no silence; a working morning without a word is one", () => {
  const sunday = Date.UTC(2026, 10, 22);
  const rhythm = shopRhythm(sunday, isShopOpen);
  const silentFrom = (lastSeenAtMs: number, hours: number) => judgeSilence(rhythm, { lastSeenAtMs, nowMs: lastSeenAtMs + hours * hourMs });
  const thursdayEvening = sunday - 56 * hourMs;
  assert.equal(silentFrom(thursdayEvening, 60), "usual", "the weekend");
  assert.equal(silentFrom(sunday + 16 * hourMs, 13), "usual", "the night");
  assert.equal(silentFrom(sunday + 7 * hourMs, 1.9), "usual", "an hour or two");
  assert.equal(silentFrom(sunday + 7 * hourMs, 8), "unusual", "a working day");
  assert.equal(silentFrom(sunday - 30 * 24 * hourMs, 24 * 30), "unusual", "for ever");
  const quiet = shopRhythm(sunday, () => false);
  assert.equal(judgeSilence(quiet, { lastSeenAtMs: sunday - 500 * hourMs, nowMs: sunday }), "usual");
  assert.equal(judgeSilence(noRhythm, { lastSeenAtMs: sunday, nowMs: sunday + 48 * hourMs }), "unknown");
  assert.equal(judgeSilence(rhythm, { lastSeenAtMs: null, nowMs: sunday }), "unknown");
});

test("A rhythm notes each hour once, forgets slowly, and survives being stored; what is none is taken as none", () => {
  const once = noteRhythm(noRhythm, { lastSeenAtMs: nowMs, nowMs });
  assert.equal(noteRhythm(once, { lastSeenAtMs: null, nowMs: nowMs + 1 }), once);
  assert.deepEqual(readRhythm(JSON.parse(JSON.stringify(once))), once);
  for (const bad of [null, 7, {}, { looked: [1], heard: [1] }, { looked: once.looked, heard: once.heard.map(() => -1) }]) {
    assert.equal(readRhythm(bad), noRhythm);
  }
  // A shop that closes for good: after some weeks its silence is its rhythm.
  let rhythm = shopRhythm(nowMs, isShopOpen);
  for (let atMs = nowMs; atMs < nowMs + 40 * hoursOfWeek * hourMs; atMs += hourMs)
    rhythm = noteRhythm(rhythm, { lastSeenAtMs: nowMs, nowMs: atMs });
  const laterMs = nowMs + 40 * hoursOfWeek * hourMs;
  assert.equal(judgeSilence(rhythm, { lastSeenAtMs: laterMs - 6 * hourMs, nowMs: laterMs }), "usual");
});
