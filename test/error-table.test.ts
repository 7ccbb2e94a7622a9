import assert from "node:assert/strict";
import { test } from "node:test";
import { errorActions, type ErrorAction } from "../src/contract/messages.ts";
import { actionSentences } from "../src/services/whatsapp/graph/error-actions.ts";
import { errorSentences } from "../src/services/whatsapp/graph/error-sentences.ts";
import { errorFact, type ErrorClass } from "../src/services/whatsapp/graph/errors.ts";
import { shownError } from "../src/services/whatsapp/message-list.ts";

const hourMs = 3_600_000;

/** Meta's pages on errors as of October 2026, line by line: codes, what to do about the request, whose doing, and what a person can do. */
const pages: [codes: number[], kind: ErrorClass, blame: string, action: ErrorAction, waitMs?: number][] = [
  [[0, 190], "token", "us", "replace_token"],
  [[1], "retry_few", "meta", "retry_later", 1_000],
  [[2, 131_016, 133_004], "retry", "meta", "retry_later", 1_000],
  [[3, 10, 200, 250, 299, 131_005], "token", "us", "grant_permission"],
  [[4, 80_007], "retry_slow", "us", "retry_later", 300_000],
  [[33], "fix", "us", "register_number"],
  [[100, 131_008, 131_009, 131_055, 135_000, 139_000, 139_999, 131_200, 131_299, 147_001, 147_005], "fix", "us", "fix_request"],
  [[368, 131_031], "human", "account", "contact_meta"],
  [[130_403], "never", "us", "unblock_user"],
  [[130_429], "retry", "us", "retry_later", 1_000],
  [[130_472], "never", "meta", "other_channel"],
  [[130_497], "never", "account", "other_channel"],
  [[131_000], "retry_few", "meta", "retry_later", 1_000],
  [[131_021], "never", "us", "other_recipient"],
  [[131_026], "never", "user", "other_channel"],
  [[131_030], "fix", "us", "add_test_recipient"],
  [[131_035], "inbound", "account", "change_account_settings"],
  [[131_036], "never", "account", "change_account_settings"],
  [[131_037, 131_063, 131_065], "fix", "account", "change_account_settings"],
  [[131_042], "human", "account", "complete_payment"],
  [[131_045, 133_010], "fix", "us", "register_number"],
  [[131_047], "fix", "us", "use_template"],
  [[131_048], "human", "account", "improve_quality"],
  [[131_049], "wait", "meta", "wait_24h", 24 * hourMs],
  [[131_050], "never", "user", "respect_choice"],
  [[131_051], "fix", "us", "fix_request"],
  [[131_052], "inbound", "user", "ask_to_resend"],
  [[131_053], "fix", "us", "fix_media"],
  [[131_056], "retry_pair", "us", "retry_later", 4_000],
  [[131_057], "retry", "meta", "retry_later", 60_000],
  [[131_060], "inbound", "meta", "ask_to_resend"],
  [[131_062], "fix", "us", "ask_for_phone"],
  [[131_064], "wait", "account", "change_template", hourMs],
  [[131_070], "never", "account", "take_over"],
  [[132_000, 132_001, 132_005, 132_012, 132_018], "fix", "us", "change_template"],
  [[132_007], "human", "us", "change_template"],
  [[132_015], "wait", "account", "change_template", 3 * hourMs],
  [[132_016], "fix", "account", "change_template"],
  [[132_068], "fix", "us", "change_account_settings"],
  [[132_069], "wait", "us", "retry_later", hourMs],
  [[133_000], "fix", "meta", "register_number"],
  [[133_005, 133_006], "fix", "us", "register_number"],
  [[133_008, 133_009], "wait", "us", "retry_later", hourMs],
  [[133_015], "wait", "us", "retry_later", 300_000],
  [[133_016], "wait", "us", "retry_later", 72 * hourMs],
  [[134_011], "human", "account", "complete_payment"],
  [[134_100, 134_102], "human", "account", "change_account_settings"],
  [[134_101], "wait", "account", "retry_later", 600_000],
  [[136_024], "fix", "us", "nothing"],
  [[137_000], "human", "user", "verify_identity"],
  [[138_000, 138_018, 138_038], "fix", "us", "write_instead"],
  [[131_999, 999_999, -1], "human", "meta", "retry_later"],
];

test("The table says of each code what Meta's pages say: class, blame, wait, and what can be done", () => {
  for (const [codes, kind, blame, action, waitMs = null] of pages) {
    for (const code of codes) {
      const fact = errorFact(code);
      const said = [fact.code, fact.class, fact.retryable, fact.blame, fact.action, fact.waitMs];
      assert.deepEqual(said, [code, kind, kind.startsWith("retry"), blame, action, waitMs], String(code));
      assert.equal(fact.actionSentence, actionSentences[action]);
    }
  }
});

test("Every word for what can be done is used, and is said in Hebrew, English and Arabic, each in its own script", () => {
  assert.deepEqual(Object.keys(actionSentences).toSorted(), errorActions.toSorted());
  assert.deepEqual(
    errorActions.filter((action) => !pages.some((page) => page[3] === action)),
    [],
  );
  for (const [action, { he, en, ar }] of Object.entries(actionSentences)) {
    assert.match(he, /^[^\u0600-\u06ff]*[\u0590-\u05ff][^\u0600-\u06ff]*\.$/, action);
    assert.match(en, /^[\x20-\x7e]+\.$/, action);
    assert.match(ar, /^[^\u0590-\u05ff]*[\u0600-\u06ff][^\u0590-\u05ff]*\.$/, action);
  }
});

test("A failed message shows what can be done in the tenant's language, in English where there is none", () => {
  const error = { code: 131_047, title: "Re-engagement message", details: null };
  for (const [locale, language] of [
    ["he-IL", "he"],
    ["ar", "ar"],
    ["ru", "en"],
    [null, "en"],
  ] as const) {
    const shown = shownError(error, locale);
    assert.deepEqual([shown?.action, shown?.actionSentence], ["use_template", actionSentences.use_template[language]]);
    assert.deepEqual(shown?.sentences, { what: errorSentences.windowClosed, action: actionSentences.use_template });
  }
  assert.deepEqual(shownError({ code: null, title: "t", details: null }, "he"), {
    code: null,
    title: "t",
    details: null,
    blame: null,
    sentence: null,
    action: null,
    actionSentence: null,
    sentences: null,
  });
  assert.equal(shownError({ code: null, title: null, details: null }, "he"), null);
});
