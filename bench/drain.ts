/** How fast a backlog is worked off: taken in by `ROLE=web` while no worker runs, then applied by `ROLE=worker`. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { startEmbedded } from "../src/db/embedded.ts";
import { feed } from "./measure.ts";
import { openSql, setUp, startProgram } from "./program.ts";
import { notePeers, seedOutbound, settle } from "./seed.ts";
import { deckMaker } from "./sustain.ts";
import { until, type Workbench } from "./workbench.ts";
import { contactCount } from "./world.ts";

export type Drained = { updates: number; perSecond: number };

const drainMsMax = 900_000;

export async function runDrain(bench: Workbench): Promise<Drained> {
  const dataDir = join(bench.directory, "drain-database");
  await mkdir(dataDir, { recursive: true, mode: 0o755 });
  const server = await startEmbedded({ dataDir, log: () => undefined });
  const stopServer = bench.defer(() => server.stop());
  const { host, port } = server.connection;
  const databaseUrl = `postgres://kesher_owner@localhost/kesher?host=${encodeURIComponent(host)}&port=${port}`;
  const sql = openSql(bench, { host, port, database: "kesher" });
  const decks = deckMaker(bench, async (range) => {
    await seedOutbound(sql, range);
    await settle(sql);
  });
  const isApplied = async (): Promise<boolean> => {
    const { rows } = await sql.query<{ left: boolean }>("select exists (select from webhook_pending) as left");
    return rows[0]?.left === false;
  };

  const first = await startProgram(bench, { name: "drain-all", databaseUrl, role: "all" });
  await setUp(first.port);
  const introduction = await decks.make("introduction", contactCount);
  await feed(bench, first.port, introduction);
  await until(isApplied, 120_000, "The introduction is applied");
  await first.stop();
  await notePeers(sql);

  const web = await startProgram(bench, { name: "drain-web", databaseUrl, role: "web" });
  const deck = await decks.make("mix", bench.isQuick ? 200_000 : 1_000_000);
  const { total } = await feed(bench, web.port, deck);
  await web.stop();
  await sql.query("checkpoint");
  bench.say(`drain: a backlog of ${total.updates} updates is there`);

  const startedAt = performance.now();
  const worker = await startProgram(bench, { name: "drain-worker", databaseUrl, role: "worker" });
  const readyMs = performance.now() - startedAt;
  await until(isApplied, drainMsMax, "The backlog is applied", 50);
  const seconds = (performance.now() - startedAt - readyMs) / 1_000;
  await worker.stop();
  const { rows } = await sql.query<{ facts: number }>("select (select count(*) from whatsapp_message_statuses)::float8 as facts");
  if (rows[0]?.facts !== total.facts) throw new Error(`The run is void: ${rows[0]?.facts} status facts instead of ${total.facts}`);
  await sql.end();
  await stopServer();
  bench.say(
    `drain: ${Math.round(total.updates / seconds)}/s, done ${seconds.toFixed(1)} s after the worker was ready (${Math.round(readyMs)} ms)`,
  );
  return { updates: total.updates, perSecond: total.updates / seconds };
}
