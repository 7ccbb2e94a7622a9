/** What a run is compared with, in the same minutes and on the same server: the row-at-a-time reference and the raw limit. */
import { migrate } from "../src/db/migrate.ts";
import type { Target } from "./measure.ts";
import { openSql, readStats } from "./program.ts";
import { portions, runRawLimit, type Portion } from "./raw-limit.ts";
import type { Ready } from "./rates.ts";
import { prepareReference, seedReference, type ReferenceMessage } from "./reference.ts";
import { seedOutbound, seedWorld, settle } from "./seed.ts";
import { deckMaker, sustain, type Sustained } from "./sustain.ts";
import { startChild, type Workbench } from "./workbench.ts";

export type Server = { host: string; port: number };

const referencePerSecondMax = 6_000;
const rawPerSecondMax = 120_000;

/** Throws when it holds no rate at all: there is nothing to compare with then. */
export async function runReference(bench: Workbench, { postmaster, sql: program }: Ready["target"], server: Server): Promise<Sustained> {
  const database = "kesher_reference";
  await program.query(`create database ${database} owner kesher_owner`);
  const owner = openSql(bench, { ...server, database, user: "kesher_owner" });
  await prepareReference(owner);
  const child = startChild<ReferenceMessage>(bench, new URL("reference.ts", import.meta.url), {
    args: [server.host, String(server.port), database],
  });
  const { port } = await child.next(30_000);
  // Statistics need the superuser.
  const sql = openSql(bench, { ...server, database });
  const target: Target = { name: "reference", port, pid: child.pid, postmaster, sql, stats: () => readStats(port) };
  const decks = deckMaker(bench, (range) => seedReference(owner, range));
  const push = { warmMs: 1_000, measureMs: 5_000 };
  const sustained = await sustain(bench, target, decks, { shape: "mix", perSecondMax: referencePerSecondMax, push });
  await child.stop();
  await sql.end();
  await owner.end();
  await program.query(`drop database ${database} with (force)`);
  if (sustained.perSecond === 0) throw new Error("The reference held no rate: the machine is too busy");
  return sustained;
}

/** Updates a second of this kind, in a database of its own. */
export async function runRaw(bench: Workbench, { sql: program }: Ready["target"], server: Server, portion: Portion): Promise<number> {
  const database = "kesher_raw";
  await program.query(`create database ${database} owner kesher_owner`);
  const login = { ...server, user: "kesher_owner", database };
  await migrate(login, () => undefined);
  const sql = openSql(bench, { ...server, database });
  const peers = await seedWorld(sql);
  const seconds = bench.isQuick ? 6 : 30;
  const outbound = portions[portion].outbound === 0 ? 0 : Math.ceil((rawPerSecondMax * seconds) / 4 / 20) * 20;
  if (outbound > 0) await seedOutbound(sql, { first: 0, count: outbound, perBlock: 20 });
  await settle(sql);
  const raw = await runRawLimit(login, peers, { portion, seconds, outbound });
  const { rows } = await sql.query<{ messages: number; facts: number; behind: number }>(
    `select (select count(*) from whatsapp_messages where direction = 'inbound')::float8 as messages, (select count(*) from whatsapp_message_statuses)::float8 as facts,
       (select count(*) from whatsapp_messages where status = 'read')::float8 as behind`,
  );
  const [counts] = rows;
  if (counts?.messages !== raw.messages || counts.facts !== raw.facts || counts.behind !== raw.projected) {
    throw new Error(`The raw limit is void: it wrote ${JSON.stringify(counts)} for ${JSON.stringify(raw)}`);
  }
  await sql.end();
  await program.query(`drop database ${database} with (force)`);
  bench.say(`raw limit, ${portion}: ${Math.round(raw.perSecond)}/s over ${raw.seconds.toFixed(1)} s of writing; the counts match`);
  return raw.perSecond;
}
