import assert from "node:assert/strict";
import { test } from "node:test";
import { readSignupEvent } from "../inbox/src/connect/embedded-signup.ts";

const origin = "https://www.facebook.com";
const data = { phone_number_id: "700800900100200", waba_id: "900100200300400", business_id: "100200300" };
const finish = { type: "WA_EMBEDDED_SIGNUP", event: "FINISH", version: 3, data };

test("An event of Meta's dialogue is read, as text and as an object, for a number, an account only, and a number that stays in the app", () => {
  const number = { wabaId: data.waba_id, phoneNumberId: data.phone_number_id, portfolioId: data.business_id };
  for (const given of [finish, JSON.stringify(finish)]) {
    assert.deepEqual(readSignupEvent({ origin, data: given }), { kind: "finished", ...number, isCoexistence: false });
  }
  assert.deepEqual(
    readSignupEvent({ origin: "https://web.facebook.com", data: { ...finish, event: "FINISH_WHATSAPP_BUSINESS_APP_ONBOARDING" } }),
    {
      kind: "finished",
      ...number,
      isCoexistence: true,
    },
  );
  const accountOnly = { ...finish, event: "FINISH_ONLY_WABA", data: { waba_id: 900_100_200 } };
  assert.deepEqual(readSignupEvent({ origin, data: accountOnly }), {
    kind: "finished",
    wabaId: "900100200",
    phoneNumberId: null,
    portfolioId: null,
    isCoexistence: false,
  });
});

test("A dialogue that was closed tells its step, one that broke its error", () => {
  const cancel = (facts: object) => readSignupEvent({ origin, data: { type: "WA_EMBEDDED_SIGNUP", event: "CANCEL", data: facts } });
  assert.deepEqual(cancel({ current_step: "PHONE_NUMBER_SETUP" }), { kind: "cancelled", step: "PHONE_NUMBER_SETUP" });
  assert.deepEqual(cancel({ error_message: "Expired", error_id: 5, session_id: "s" }), {
    kind: "failed",
    message: "Expired",
    errorId: "5",
    sessionId: "s",
  });
});

test("A message from any origin but exactly Meta's is no event, however alike it looks", () => {
  const strangers = [
    "http://www.facebook.com",
    "https://facebook.com",
    "https://evilfacebook.com",
    "https://www.facebook.com.evil.example",
    "https://www.facebook.com:8443",
    "https://www.facebook.com/",
    "https://WWW.facebook.com.",
    "https://m.www.facebook.com",
    "https://www.fаcebook.com",
    "null",
    "",
  ];
  assert.deepEqual(
    strangers.map((stranger) => readSignupEvent({ origin: stranger, data: finish })).filter((event) => event !== null),
    [],
  );
});

test("What is no event of the dialogue, or lacks its ids, is none", () => {
  const others: unknown[] = [
    "cb=f123&domain=www.example.com",
    "{",
    null,
    [],
    7,
    { ...finish, type: "OTHER" },
    { ...finish, event: "SOMETHING_NEW" },
    { ...finish, data: undefined },
    { ...finish, data: { ...data, waba_id: "9001/../x" } },
    { ...finish, data: { ...data, phone_number_id: undefined } },
    { ...finish, data: { ...data, waba_id: 2 ** 53 + 2 } },
  ];
  assert.deepEqual(
    others.map((one) => readSignupEvent({ origin, data: one })).filter((event) => event !== null),
    [],
  );
});
