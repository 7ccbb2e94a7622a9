import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { sign } from "../src/core/signature.ts";
import { bodyOf, message } from "./support/bodies.ts";
import { startReceiver, type Received } from "./support/endpoint.ts";
import { adminKey, makeProgram, setUpNumbers, until } from "./support/program.ts";

/** Promise I12: a frozen or killed node holds nobody up for longer, with room for a busy machine. */
const takenOverMsMax = 25_000;

test("kill -9 in mid-delivery loses nothing: a small bot behind an endpoint gets every customer's message, in order, repeats only under the same id", async (t) => {
  const program = await makeProgram(t, { sandbox: true });
  const bot = await startReceiver(t);
  await program.start("forward.sent:kill@7");
  const { appSecret } = JSON.parse(await readFile(join(program.dataDir, "sandbox.json"), "utf8"));
  const [number = assert.fail()] = await setUpNumbers(program, 1);
  const made = await program.call("POST", "endpoints", { name: "Bot", url: bot.url, form: "meta" }, number.key);
  assert.equal(made.status, 201, JSON.stringify(made.json));
  const verified = ({ text, headers }: Received): boolean =>
    headers["x-hub-signature-256"] === `sha256=${createHmac("sha256", made.json.secret).update(text).digest("hex")}`;
  const idOf = ({ json }: Received): string => json.entry[0].changes[0].value.messages[0].id;

  const ids: string[] = [];
  for (let index = 0; index < 40; index += 1) ids.push(`wamid.${index % 5}.${index}`);
  for (const id of ids) {
    const digit = id.split(".")[1] ?? "";
    const where = { wabaId: number.wabaId, phoneNumberId: number.phoneNumberId, displayPhoneNumber: "972300000" };
    const body = JSON.stringify(bodyOf(message(where, { phone: `97250000000${digit}`, name: "N" }, id, Date.now())));
    const post = () =>
      fetch(`${program.url}/webhook/whatsapp`, {
        method: "POST",
        body,
        headers: { "x-hub-signature-256": sign(Buffer.from(body), appSecret) },
      }).then(
        ({ status }) => status === 200,
        () => false,
      );
    // As Meta does: again until it is acknowledged, also by the next life of the program.
    while (!(await post())) if (!program.isAlive()) await program.start();
  }
  await until("the program was killed after a request", takenOverMsMax, () => !program.isAlive() || bot.received.length > ids.length);
  if (!program.isAlive()) await program.start();
  const seen = (): Set<string> => new Set(bot.received.map(idOf));
  await until("the bot has every message", takenOverMsMax, () => seen().size === ids.length);
  assert.ok(bot.received.every(verified));
  const firsts = [...seen()];
  for (const digit of ["0", "1", "2", "3", "4"]) {
    const own = (id: string): boolean => id.startsWith(`wamid.${digit}.`);
    assert.deepEqual(firsts.filter(own), ids.filter(own), "in the order of the conversation");
  }
  const names = new Map<string, Set<unknown>>();
  for (const each of bot.received) names.set(idOf(each), (names.get(idOf(each)) ?? new Set()).add(each.headers["webhook-id"]));
  assert.ok([...names.values()].every((own) => own.size === 1));
  assert.ok(bot.received.length < ids.length + 25);
  await until("nothing is pending", takenOverMsMax, async () => {
    const { json } = await program.call("GET", `endpoints/${made.json.id}/deliveries?state=pending`, undefined, number.key);
    return json.data.length === 0;
  });
  assert.equal((await program.call("GET", `endpoints?tenantId=${number.tenantId}`, undefined, adminKey)).json.data[0].state, "active");
});
