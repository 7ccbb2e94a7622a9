import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";
import { mediaUrlMs } from "../src/sandbox/media.ts";
import { codeOf, customer, startSandboxRig, type Rig } from "./support/sandbox-rig.ts";

const dayMs = 86_400_000;
const jpeg = Buffer.from("ffd8ffe000104a464946", "hex");

function fileForm(bytes: Uint8Array, type: string): FormData {
  const form = new FormData();
  form.set("messaging_product", "whatsapp");
  form.set("type", type);
  form.set("file", new File([new Uint8Array(bytes)], "photo.jpg", { type }));
  return form;
}

async function upload(rig: Rig, bytes: Uint8Array = jpeg, type = "image/jpeg"): Promise<ReturnType<Rig["graph"]>> {
  return rig.graph("POST", `${rig.sandbox.phoneNumberId}/media`, fileForm(bytes, type));
}

test("A file is uploaded, looked up, downloaded with the token while its URL lives, sent, and deleted", async (t) => {
  const rig = await startSandboxRig(t);
  const { id } = (await upload(rig)).json;
  const { json } = await rig.graph("GET", id);
  assert.deepEqual(
    [json.mime_type, json.file_size, json.sha256],
    ["image/jpeg", jpeg.length, createHash("sha256").update(jpeg).digest("hex")],
  );
  const download = async (token = rig.sandbox.accessToken): Promise<[number, string]> => {
    const answer = await fetch(json.url, { headers: { authorization: `Bearer ${token}` } });
    return [answer.status, Buffer.from(await answer.arrayBuffer()).toString("hex")];
  };
  assert.deepEqual(await download(), [200, jpeg.toString("hex")]);
  assert.equal((await fetch(json.url)).status, 401);
  assert.equal((await download(rig.sandbox.addNumber().accessToken))[0], 404);
  await rig.sandbox.sendCustomerMessage({ ...customer, type: "text" });
  const send = async (type: string): Promise<number | null> => codeOf(await rig.send(customer.from, { type, [type]: { id } }));
  assert.deepEqual([await send("image"), await send("video")], [null, 131_053]);
  rig.clock.ms += mediaUrlMs - 1;
  assert.equal((await download())[0], 200);
  rig.clock.ms += 1;
  assert.equal((await download())[0], 404);
  assert.equal((await rig.graph("GET", id)).status, 200, "the id gives a new URL");
  assert.deepEqual((await rig.graph("DELETE", id)).json, { success: true });
  assert.deepEqual([codeOf(await rig.graph("GET", id)), await send("image")], [100, 100]);
});

test("Uploads live for 30 days, a customer's files for 7; unsupported, empty and oversized ones are refused", async (t) => {
  const rig = await startSandboxRig(t);
  const { id } = (await upload(rig)).json;
  await rig.sandbox.phone(customer.from).write({ type: "image", bytes: jpeg, text: "broken" });
  const update = await rig.next();
  assert(update.kind === "message" && update.type === "image");
  const inbound = String(JSON.parse(JSON.stringify(rig.posts[0]?.json)).entry[0].changes[0].value.messages[0].image.id);
  const { json } = await rig.graph("GET", inbound);
  assert.equal(json.sha256, createHash("sha256").update(jpeg).digest("hex"));
  rig.clock.ms += 7 * dayMs;
  assert.deepEqual([codeOf(await rig.graph("GET", inbound)), codeOf(await rig.graph("GET", id))], [100, null]);
  rig.clock.ms += 23 * dayMs;
  assert.equal(codeOf(await rig.graph("GET", id)), 100);
  const refusals = [
    await upload(rig, jpeg, "image/gif"),
    await upload(rig, Buffer.alloc(0)),
    await upload(rig, Buffer.alloc(5 * 2 ** 20 + 1)),
  ];
  assert.deepEqual(refusals.map(codeOf), [100, 131_053, 131_053]);
});

test("Templates are listed in pages, filtered, created, approved with a webhook, edited, and deleted by name or id", async (t) => {
  const rig = await startSandboxRig(t, { templateReviewMs: 1 });
  const edge = `${rig.sandbox.wabaId}/message_templates`;
  const names: string[] = [];
  let url: string | undefined = `${edge}?limit=2&fields=name,status`;
  while (url !== undefined) {
    const { json } = await rig.graph("GET", url);
    names.push(...json.data.map(({ name }: { name: string }) => name));
    assert.ok(json.data.every((one: object) => Object.keys(one).toSorted().join() === "id,name,status"));
    url = json.paging.next;
  }
  assert.deepEqual(names, ["hello_world", "appointment_reminder", "order_update"]);
  const filtered = await rig.graph("GET", `${edge}?language=he&status=APPROVED`);
  assert.deepEqual(
    filtered.json.data.map(({ name }: { name: string }) => name),
    ["appointment_reminder"],
  );

  const template = { name: "sale", language: "en", category: "MARKETING", components: [{ type: "BODY", text: "Sale {{1}}" }] };
  const made = await rig.graph("POST", edge, template);
  assert.deepEqual([made.json.status, codeOf(await rig.graph("POST", edge, template))], ["PENDING", 100]);
  const told = await rig.next();
  assert(told.kind === "account");
  assert.deepEqual([told.field, told.event], ["message_template_status_update", "APPROVED"]);
  const edited = await rig.graph("POST", made.json.id, { components: [{ type: "BODY", text: "Sale" }] });
  assert.equal(edited.json.success, true);
  assert.equal((await rig.next()).kind, "account");
  assert.equal((await rig.graph("GET", made.json.id)).json.components[0].text, "Sale");
  for (const change of [{ quality: "RED" }, { category: "UTILITY" }, { status: "PAUSED" }] as const) {
    rig.sandbox.changeTemplate(made.json.id, change);
    assert.equal((await rig.next()).kind, "account");
  }
  assert.deepEqual((await rig.graph("DELETE", `${edge}?name=sale`)).json, { success: true });
  assert.equal(codeOf(await rig.graph("DELETE", `${edge}?hsm_id=${made.json.id}`)), 100);
});

test("A number shows the fields that are asked for, its account lists it, and registration follows Meta's limits", async (t) => {
  const rig = await startSandboxRig(t);
  const { phoneNumberId, wabaId } = rig.sandbox;
  const second = rig.sandbox.addNumber({ wabaId, accessToken: rig.sandbox.accessToken });
  const fields =
    "display_phone_number,verified_name,quality_rating,status,name_status,code_verification_status,throughput,account_mode,is_on_biz_app,platform_type,webhook_configuration,health_status{can_send_message}";
  const { json } = await rig.graph("GET", `${phoneNumberId}?fields=${fields}`);
  const asked = fields.replaceAll(/\{.*?\}/g, "").split(",");
  assert.deepEqual(Object.keys(json).toSorted(), [...asked, "id"].toSorted());
  const listed = await rig.graph("GET", `${wabaId}/phone_numbers`);
  assert.deepEqual(
    listed.json.data.map(({ id }: { id: string }) => id),
    [phoneNumberId, second.phoneNumberId],
  );
  assert.equal((await rig.graph("GET", wabaId)).json.id, wabaId);
  const register = (): Promise<number | null> =>
    rig.graph("POST", `${phoneNumberId}/register`, { messaging_product: "whatsapp", pin: "123456" }).then(codeOf);
  for (let count = 0; count < 10; count += 1) assert.equal(await register(), null);
  assert.equal(await register(), 133_016);
  rig.clock.ms += 72 * 3_600_000;
  assert.equal(await register(), null);
});

test("A token that has expired or was revoked is 190, another account's is as good as none, and a wrong proof too", async (t) => {
  const rig = await startSandboxRig(t);
  const { sandbox } = rig;
  const debug = async (token: string): Promise<{ is_valid: boolean; expires_at: number; app_id: string }> =>
    (await rig.graph("GET", `debug_token?input_token=${token}`, undefined, `${sandbox.appId}|sandbox-secret`)).json.data;
  const token = sandbox.issueToken({ wabaIds: [sandbox.wabaId], expiresAtMs: rig.clock.ms + 1_000 });
  const look = (withToken: string, query = ""): Promise<number | null> =>
    rig.graph("GET", `${sandbox.phoneNumberId}${query}`, undefined, withToken).then(codeOf);
  assert.deepEqual([await look(token), (await debug(token)).is_valid, (await debug(token)).app_id], [null, true, sandbox.appId]);
  rig.clock.ms += 1_000;
  const expired = await rig.graph("GET", sandbox.phoneNumberId, undefined, token);
  assert.deepEqual([expired.status, expired.json.error.code, expired.json.error.error_subcode], [401, 190, 463]);
  assert.equal((await debug(token)).is_valid, false);
  sandbox.expireToken(token, null);
  assert.equal(await look(token), null);
  sandbox.revokeToken(token);
  assert.equal(await look(token), 190);
  assert.equal(await look(sandbox.addNumber().accessToken), 100);
  const proof = createHmac("sha256", "sandbox-secret").update(sandbox.accessToken).digest("hex");
  assert.deepEqual(
    [await look(sandbox.accessToken, `?appsecret_proof=${proof}`), await look(sandbox.accessToken, "?appsecret_proof=00")],
    [null, 100],
  );
});

test("A code of Embedded Signup is exchanged once, within 30 s, with the app's secret", async (t) => {
  const rig = await startSandboxRig(t);
  const { sandbox } = rig;
  const exchange = (code: string, secret = "sandbox-secret"): ReturnType<Rig["graph"]> =>
    rig.graph("GET", `oauth/access_token?client_id=${sandbox.appId}&client_secret=${secret}&code=${code}`);
  const code = sandbox.issueCode([sandbox.wabaId]);
  assert.equal(codeOf(await exchange(code, "wrong")), 1);
  const { json } = await exchange(code);
  assert.equal((await rig.graph("GET", sandbox.wabaId, undefined, json.access_token)).status, 200);
  assert.equal(codeOf(await exchange(code)), 100);
  const late = sandbox.issueCode([sandbox.wabaId]);
  rig.clock.ms += 30_000;
  assert.equal(codeOf(await exchange(late)), 100);
});

test("Webhooks go to the number's address, else the account's, else the app's, and nowhere without a subscription", async (t) => {
  const rig = await startSandboxRig(t);
  const { sandbox } = rig;
  const edge = `${sandbox.wabaId}/subscribed_apps`;
  const base = String(
    rig.sandbox.number().wabaId &&
      (await rig.graph("GET", `${sandbox.phoneNumberId}?fields=webhook_configuration`)).json.webhook_configuration.application,
  );
  const at = (path: string): string => base.replace("/webhook/whatsapp", path);
  const write = async (): Promise<string | undefined> => {
    await sandbox.sendCustomerMessage({ ...customer, type: "text" });
    return rig.posts.at(-1)?.path;
  };
  assert.equal(await write(), "/webhook/whatsapp");
  assert.equal((await rig.graph("POST", edge, { override_callback_uri: at("/account"), verify_token: "v" })).status, 200);
  assert.equal(await write(), "/account");
  assert.equal((await rig.graph("GET", edge)).json.data[0].override_callback_uri, at("/account"));
  const configuration = { webhook_configuration: { override_callback_uri: at("/number"), verify_token: "v" } };
  assert.equal((await rig.graph("POST", sandbox.phoneNumberId, configuration)).status, 200);
  assert.equal(await write(), "/number");
  sandbox.changeTemplate(sandbox.templates()[0]?.id ?? "", { quality: "GREEN" });
  while ((await rig.next()).kind !== "account");
  assert.equal(rig.posts.at(-1)?.path, "/webhook/whatsapp", "templates know only the app's");
  assert.equal(codeOf(await rig.graph("POST", edge, { override_callback_uri: "https://example.com/", verify_token: "v" })), 100);
  await rig.graph("DELETE", edge);
  const before = rig.posts.length;
  assert.equal((await sandbox.sendCustomerMessage({ ...customer, type: "text" })).status, 0);
  assert.equal(rig.posts.length, before);
});

test("Accounts with an app of their own get webhooks signed with its secret", async (t) => {
  const rig = await startSandboxRig(t);
  const { application } = (await rig.graph("GET", `${rig.sandbox.phoneNumberId}?fields=webhook_configuration`)).json.webhook_configuration;
  const own = rig.sandbox.addNumber({ app: { secret: "other", url: () => `${application}/own?secret=other` } });
  const sent = await rig.sandbox.sendCustomerMessage({ ...customer, type: "text", phoneNumberId: own.phoneNumberId });
  assert.deepEqual([sent.status, rig.posts.at(-1)?.path], [200, "/webhook/whatsapp/own"]);
});
