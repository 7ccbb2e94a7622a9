/** SIGTERM while requests to Graph are under way, on the real program. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isUuid } from "../src/core/ids.ts";
import { appSecret, connectSql, makeProgram, startServer, until } from "./support/program.ts";
import { startSandboxProcess } from "./support/sandbox-process.ts";

const [hanging = "", ...others] = Array.from({ length: 12 }, (_, index) => `97250${String(1_000_000 + index)}`);

test(
  "SIGTERM in mid-send ends within 10 s: who waits in Meta's shape is answered and not cut off, and only the request that Graph never answers stays open",
  { timeout: 90_000 },
  async (t) => {
    const { databaseUrl, superuser } = await startServer(t);
    const options = { graphUrl: "", databaseUrl };
    const program = await makeProgram(t, options);
    const sandbox = await startSandboxProcess(t, { appSecret, ingressUrl: `${program.url}/webhook/whatsapp`, seed: 1 });
    options.graphUrl = sandbox.graphUrl;
    await program.start();
    const { wabaId, phoneNumberId, displayPhoneNumber, accessToken } = sandbox;
    const tenant = await program.call("POST", "tenants", { name: "stop", slug: "stop", locale: "he", timeZone: "Asia/Jerusalem" });
    const key = String(tenant.json.apiKey);
    const wanted = { tenantId: tenant.json.id, wabaId, phoneNumberId, displayPhoneNumber, accessToken };
    const { json: number } = await program.call("POST", "connections", wanted);
    for (const phone of [hanging, ...others]) await sandbox.call("POST", `phones/${phone}/messages`, { type: "text", text: "שלום" });
    await until("all windows are open", 60_000, async () => {
      const { json } = await program.call("GET", "conversations?limit=200", undefined, key);
      return json.data.filter((one: { window: { isOpen: boolean } }) => one.window.isOpen).length === others.length + 1;
    });
    await sandbox.fail(
      { when: { to: hanging }, times: 1, fault: { kind: "timeout", accepts: false } },
      ...others.map((to) => ({ when: { to }, times: 20, fault: { kind: "late" as const, ms: 1_500 } })),
    );

    const sql = await connectSql(superuser);
    t.after(() => sql.end());
    const countOf = async (where: string): Promise<number> =>
      Number(
        (await sql.query(`select count(*) from whatsapp_messages m left join whatsapp_sends s on s.message_id = m.id where ${where}`))
          .rows[0].count,
      );
    // Nothing leaves until all is queued, so that all begin together, however long the queueing takes.
    const pause = (until: string): Promise<unknown> =>
      sql.query(
        `insert into whatsapp_send_lanes (tenant_id, connection_id, paused_until) values ($1, $2, $3)
         on conflict (tenant_id, connection_id) do update set paused_until = excluded.paused_until`,
        [tenant.json.id, number.id, until],
      );
    await pause("infinity");
    const waiting = fetch(`${program.url}/v26.0/${phoneNumberId}/messages`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ messaging_product: "whatsapp", to: hanging, type: "text", text: { body: "x" } }),
    });
    // More than can be sent before the end: whenever it stops, some are under way.
    for (const phone of Array.from({ length: 8 }, () => others).flat()) {
      const body = { connectionId: number.id, to: { waId: phone }, content: { type: "text", body: "x" } };
      assert.equal((await program.call("POST", "messages", body, key)).status, 201);
    }
    await until("all of them wait", 60_000, async () => (await countOf(`s.state = 'queued'`)) === others.length + 1);
    await pause("-infinity");
    await until("all of them are on their way", 60_000, async () => (await countOf(`s.state = 'dispatching'`)) === others.length + 1);

    const began = performance.now();
    program.signal("SIGTERM");
    const [answer, { code }] = await Promise.all([waiting, program.ended()]);
    assert.equal(code, 0, program.output);
    assert.ok(performance.now() - began < 10_000);
    assert.equal(answer.status, 200);
    const { messages } = (await answer.json()) as { messages: { id: string }[] };
    assert.ok(isUuid(messages[0]?.id ?? ""), "our own id, under which its end is found");
    assert.equal(await countOf(`s.state = 'dispatching'`), 1);
    assert.ok((await countOf(`m.wa_message_id is not null and m.direction = 'outbound'`)) >= others.length);
  },
);
