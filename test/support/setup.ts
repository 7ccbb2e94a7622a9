/** Once for a whole run of the tests: the server that all test processes share. A file that is run alone starts its own. */
import { fileURLToPath } from "node:url";
import { startInboxBuild } from "../../src/inbox-build.ts";
import { startTestServer } from "./server.ts";

/** Holds the `TestServer` as JSON for the test processes. */
export const serverVariable = "KESHER_TEST_SERVER";

let stop: (() => Promise<void>) | null = null;

export async function globalSetup(): Promise<void> {
  // Programs that tests start find it built.
  const [started] = await Promise.all([startTestServer(), startInboxBuild(() => undefined).folder.catch(() => null)]);
  stop = started.stop;
  process.env[serverVariable] = JSON.stringify(started.server);
  // Each file is a process of its own, and most of them read the same sources.
  process.env["NODE_COMPILE_CACHE"] = fileURLToPath(new URL("../../node_modules/.cache/kesher-compile", import.meta.url));
}

export async function globalTeardown(): Promise<void> {
  await stop?.();
}
