/** One update that ends the process whenever it is applied (I8). Nobody but a supervisor that starts the program again helps. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { poison } from "../src/failpoint.ts";
import { createRandom } from "../src/sandbox/random.ts";
import { assertLedger, Ledger, untilApplied } from "./support/ledger.ts";
import { BodyMaker, MetaClient, type Body } from "./support/meta-client.ts";
import { makeProgram, setUpNumbers, type Program, type WhatsAppNumber } from "./support/program.ts";

const failpoint = "worker.mid_batch:kill_on_poison";
/** On a machine that needs seconds for a start, as long as so many starts; five of them are needed. */
const appliedMsMax = 30_000;
const appliedStartsMax = 8;

test("an update that kills the process is parked within 30 s and all its neighbours are applied", { timeout: 240_000 }, async (t) => {
  const program = await makeProgram(t);
  await program.start();
  const numbers = await setUpNumbers(program, 2);
  const ledger = new Ledger();
  const maker = new BodyMaker(numbers, createRandom(1));
  const texts = Array.from({ length: 20 }, (_, index) => (index === 7 ? `הודעה ${poison}` : "שכנה"));
  const bodies = [
    maker.message(),
    maker.echo(),
    maker.statuses(),
    maker.batch(20, texts),
    maker.message(),
    maker.batch(20),
    maker.statuses(),
  ];
  await program.kill();
  const startMs = await deliverWithoutWorkers(program, bodies, ledger);

  const began = performance.now();
  const { deaths } = await superviseUntilApplied(program);
  const ms = performance.now() - began;
  assert.ok(ms < Math.max(appliedMsMax, appliedStartsMax * startMs), `applied only after ${Math.round(ms)} ms`);
  assert.ok(deaths > 0, "the poison did not kill anything");
  // Found by chance, together, three times alone; then it is parked unread.
  assert.ok(deaths <= 5, `it killed ${deaths} times`);
  const sql = await program.sql();
  try {
    const line = await assertLedger(sql, ledger, { parked: 1 });
    t.diagnostic(`${deaths} deaths, ${Math.round(ms)} ms; ${line}`);
  } finally {
    await sql.end();
  }
  await assertParked(program, numbers, bodies);
});

/** Taken in by a program that dies before its workers can see anything: all of it is found by the next one. Answers how long it took to start. */
async function deliverWithoutWorkers(program: Program, bodies: readonly Body[], ledger: Ledger): Promise<number> {
  const startMs = await program.start("worker.claimed:hang");
  const client = new MetaClient({ url: program.url, concurrency: 1 });
  for (const body of bodies) {
    const { verdict, status } = await client.post(body.json);
    assert.equal(status, 200);
    ledger.record(body, verdict, status);
  }
  client.close();
  await program.kill();
  return startMs;
}

/** What systemd or Docker does: starts it again whenever it ends. */
async function superviseUntilApplied(program: Program): Promise<{ deaths: number }> {
  for (let deaths = 0; deaths < 10; deaths += 1) {
    program.spawn(failpoint);
    const sql = await program.sql();
    const isDone = await Promise.race([untilApplied(sql, appliedMsMax).then(() => true), program.ended().then(() => false)]).finally(() =>
      sql.end(),
    );
    if (isDone) {
      await program.ready();
      return { deaths };
    }
  }
  throw new Error(`It never came to rest: ${program.output}`);
}

async function assertParked(program: Program, numbers: readonly WhatsAppNumber[], bodies: readonly Body[]): Promise<void> {
  const guilty = bodies[3]?.updates[7];
  const owner = numbers.find((number) => number === guilty?.number);
  assert.ok(guilty !== undefined && owner !== undefined);
  const parked = await program.call("GET", "parked", undefined, owner.key);
  assert.equal(parked.json.data.length, 1);
  assert.equal(parked.json.data[0].reason, "crashed_worker");
  assert.equal(parked.json.data[0].update.id, guilty.wamid);

  // Without the fault, a replay moves it where it belongs.
  await program.kill();
  await program.start();
  const replayed = await program.call("POST", `parked/${parked.json.data[0].id}/replay`, {}, owner.key);
  assert.equal(Math.floor(replayed.status / 100), 2);
  const sql = await program.sql();
  try {
    await untilApplied(sql);
    const { rows } = await sql.query("select 1 from whatsapp_messages where wa_message_id = $1", [guilty.wamid]);
    assert.equal(rows.length, 1);
  } finally {
    await sql.end();
  }
  const stats = await program.call("GET", "stats");
  assert.equal(stats.json.parked, 0);
}
