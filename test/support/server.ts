/** The one embedded server of a test run: small, and as durable as in production, because that is what the tests are about. */
import { rmSync } from "node:fs";
import { chmod, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { startEmbedded } from "../../src/db/embedded.ts";
import { migrate } from "../../src/db/migrate.ts";
import type { Server } from "../../src/db/pool.ts";
import { installJobs } from "../../src/queue/jobs.ts";

/** Both name the same cluster; a test's own database takes the place of `database`. */
export type TestServer = { owner: Server & { database: string }; superuser: Server & { database: string } };

/** Starts it and brings its database `kesher`, the template of all clones, up to the newest migration. */
export async function startTestServer(): Promise<{ server: TestServer; stop(): Promise<void> }> {
  const root = await realpath(await mkdtemp(join(tmpdir(), "kesher-test-")));
  await chmod(root, 0o755);
  const embedded = await startEmbedded({
    dataDir: join(root, "data"),
    // As root below a folder that others may not enter, it finds itself another place.
    dataDirIsDefault: true,
    log: () => undefined,
    settings: { shared_buffers: "32MB", max_wal_size: "512MB" },
  });
  const folders = embedded.directory.startsWith(root) ? [root] : [dirname(embedded.directory), root];
  const gone = { recursive: true, force: true, maxRetries: 5 };
  // The server outlives its program by design; a run that is broken off (Ctrl-C) must not leave it behind.
  const abandon = (): void => {
    process.kill(embedded.pid(), "SIGQUIT");
    for (const folder of folders) rmSync(folder, gone);
  };
  process.once("exit", abandon);
  const stop = async (): Promise<void> => {
    process.off("exit", abandon);
    await embedded.stop();
    for (const folder of folders) await rm(folder, gone);
  };
  try {
    await migrateTemplate(embedded.connection);
    return { server: { owner: embedded.connection, superuser: embedded.superuserConnection }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function migrateTemplate(server: Server): Promise<void> {
  await migrate(server, () => undefined);
  await installJobs(server, () => undefined);
}
