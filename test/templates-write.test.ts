import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { CreateTemplate } from "../src/contract/template-drafts.ts";
import { checkNewTemplate, checkTemplateText } from "../src/core/template-draft.ts";
import { tenantScope } from "../src/core/scope.ts";
import { limits } from "../src/limits.ts";
import { encodeDraft } from "../src/services/whatsapp/graph/encode-template.ts";
import { syncTemplates } from "../src/services/whatsapp/templates/sync.ts";
import { startConnectionRig } from "./support/connections.ts";

const rig = await startConnectionRig({ after });
const draft: CreateTemplate = { name: "order_ready", language: "he", category: "UTILITY", body: "ההזמנה מוכרת לאיסוף." };
const told = (more: Partial<CreateTemplate>): string[] =>
  checkNewTemplate({ ...draft, ...more }).map(({ field, rule }) => `${field} ${rule}`);

async function world() {
  const { id, key } = await rig.tenant();
  await rig.connected(id);
  const api = rig.as(key);
  const accounts = await api("GET", "accounts");
  const accountId: string = accounts.json.data[0].id;
  /** Meta has decided, a second later. */
  const decided = async (waTemplateId: string, status: "APPROVED" | "REJECTED"): Promise<void> => {
    rig.sandbox.changeTemplate(waTemplateId, { status });
    rig.clock.nowMs += 1_000;
    const outcome = await syncTemplates(rig.tools, tenantScope(id), accountId);
    assert.equal(outcome.kind, "synced");
    rig.clock.nowMs += 1_000;
  };
  return { id, api, decided };
}

test("Every field that breaks one of Meta's rules is named, with the rule, and what keeps them all is taken", () => {
  assert.deepEqual(told({}), []);
  assert.deepEqual(told({ name: "Order ready", language: "hebrew!" }), ["name name", "language language"]);
  assert.deepEqual(told({ name: "", body: "  " }), ["name empty", "body empty"]);
  const bodies: Readonly<Record<string, string>> = {
    "{{1}} שלום": "at_an_end",
    "שלום {{1}}": "at_an_end",
    "א {{1}} {{2}} ב": "side_by_side",
    "א {{1} ב": "braces",
    "א }} ב": "braces",
    "א {{2}} ב": "order",
    "א {{name}} ב": "variable_name",
    "א {{}} ב": "variable_name",
  };
  for (const [body, rule] of Object.entries(bodies)) assert.deepEqual(told({ body }), [`body ${rule}`], body);
  assert.deepEqual(told({ body: "א {{1}} ב {{2}}.", examples: [{ name: "1", text: "x" }] }), ["examples.2 example"]);
  assert.deepEqual(told({ body: "א {{first}} ב", parameterFormat: "named", examples: [{ name: "first", text: "x" }] }), []);
  assert.deepEqual(told({ body: "א {{First}} ב", parameterFormat: "named" }), ["body variable_name"]);
  assert.deepEqual(told({ header: { text: "שורה\nשורה" }, footer: "{{1}}" }), ["header.text line_break", "footer no_variables"]);
  assert.deepEqual(told({ header: { text: "{{1}} ו {{2}}" } }), ["header.text too_many_variables"]);
  assert.deepEqual(told({ header: { text: "שלום {{1}}" } }), ["header.example example"]);
  const reply = { kind: "quick_reply", text: "כן" } as const;
  const link = { kind: "url", text: "אתר", url: "https://example.com/{{1}}", example: "7" } as const;
  assert.deepEqual(told({ buttons: [reply, link, { kind: "phone_number", text: "חייגו", phone: "+972 50-123-4567" }] }), []);
  assert.deepEqual(told({ buttons: [reply, link, { ...reply, text: "לא" }] }), ["buttons grouped"]);
  assert.deepEqual(told({ buttons: [reply, reply] }), ["buttons.1.text same_button"]);
  assert.deepEqual(told({ buttons: [{ ...link, example: "" }] }), ["buttons.0.example example"]);
  assert.deepEqual(told({ buttons: [{ ...link, url: "https://{{1}}/x" }] }), ["buttons.0.url url_variable"]);
  assert.deepEqual(told({ buttons: [{ ...link, url: "javascript:alert(1)" }] }), ["buttons.0.url url"]);
  assert.deepEqual(told({ buttons: [{ kind: "phone_number", text: "x", phone: "call me" }] }), ["buttons.0.phone phone"]);
});

test("Each of Meta's bounds on a template is kept at its edge", () => {
  const at = (max: number) => ["x".repeat(max), "x".repeat(max + 1)] as const;
  const button = { kind: "quick_reply", text: "x" } as const;
  const edges: [string, number, (text: string) => Partial<CreateTemplate>][] = [
    ["name", limits.metaTemplateNameCharsMax, (name) => ({ name })],
    ["body", limits.metaTemplateBodyCharsMax, (body) => ({ body })],
    ["header.text", limits.metaTemplateHeaderCharsMax, (text) => ({ header: { text } })],
    ["footer", limits.metaTemplateFooterCharsMax, (footer) => ({ footer })],
    ["buttons.0.text", limits.metaTemplateButtonCharsMax, (text) => ({ buttons: [{ ...button, text }] })],
    ["buttons.0.example", limits.metaTemplateCouponCharsMax, (example) => ({ buttons: [{ kind: "copy_code", example }] })],
  ];
  for (const [field, max, put] of edges) {
    const [last, first] = at(max);
    assert.deepEqual(told(put(last)), [], field);
    assert.deepEqual(told(put(first)), [`${field} too_long`]);
  }
  const phone = (digits: number) => told({ buttons: [{ kind: "phone_number", text: "x", phone: "1".repeat(digits) }] });
  assert.deepEqual(
    [phone(limits.metaTemplatePhoneDigitsMax), phone(limits.metaTemplatePhoneDigitsMax + 1)],
    [[], ["buttons.0.phone phone"]],
  );
  const links = (count: number) =>
    told({
      buttons: Array.from({ length: count }, (_, index) => ({ kind: "url", text: `x${index}`, url: "https://example.com" }) as const),
    });
  assert.deepEqual(links(limits.metaTemplateUrlsMax), []);
  assert.deepEqual(links(limits.metaTemplateUrlsMax + 1), [`buttons.${limits.metaTemplateUrlsMax} too_many_buttons`]);
});

test("A draft is said to Meta with its examples, by number or by name", () => {
  const buttons = [
    { kind: "url", text: "x", url: "https://example.com/{{1}}", example: "$&7" },
    { kind: "copy_code", example: "SAVE" },
  ] as const;
  const positional = { ...draft, header: { text: "ל{{1}} שלום", example: "דנה" }, body: "א {{1}} ב", examples: [{ name: "1", text: "x" }] };
  assert.deepEqual(encodeDraft({ ...positional, footer: "ת", buttons: [...buttons] }).components, [
    { type: "HEADER", format: "TEXT", text: "ל{{1}} שלום", example: { header_text: ["דנה"] } },
    { type: "BODY", text: "א {{1}} ב", example: { body_text: [["x"]] } },
    { type: "FOOTER", text: "ת" },
    {
      type: "BUTTONS",
      buttons: [
        { type: "URL", text: "x", url: "https://example.com/{{1}}", example: ["https://example.com/$&7"] },
        { type: "COPY_CODE", example: "SAVE" },
      ],
    },
  ]);
  const named = encodeDraft({ ...draft, parameterFormat: "named", body: "א {{n}} ב", examples: [{ name: "n", text: "x" }] });
  assert.deepEqual(named.components[0]?.["example"], { body_text_named_params: [{ param_name: "n", example: "x" }] });
  assert.deepEqual(checkTemplateText(positional), []);
});

test("A template goes to review, comes back changed, is written anew and deleted, and each deed is in the audit log", async () => {
  const { api, id: tenantId, decided } = await world();
  const made = await api("POST", "templates", { ...draft, buttons: [{ kind: "quick_reply", text: "תודה" }] });
  assert.deepEqual([made.status, made.json.status, made.json.body], [201, "pending", draft.body]);
  const edit = { category: "UTILITY", body: "ההזמנה כאן." };
  assert.equal((await api("PUT", `templates/${made.json.id}`, edit)).status, 409, "it is in review");
  await decided(made.json.waTemplateId, "REJECTED");
  const again = await api("PUT", `templates/${made.json.id}`, edit);
  assert.deepEqual([again.status, again.json.body, again.json.status, again.json.buttons], [200, "ההזמנה כאן.", "pending", []]);
  assert.equal((await api("DELETE", `templates/${made.json.id}`)).status, 204);
  assert.equal(
    rig.sandbox.templates().some(({ name }) => name === draft.name),
    false,
  );
  assert.equal((await api("GET", `templates/${made.json.id}`)).json.status, "deleted");
  const { rows } = await rig.api.platform.pool.query(
    "select action, subject_id as id from audit_events where tenant_id = $1 and action ~ '^template' order by id",
    [tenantId],
  );
  assert.deepEqual(
    rows.map(({ action, id }) => `${action} ${id === made.json.id}`),
    ["template.created true", "template.edited true", "template.deleted true"],
  );
});

test("What Meta refuses is told at its field; what is not known to be done is looked for; an approved one keeps its category", async () => {
  const { api, decided } = await world();
  const made = await api("POST", "templates", { ...draft, name: "taken" });
  const taken = await api("POST", "templates", { ...draft, name: "taken" });
  assert.deepEqual([taken.status, taken.json.code, taken.json.errors[0].field], [422, "meta_refused", "language"]);
  const wrong = await api("POST", "templates", { ...draft, body: "{{1}}", name: "X" });
  assert.deepEqual([wrong.status, wrong.json.errors.map(({ rule }: { rule: string }) => rule)], [400, ["name", "at_an_end"]]);
  await decided(made.json.waTemplateId, "APPROVED");
  const moved = await api("PUT", `templates/${made.json.id}`, { category: "MARKETING", body: "מבצע!" });
  assert.deepEqual([moved.status, moved.json.errors[0].rule], [400, "locked"]);
  rig.network.isUp = false;
  const lost = await api("POST", "templates", { ...draft, name: "lost" });
  rig.network.isUp = true;
  assert.equal(lost.status, 503);
});

test("A draft that is longer than any rule is refused as it stands, at the bound of its field", async () => {
  const { api } = await world();
  const ask = async (more: object): Promise<string> => (await api("POST", "templates", { ...draft, name: "X", ...more })).json.detail;
  const link = (length: number) => ({ buttons: [{ kind: "url", text: "x", url: "x".repeat(length) }] });
  const edges: [number, (length: number) => object][] = [
    [limits.templateDraftCharsMax, (length) => ({ body: "x".repeat(length) })],
    [limits.templateUrlCharsMax, link],
    [limits.templateExampleCharsMax, (length) => ({ examples: [{ name: "1", text: "x".repeat(length) }] })],
  ];
  for (const [max, put] of edges) {
    assert.match(await ask(put(max)), /^name: /, "judged by the rules");
    assert.match(await ask(put(max + 1)), /\(body\)/, "judged by the schema");
  }
});
