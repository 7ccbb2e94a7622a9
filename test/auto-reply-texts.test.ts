import assert from "node:assert/strict";
import { after, test } from "node:test";
import { limits } from "../src/limits.ts";
import { changeTenant, getTenant } from "../src/services/tenants/tenants.ts";
import { autoReplyText } from "../src/services/whatsapp/auto-reply-texts.ts";
import { startApi } from "./support/api.ts";
import { bodyOf, message } from "./support/bodies.ts";
import { byTest, randomDigits, startRig } from "./support/worker.ts";

const api = await startApi({ after });

const scripts: [string, RegExp][] = [
  ["he", /[\u0590-\u05ff]/],
  ["en", /^[\x20-\x7e\n]+$/],
  ["ar", /[\u0600-\u06ff]/],
  ["ru", /[\u0400-\u04ff]/],
  ["es", /[áéíóúñ¡]/],
];

test("Hebrew, English, Arabic, Russian and Spanish each have a text of two lines in their own script", () => {
  const texts = scripts.map(([language, script]) => {
    const text = autoReplyText(language);
    assert.match(text, script, language);
    assert.equal(text.split("\n").length, 2, language);
    assert.ok(text.length <= limits.autoReplyTextCharsMax, language);
    assert.equal(autoReplyText(`${language.toUpperCase()}-XX`), text, language);
    return text;
  });
  assert.equal(new Set(texts).size, texts.length);
});

test("A tenant's key changes what the automatic reply says, up to its length, and takes it back with null", async () => {
  const { id, key } = await api.tenant();
  const path = `/api/v1/tenants/${id}`;
  const change = (autoReplyText: unknown) => api.call("PATCH", path, { key, body: { autoReplyText } });
  assert.equal((await api.call("GET", path, { key })).json.autoReplyText, null);
  const longest = "א".repeat(limits.autoReplyTextCharsMax);
  assert.equal((await change(longest)).json.autoReplyText, longest);
  for (const wrong of [`${longest}א`, "", " \n ", "a\0b", 7]) {
    const refused = await change(wrong);
    assert.deepEqual([refused.status, refused.json.code], [400, "invalid_request"], JSON.stringify(wrong));
    assert.match(refused.json.detail, /autoReplyText/);
  }
  assert.equal((await api.call("PATCH", path, { key, body: { name: "Other" } })).json.autoReplyText, longest);
  assert.equal((await change(null)).json.autoReplyText, null);
  assert.equal((await api.call("GET", path, { key })).json.autoReplyText, null);
});

test("The customer gets the tenant's own words, else ours in the tenant's language", async (t) => {
  const rig = await startRig(t);
  const tenantId = await rig.tenant({ locale: "ru-RU" });
  const number = await rig.connect(tenantId);
  const replyOf = async (): Promise<unknown> => {
    const phone = randomDigits();
    const audio = { type: "audio", audio: { id: "1", mime_type: "audio/ogg" } };
    await rig.receive(bodyOf(message(number, { phone }, `wamid.${phone}`, rig.clock.nowMs, audio)));
    await rig.drain();
    const rows = await rig.sql<{ body: string }>(
      `select m.content ->> 'body' as body from whatsapp_messages m
       join whatsapp_conversations c on c.tenant_id = m.tenant_id and c.id = m.conversation_id
       where m.origin = 'automatic' and c.reply_phone = $1`,
      [phone],
    );
    return rows.map(({ body }) => body);
  };
  assert.deepEqual(await replyOf(), [autoReplyText("ru")]);
  await changeTenant(rig.platform, tenantId, { autoReplyText: "Пишите, пожалуйста." }, byTest());
  assert.deepEqual(await replyOf(), ["Пишите, пожалуйста."]);
  await changeTenant(rig.platform, tenantId, { autoReplyText: null }, byTest());
  assert.deepEqual(await replyOf(), [autoReplyText("ru")]);
  assert.equal((await getTenant(rig.platform, tenantId)).autoReplyText, null);
});
