import assert from "node:assert/strict";
import { test } from "node:test";
import { autoReplyDecision, type AutoReplyFacts } from "../src/core/auto-reply.ts";
import { backoffMs } from "../src/core/backoff.ts";
import { autoReplyText } from "../src/services/whatsapp/auto-reply-texts.ts";

const dayMs = 24 * 60 * 60 * 1000;
const nowMs = Date.UTC(2026, 10, 22);

type Changes = { [Part in "update" | "tenant" | "conversation"]?: Partial<AutoReplyFacts[Part]> };

function decide(changes: Changes = {}): string {
  const decision = autoReplyDecision({
    update: {
      kind: "message",
      type: "audio",
      role: "message",
      groupId: null,
      isStandby: false,
      errorCode: null,
      isFromOwnNumber: false,
      ...changes.update,
    },
    tenant: { autoReplyEnabled: true, supportedTypes: ["text", "image"], autoReplyIntervalMs: dayMs, locale: "he", ...changes.tenant },
    conversation: { autoRepliedAtMs: null, isWindowOpen: true, canSend: true, ...changes.conversation },
    nowMs,
  });
  return decision.reply ? `reply ${decision.locale}` : decision.reason;
}

test("Every type outside the supported set is answered, in the tenant's language", () => {
  for (const type of ["audio", "video", "document", "sticker", "location", "contacts", "order", "unsupported", "unknown", "unrecognised"]) {
    assert.equal(decide({ update: { type } }), "reply he", type);
  }
  assert.equal(decide({ tenant: { locale: "ar" } }), "reply ar");
  assert.equal(decide({ update: { type: "image" }, tenant: { supportedTypes: ["text"] } }), "reply he");
});

test("Supported types, and types that need no support, are not answered", () => {
  for (const type of ["text", "image", "interactive", "button"]) assert.equal(decide({ update: { type } }), "supported", type);
  assert.equal(decide({ update: { type: "video" }, tenant: { supportedTypes: ["video"] } }), "supported");
});

test("What is no message of the customer is not answered", () => {
  for (const role of ["system", "reaction", "edit", "revoke", "call"]) assert.equal(decide({ update: { role } }), "not_a_message", role);
  for (const kind of ["echo", "call"]) assert.equal(decide({ update: { kind } }), "not_a_message", kind);
});

test("An unsupported message is answered, unless Meta only holds it back (131060)", () => {
  assert.equal(decide({ update: { type: "unsupported", errorCode: 131_051 } }), "reply he");
  assert.equal(decide({ update: { type: "unsupported", errorCode: 131_060 } }), "message_unavailable");
});

test("Never in groups, on standby, to our own number, without a token, outside the window, or when switched off", () => {
  assert.equal(decide({ update: { groupId: "g" } }), "group");
  assert.equal(decide({ update: { isStandby: true } }), "standby");
  assert.equal(decide({ update: { isFromOwnNumber: true } }), "own_number");
  assert.equal(decide({ conversation: { canSend: false } }), "no_token");
  assert.equal(decide({ conversation: { isWindowOpen: false } }), "window_closed");
  assert.equal(decide({ tenant: { autoReplyEnabled: false } }), "switched_off");
});

test("At most one in an interval, and again at its end", () => {
  assert.equal(decide({ conversation: { autoRepliedAtMs: nowMs - dayMs + 1 } }), "replied_lately");
  assert.equal(decide({ conversation: { autoRepliedAtMs: nowMs - dayMs } }), "reply he");
});

test("The Hebrew text is the agreed one, also for every language that has none", () => {
  const agreed = [
    "שלום! קיבלנו את ההודעה שלך, אך אנו תומכים כרגע רק בהודעות טקסט ותמונות.",
    "אנא שלח/י הודעת טקסט או תמונה ונשמח לעזור.",
  ].join("\n");
  for (const locale of ["he", "he-IL", "HE_il", "fr", "fr-CA", ""]) assert.equal(autoReplyText(locale), agreed, locale);
});

test("Waits grow by the factor up to the most, and are spread over their upper half", () => {
  const backoff = { firstMs: 100, factor: 4, maxMs: 1_000 };
  assert.deepEqual(
    [1, 2, 3, 9].map((attempt) => backoffMs(backoff, attempt, 0)),
    [50, 200, 500, 500],
  );
  assert.equal(backoffMs(backoff, 1, 0.5), 75);
  assert.equal(backoffMs(backoff, 0, 1), 100);
});
