/** A node that takes jobs and never finishes one: `node jobs-child.ts <server as JSON>`. It says `took <id>` for each. */
import { startJobs } from "../../src/queue/jobs.ts";
import type { Server } from "../../src/db/pool.ts";

await startJobs({
  // Written by the test that starts this process.
  server: JSON.parse(process.argv[2] ?? "") as Server,
  handlers: {
    "media-fetch": async ({ mediaId }) => {
      process.stdout.write(`took ${mediaId}\n`);
      await new Promise(() => undefined);
    },
    "template-sync": async () => undefined,
    "template-sweep": async () => undefined,
  },
  onError: (error) => process.stderr.write(`${String(error)}\n`),
  onFailed: () => undefined,
});
process.stdout.write("ready\n");
