/**
 * The whole program, killed with `kill -9` in the middle of an erasure: the next start goes on with it by itself, and leaves nothing. Each of its
 * steps is killed in `erasure.test.ts`; here a job of a dead node is taken over, which takes some 20 s.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sign } from "../src/core/signature.ts";
import { bodyOf, message, status } from "./support/bodies.ts";
import { appSecret, makeProgram, setUpNumbers, until } from "./support/program.ts";

test(
  "An erasure that is killed in the middle is done by the next start, and what it erased does not come back",
  { timeout: 280_000 },
  async (t) => {
    const program = await makeProgram(t);
    await program.start();
    const [number] = await setUpNumbers(program, 1);
    assert.ok(number);
    const place = { ...number, displayPhoneNumber: "972300000" };
    const [phone, words] = ["972501239876", "the words of the erased"];
    const atMs = Date.now() - 60_000;
    const body = JSON.stringify(
      bodyOf(
        message(place, { phone, name: "Erased Person" }, "wamid.crash.1", atMs, { type: "text", text: { body: words } }),
        message(place, { phone: "972507776665", name: "Neighbour" }, "wamid.crash.2", atMs, { type: "text", text: { body: "hers" } }),
        status(place, "wamid.crash.3", "read", atMs, { recipient_id: phone }),
      ),
    );
    const post = async (): Promise<number> => {
      const headers = { "x-hub-signature-256": sign(Buffer.from(body), appSecret), "content-type": "application/json" };
      return (await fetch(`${program.url}/webhook/whatsapp`, { method: "POST", headers, body })).status;
    };
    assert.equal(await post(), 200);
    let contactId = "";
    await until("the contact is there", 60_000, async () => {
      const { json } = await program.call("GET", `contacts?waId=${phone}`, undefined, number.key);
      contactId = json.data[0]?.id ?? "";
      return contactId !== "";
    });
    await program.kill();
    program.spawn("erase.messages:kill");
    await program.ready();
    const { status: answer, json: job } = await program.call("POST", `contacts/${contactId}/erase`, { confirm: contactId }, number.key);
    assert.equal(answer, 202);
    assert.equal((await program.ended()).signal, "SIGKILL", program.output);
    await program.start();
    const isDone = async (): Promise<boolean> =>
      (await program.call("GET", `privacy/jobs/${job.id}`, undefined, number.key)).json.state === "done";
    t.diagnostic(`done ${Math.round(await until("the erasure is done", 120_000, isDone))} ms after the last start`);

    // Meta has not heard an answer, and delivers again.
    assert.equal(await post(), 200);
    const stats = async () => (await program.call("GET", "stats", undefined, number.key)).json;
    await until("it is left out", 60_000, async () => (await stats()).suppressed === 2);
    const sql = await program.sql();
    t.after(() => sql.end());
    await until("the body that came again is rewritten", 60_000, async () => {
      const { rows } = await sql.query(`select 1 from webhook_deliveries where position(convert_to($1, 'UTF8') in body) > 0`, [phone]);
      return rows.length === 0;
    });
    for (const table of [
      "whatsapp_messages",
      "whatsapp_contacts",
      "whatsapp_contact_addresses",
      "whatsapp_message_statuses",
      "activity_events",
      "privacy_jobs",
      "audit_events",
    ]) {
      const { rows } = await sql.query(`select 1 from ${table} x where x::text ~ $1`, [`${phone}|${words}|Erased Person|wamid.crash.[13]`]);
      assert.equal(rows.length, 0, table);
    }
    const { json } = await program.call("GET", "contacts", undefined, number.key);
    assert.deepEqual(
      json.data.map((contact: { profileName: string }) => contact.profileName),
      ["Neighbour"],
    );
  },
);
