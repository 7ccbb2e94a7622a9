/** The program: environment → config → parts → run. The only file that reads the environment and ends the process. */
import { flushCompileCache } from "node:module";
import { startProgram, type Program } from "./compose.ts";
import { ConfigError, helpText, readConfig } from "./config.ts";
import { EmbeddedRefusal } from "./db/embedded-account.ts";
import { DatabaseRefusal } from "./db/open.ts";
import { limits } from "./limits.ts";

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const starting = new AbortController();
let program: Program | null = null;
let started: Promise<unknown> = Promise.resolve();
let isStopping = false;

async function main(): Promise<void> {
  if (process.argv.includes("--help") || process.argv.includes("-h")) {
    say(helpText());
    return;
  }
  process.on("SIGTERM", () => void stop("SIGTERM"));
  process.on("SIGINT", () => void stop("SIGINT"));
  const startup = startProgram(readConfig(process.env), { progress: say }, starting.signal);
  started = startup.catch(() => undefined);
  program = await startup;
  if (starting.signal.aborted) return;
  say(`Kesher listens on ${program.address}`);
  // A process that is killed keeps nothing.
  flushCompileCache();
  if (program.firstAccountLink !== null) {
    say(
      `Nobody can sign in yet. Make the first account, which runs the whole system, by this link (it works once): ${program.firstAccountLink}`,
    );
  }
  if (program.sandbox !== null) {
    const { signInLink, apiKey, phoneNumberId } = program.sandbox;
    say("This is the sandbox: a demo tenant and a stand-in for Meta. Nothing leaves this machine.");
    say(`Open this link once to sign in: ${signInLink}`);
    if (apiKey !== null)
      say(`API key of the demo tenant, shown this once: ${apiKey} (its number has the phone_number_id ${phoneNumberId})`);
    say("To connect the real Meta, set META_APP_ID, META_APP_SECRET, META_VERIFY_TOKEN and ENCRYPTION_KEYS (see --help).");
  }
}

/** A second signal does not wait. */
async function stop(why: string): Promise<void> {
  if (isStopping) process.exit(1);
  isStopping = true;
  // Whatever hangs must not keep the process for more than its 10 s.
  setTimeout(() => process.exit(1), limits.stopMsMax).unref();
  starting.abort();
  // A start that is under way ends by itself, whole or given up, before anything can be left behind.
  await started;
  await Promise.resolve();
  await program?.stop(why);
  process.exit(0);
}

main().catch((error: unknown) => {
  if (starting.signal.aborted) return;
  const isRefusal = error instanceof ConfigError || error instanceof EmbeddedRefusal || error instanceof DatabaseRefusal;
  process.stderr.write(
    isRefusal
      ? `${error.message}\n`
      : `Kesher could not start: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  if (error instanceof Error && error.cause instanceof Error && !isRefusal) process.stderr.write(`Because: ${error.cause.message}\n`);
  process.exit(1);
});
