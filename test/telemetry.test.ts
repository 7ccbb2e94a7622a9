import assert from "node:assert/strict";
import { test } from "node:test";
import { createEvents } from "../src/telemetry/events.ts";
import { createLog, errorFacts } from "../src/telemetry/log.ts";
import { createMetrics } from "../src/telemetry/metrics.ts";
import { limits } from "../src/limits.ts";

function setUp(level: "debug" | "info") {
  const lines: string[] = [];
  const metrics = createMetrics("1.2.3");
  const events = createEvents(createLog(level, { write: (line) => void lines.push(line) }), metrics);
  return { lines, metrics, events };
}

const stored = { requestId: "r", appKey: "", bytes: 600, updates: 1, outcome: "stored", ms: 4 } as const;

test("At info, webhooks that were stored make one summary; a line each is for debug", () => {
  const quiet = setUp("info");
  for (let count = 0; count < 1_000; count++) quiet.events.webhookAnswered(stored);
  assert.equal(quiet.lines.length, 0);
  quiet.events.stop();
  assert.equal(quiet.lines.length, 1);
  assert.match(quiet.lines[0] ?? "", /"requests":1000,"refused":0,"updates":1000,"bytes":600000/);
  const chatty = setUp("debug");
  chatty.events.webhookAnswered(stored);
  assert.equal(chatty.lines.length, 1);
  chatty.events.stop();
});

test("Refused webhooks are logged up to the limit, and all are counted", async () => {
  const { events, lines, metrics } = setUp("info");
  const count = limits.logRefusalsPerSummaryMax + 7;
  for (let at = 0; at < count; at++) events.webhookAnswered({ ...stored, outcome: "bad_signature" });
  assert.equal(lines.length, limits.logRefusalsPerSummaryMax);
  events.stop();
  assert.match(lines.at(-1) ?? "", new RegExp(`"refused":${count}`));
  assert.match(await metrics.registry.metrics(), new RegExp(`wa_webhook_requests_total{outcome="bad_signature"} ${count}\\n`));
});

test("Of a database's error no value is told, of others no long number", () => {
  const fields = {
    severity: "ERROR",
    code: "23505",
    detail: "Key (phone)=(972501234567) canary",
    where: "canary",
    parameters: ["canary"],
    routine: "_bt_check_unique",
    constraint: "whatsapp_messages_pkey",
    table: "whatsapp_messages",
  };
  const facts = errorFacts(Object.assign(new Error("duplicate canary"), fields));
  assert.deepEqual(
    [facts.code, facts.constraint, facts.routine, facts.table],
    ["23505", "whatsapp_messages_pkey", "_bt_check_unique", "whatsapp_messages"],
  );
  const told = [
    facts,
    errorFacts(new SyntaxError('Unexpected token c, "canary" is not valid JSON')),
    errorFacts("canary"),
    errorFacts({ canary: 1 }),
  ];
  assert.doesNotMatch(JSON.stringify(told), /canary/);
  assert.equal(errorFacts(new Error("no route to 972501234567")).message, "no route to #");
});

test("What a line must not hold is kept out, should it ever get there", () => {
  const lines: string[] = [];
  const log = createLog("info", { write: (line) => void lines.push(line) });
  log.info({ body: "canary", accessToken: "canary", message: { phone: "canary", text: "canary", profileName: "canary" } }, "x");
  assert.doesNotMatch(lines.join(""), /canary/);
});

test("The metrics are there by the names that dashboards rely on", async () => {
  const { events, metrics } = setUp("info");
  metrics.sources.databasePool = () => ({ inUse: 3, waiting: 2 });
  metrics.sources.inbound = () => ({ backlog: 9, oldestMs: 1_500, parked: { unrouted: 4 } });
  const parked = [{ item: { deliveryId: "d" }, tenantId: null, reason: "unrouted" }];
  events.batchRan("whatsapp-messages", { rows: 1, updates: 3, parked }, 5);
  events.streamOpened();
  metrics.sources.numbers = () => [{ state: "problem", code: "token_invalid", numbers: 2 }];
  events.connectionProbed({ outcome: "unreached", ms: 20 });
  events.stop();
  const text = await metrics.registry.metrics();
  for (const line of [
    'wa_build_info{version="1.2.3",',
    "wa_db_pool_in_use 3",
    "wa_db_pool_waiting 2",
    "wa_inbound_backlog 9",
    "wa_inbound_oldest_seconds 1.5",
    'wa_parked{reason="unrouted"} 4',
    'wa_webhook_updates_total{kind="whatsapp-messages",outcome="applied"} 2',
    'wa_webhook_updates_total{kind="whatsapp-messages",outcome="parked"} 1',
    "wa_process_seconds_bucket",
    "wa_webhook_ack_seconds_bucket",
    "wa_webhook_body_bytes_bucket",
    "wa_ingest_commit_batch_rows_bucket",
    "wa_sse_clients 1",
    `wa_connections{state="problem",code="token_invalid"} 2`,
    `wa_connection_probes_total{outcome="unreached"} 1`,
    "wa_connection_probe_seconds_bucket",
    "wa_sse_dropped_total 0",
    "nodejs_eventloop_lag_seconds",
  ]) {
    assert(text.includes(line), line);
  }
});
