import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import { countEvents, noCode, quarterOf, type CountedEvent, type CountField } from "../src/core/overview-count.ts";
import { stepMs, stepOf } from "../src/core/response-scale.ts";
import { limits } from "../src/limits.ts";
import { inboxWorkOnce } from "../src/queue/workers/inbox.worker.ts";
import { followOnce } from "../src/services/inbox/follow.ts";
import { overviewFollower } from "../src/services/inbox/overview-follower.ts";
import { readOverview } from "../src/services/inbox/overview.ts";
import { uuidV7Floor } from "../src/core/ids.ts";
import { bodyOf, echo, failed, message, status } from "./support/bodies.ts";
import { registeredStatements } from "../src/db/statement.ts";
import { explain } from "./support/explain.ts";
import { outboxOf } from "./support/outbox.ts";
import { randomDigits, startRig, type Connected } from "./support/worker.ts";

const rig = await startRig({ after });
const work = () => inboxWorkOnce({ ingest: rig.ingest, nowMs: () => Date.now() });
const dayMs = 86_400_000;
const today = () => ({ from: new Date(Date.now() - dayMs).toISOString(), to: new Date(Date.now() + dayMs).toISOString() });
const look = ({ scope }: Connected, query: Partial<Parameters<typeof readOverview>[2]> = {}) =>
  readOverview(rig.app, scope, { ...today(), ...query });

test("messages in and out, ticks, failures and answers of a day are counted once, whatever comes twice", async () => {
  const number = await rig.connect(await rig.tenant());
  const outbox = outboxOf(rig, number);
  const nowMs = Math.floor(Date.now() / 1_000) * 1_000;
  const phone = randomDigits();
  const first = message(number, { phone }, "wamid.o1", nowMs - 600_000);
  await rig.receive(bodyOf(first, message(number, { phone }, "wamid.o2", nowMs - 590_000)));
  await rig.drain();
  await rig.receive(bodyOf(first));
  await rig.drain();
  // Answered from the phone five minutes after the first word; the answer reached its reader.
  await rig.receive(bodyOf(echo(number, phone, "wamid.e1", nowMs - 300_000)));
  await rig.receive(bodyOf(status(number, "wamid.e1", "delivered", nowMs - 299_000), status(number, "wamid.e1", "read", nowMs - 298_000)));
  await rig.receive(bodyOf(status(number, "wamid.e1", "delivered", nowMs - 299_000)));
  await rig.drain();
  await work();
  // A second answer answers nothing; it fails, and so does a third.
  await rig.receive(bodyOf(echo(number, phone, "wamid.e2", nowMs - 200_000), echo(number, phone, "wamid.e3", nowMs - 200_000)));
  await rig.receive(bodyOf(failed(number, "wamid.e2", nowMs - 199_000, 131_026), failed(number, "wamid.e3", nowMs - 199_000, 131_026)));
  await rig.drain();
  // Meta delivers the third after all.
  await rig.receive(bodyOf(status(number, "wamid.e3", "delivered", nowMs - 100_000)));
  await rig.drain();
  await work();
  await work();
  const overview = await look(number);
  assert.deepEqual(overview.totals, {
    inbound: 2,
    outbound: 3,
    automatic: 0,
    templates: 0,
    freeform: 3,
    sent: 2,
    delivered: 2,
    read: 1,
    failed: 1,
  });
  const answered = stepMs(stepOf(300_000));
  assert.deepEqual(overview.responses, {
    all: { answers: 1, medianMs: answered, p90Ms: answered },
    first: { answers: 1, medianMs: answered, p90Ms: answered },
  });
  assert.deepEqual([overview.failures.length, overview.failures[0]?.code, overview.failures[0]?.count], [1, 131_026, 2]);
  assert.match(overview.failures[0]?.sentence?.he ?? "", /\p{Script=Hebrew}/u);
  assert.match(overview.failures[0]?.sentence?.ar ?? "", /\p{Script=Arabic}/u);
  assert.equal(
    overview.busiestHours.flat().reduce((sum, count) => sum + count, 0),
    2,
  );
  assert.ok(overview.countedUntil !== null && Date.parse(overview.countedUntil) > nowMs);
  // Who writes into an open window and is answered is no first answer.
  await outbox.writes(phone, Date.now());
  const [row] = await rig.sql<{ id: string }>(`select id from whatsapp_conversations where tenant_id = $1`, [number.tenantId]);
  await outbox.send({ conversationId: row?.id ?? "" });
  await work();
  const later = await look(number);
  assert.deepEqual([later.responses.all.answers, later.responses.first.answers, later.totals.outbound], [2, 1, 4]);
  assert.deepEqual((await look(number, { connectionId: number.id })).totals, later.totals);
  assert.equal((await look(number, { connectionId: uuidV7Floor(1) })).totals.inbound, 0);
});

test("nothing of one tenant's is in another's overview", async () => {
  const [mine, theirs] = [await rig.connect(await rig.tenant()), await rig.connect(await rig.tenant())];
  await outboxOf(rig, theirs).writes(randomDigits());
  await work();
  assert.deepEqual([(await look(mine)).totals.inbound, (await look(theirs)).totals.inbound], [0, 1]);
});

test("intervals begin by the tenant's clock, over changes of the hour and in zones off the full hour; weeks begin on Sunday", async () => {
  for (const [timeZone, from, to, interval, wanted] of [
    // Israel goes to summer time on 27 March 2026 at 02:00.
    ["Asia/Jerusalem", "2026-03-25T22:00:00Z", "2026-03-28T21:00:00Z", "day", ["2026-03-25T22", "2026-03-26T22", "2026-03-27T21"]],
    ["Asia/Jerusalem", "2026-03-26T23:00:00Z", "2026-03-27T02:00:00Z", "hour", ["2026-03-26T23", "2026-03-27T00", "2026-03-27T01"]],
    ["Asia/Kolkata", "2026-01-01T18:30:00Z", "2026-01-02T18:30:00Z", "day", ["2026-01-01T18"]],
    ["Asia/Jerusalem", "2026-01-10T22:00:00Z", "2026-01-20T22:00:00Z", "week", ["2026-01-10T22", "2026-01-17T22"]],
    ["Asia/Jerusalem", "2025-12-31T22:00:00Z", "2026-02-28T22:00:00Z", "month", ["2025-12-31T22", "2026-01-31T22"]],
  ] as const) {
    const number = await rig.connect(await rig.tenant({ timeZone }));
    const [lastMs, firstMs] = [Date.parse(to) - 900_000, Date.parse(from)];
    await rig.sql(
      `insert into overview_counts (tenant_id, at, connection_id, inbound) select $1, t, $2, 1 from unnest($3::timestamptz[]) t`,
      [number.tenantId, number.id, [firstMs - 900_000, firstMs, lastMs, lastMs + 900_000].map((ms) => new Date(ms).toISOString())],
    );
    const { series, totals } = await look(number, { from, to, interval });
    assert.deepEqual(
      series.map(({ at }) => at.slice(0, 13)),
      wanted,
      `${timeZone} ${interval}`,
    );
    const inbound = series.map((row) => row.inbound);
    assert.equal(totals.inbound, 2, "what lies outside is not counted");
    assert.ok(wanted.length === 1 ? inbound[0] === 2 : inbound[0] === 1 && inbound.at(-1) === 1, inbound.join());
  }
  const number = await rig.connect(await rig.tenant());
  // Saturday 23:00 in Jerusalem is still Saturday there.
  await rig.sql(`insert into overview_counts (tenant_id, at, connection_id, inbound) values ($1, '2026-01-10T21:00:00Z', $2, 4)`, [
    number.tenantId,
    number.id,
  ]);
  const { busiestHours } = await look(number, { from: "2026-01-01T00:00:00Z", to: "2026-02-01T00:00:00Z" });
  assert.equal(busiestHours[6]?.[23], 4);
});

test("at most overviewDaysMax days are looked back on, and overviewFailuresMax causes of failures told", async () => {
  const number = await rig.connect(await rig.tenant());
  const from = "2025-01-01T00:00:00Z";
  const to = (days: number) => new Date(Date.parse(from) + days * dayMs).toISOString();
  assert.equal((await look(number, { from, to: to(limits.overviewDaysMax), interval: "hour" })).series.length, limits.overviewDaysMax * 24);
  for (const end of [to(limits.overviewDaysMax + 1), from, "2024-01-01T00:00:00Z"]) {
    await assert.rejects(look(number, { from, to: end }), { code: "invalid_request" });
  }
  await rig.sql(
    `insert into overview_failures (tenant_id, at, connection_id, code, failures) select $1, '2025-01-02', $2, n, n from generate_series(1, $3::int) n`,
    [number.tenantId, number.id, limits.overviewFailuresMax + 2],
  );
  await rig.sql(`insert into overview_failures (tenant_id, at, connection_id, code, failures) values ($1, '2025-01-02', $2, $3, 1000)`, [
    number.tenantId,
    number.id,
    noCode,
  ]);
  const { failures } = await look(number, { from, to: to(5) });
  assert.equal(failures.length, limits.overviewFailuresMax);
  assert.deepEqual([failures[0]?.code, failures[0]?.sentence], [null, null]);
});

test("an overview reads the time that is asked for by its index, and nothing else", async () => {
  const number = await rig.connect(await rig.tenant());
  await rig.sql(
    `insert into overview_counts (tenant_id, at, connection_id, inbound) select $1, '2020-01-01'::timestamptz + n * interval '15 minutes', $2, 1
     from generate_series(1, 50000) n`,
    [number.tenantId, number.id],
  );
  await rig.sql("analyze overview_counts");
  const session = await rig.session("owner");
  const series = registeredStatements().find(({ name }) => name === "overview.series");
  assert.ok(series);
  for (const mode of ["force_generic_plan", "force_custom_plan"] as const) {
    const values = [number.tenantId, "2020-06-01", "2020-06-02", null, "day", "Asia/Jerusalem"];
    const plan = await explain(session, { tenantId: number.tenantId, statement: series, values, mode });
    assert.deepEqual(plan.seqScans, [], plan.text);
    assert.ok(plan.indexes.includes("overview_counts_pkey"), plan.text);
  }
});

test("a killed turn counts nothing, and the next one counts it once", async () => {
  const number = await rig.connect(await rig.tenant());
  await work();
  await outboxOf(rig, number).writes(randomDigits());
  const failing = {
    name: "overview",
    apply: async (...given: Parameters<typeof overviewFollower.apply>) => {
      await overviewFollower.apply(...given);
      throw new Error("killed before its COMMIT");
    },
  } as const;
  await assert.rejects(followOnce(rig.ingest, failing), /killed/);
  assert.equal((await look(number)).totals.inbound, 0);
  await work();
  assert.equal((await look(number)).totals.inbound, 1);
});

test("while one node counts a tenant's events, another one counts none of them", async () => {
  const number = await rig.connect(await rig.tenant());
  await work();
  await outboxOf(rig, number).writes(randomDigits());
  const [counted, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const slow = {
    name: "overview",
    apply: async (...given: Parameters<typeof overviewFollower.apply>) => {
      await overviewFollower.apply(...given);
      counted.resolve();
      await goOn.promise;
    },
  } as const;
  const first = followOnce(rig.ingest, slow);
  await counted.promise;
  const second = await followOnce(rig.ingest, overviewFollower);
  goOn.resolve();
  await first;
  assert.deepEqual(second, { tenants: 0, events: 0, hasMore: false });
  assert.equal((await look(number)).totals.inbound, 1);
});

test("however the events are cut into turns, the counts are the same", () => {
  const conversationId = "conversation";
  const event = fc.record({
    kind: fc.constantFrom("in", "out", "automatic", "template", "reaction", "window"),
    minute: fc.nat({ max: 60 }),
    statuses: fc.subarray(["sent", "failed", "delivered", "read", "played"]),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 12 }), fc.nat({ max: 30 }), (history, cut) => {
      const events = history.flatMap(({ kind, minute, statuses }, index): CountedEvent[] => {
        const atMs = 1_700_000_000_000 + index * 60_000 + minute;
        const base = { conversationId, messageId: uuidV7Floor(atMs), createdAtMs: atMs };
        if (kind === "window") return [{ ...base, type: "window.opened", data: {} }];
        if (kind === "in")
          return [{ ...base, type: "message.received", data: { type: "text", waTimestamp: new Date(atMs).toISOString() } }];
        const queued = {
          ...base,
          type: "message.queued",
          data: { origin: kind === "automatic" ? kind : "api", type: kind === "out" || kind === "automatic" ? "text" : kind },
        };
        const moves = statuses.map((word, at) => ({
          ...base,
          type: "message.status_changed",
          data: { status: word, previousStatus: statuses[at - 1] ?? "accepted" },
        }));
        return [queued, ...moves];
      });
      const run = (parts: CountedEvent[][]) => {
        const state = {
          connections: new Map([[conversationId, "number"]]),
          waits: new Map<string, { sinceMs: number; isFirst: boolean }>(),
        };
        const totals = new Map<string, number>();
        for (const part of parts) {
          const { counts, responses, failures } = countEvents(part, state);
          for (const { field, atMs, change } of counts) totals.set(`${field} ${atMs}`, (totals.get(`${field} ${atMs}`) ?? 0) + change);
          for (const { step, atMs } of responses) totals.set(`answer ${step} ${atMs}`, (totals.get(`answer ${step} ${atMs}`) ?? 0) + 1);
          totals.set("failures", (totals.get("failures") ?? 0) + failures.length);
        }
        const nonZero = [...totals].filter(([, count]) => count !== 0).toSorted(([a], [b]) => (a < b ? -1 : 1));
        return { totals: nonZero, waits: [...state.waits].map(([, { sinceMs }]) => sinceMs) };
      };
      const sum = (field: CountField): number =>
        run([events]).totals.reduce((all, [name, count]) => all + (name.startsWith(`${field} `) ? count : 0), 0);
      assert.deepEqual(run([events.slice(0, cut), events.slice(cut)]), run([events]));
      assert.ok(sum("read") <= sum("delivered") && sum("delivered") <= sum("sent"));
      assert.ok(events.every(({ createdAtMs }) => quarterOf(createdAtMs) % 900_000 === 0));
    }),
  );
});
