/**
 * `npm run rotate-keys`: all stored secrets are wrapped by the first key of ENCRYPTION_KEYS. With the program's own settings, while it runs or not:
 * first the new key is put before the old one and every node is restarted, then this, then the old key is taken out.
 */
import { ConfigError, readConfig, type Config } from "./config.ts";
import { EmbeddedRefusal } from "./db/embedded-account.ts";
import { startEmbedded } from "./db/embedded.ts";
import type { Server } from "./db/pool.ts";
import { openKeysPool, rotateKeys, type KeyUse } from "./db/rotate-keys.ts";

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Answers the exit code: 0 no other key is in use, 1 some is, or it failed, 2 there is nothing to do here. */
async function main(config: Config): Promise<number> {
  const [first, ...older] = config.encryptionKeys;
  if (first === undefined) {
    say("ENCRYPTION_KEYS is not set: the sandbox makes its one key itself, and there is nothing to rotate.");
    return 2;
  }
  say(`Wrapping all secrets by the key "${first.id}"; may open: ${[first, ...older].map(({ id }) => `"${id}"`).join(", ")}.`);
  return withServer(config, async (server) => {
    const db = openKeysPool(server, () => undefined);
    try {
      const { rewrapped, problems, inUse } = await rotateKeys(db, config.encryptionKeys, say);
      for (const problem of problems) say(problem);
      for (const use of inUse) say(`  in use: ${told(use)}`);
      const left = inUse.filter(({ keyId }) => keyId !== first.id);
      if (left.length > 0) {
        say(`Not done: other keys are still in use (${left.map(told).join("; ")}). Keep them in ENCRYPTION_KEYS.`);
        say("If a node still runs without the new key, restart it with the same ENCRYPTION_KEYS as here; then run this again.");
        return 1;
      }
      say(
        `Done: ${rewrapped} secrets were wrapped anew, and only the key "${first.id}" is in use. The others can be taken out of ENCRYPTION_KEYS.`,
      );
      return 0;
    } finally {
      await db.pool.end();
    }
  });
}

function told({ table, column, keyId, secrets }: KeyUse): string {
  return `key "${keyId}" by ${secrets} in ${table}.${column}`;
}

/** The embedded server is started for the time if it does not run. */
async function withServer(config: Config, work: (server: Server) => Promise<number>): Promise<number> {
  if (config.databaseUrl !== null) return work({ connectionString: config.databaseUrl });
  const { dataDir, dataDirIsDefault } = config;
  const embedded = await startEmbedded({ dataDir, dataDirIsDefault, log: () => undefined, onProgress: say });
  await embedded.release();
  try {
    return await work(embedded.connection);
  } finally {
    if (!embedded.adopted) await embedded.stop();
  }
}

try {
  process.exitCode = await main(readConfig(process.env));
} catch (error) {
  const isRefusal = error instanceof ConfigError || error instanceof EmbeddedRefusal;
  process.stderr.write(`${isRefusal ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
}
