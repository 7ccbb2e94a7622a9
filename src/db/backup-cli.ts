/** `npm run backup [-- <folder>]` and `npm run restore -- <folder>`, for the embedded database. */
import { EmbeddedRefusal } from "./embedded-account.ts";
import { backup } from "./backup.ts";
import { restore } from "./restore.ts";

const usage = "usage: npm run backup [-- <new folder>]\n       npm run restore -- <folder of a backup>\n";

/** Answers the exit code: 0 done, 1 failed, 2 asked wrongly. */
async function main(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const [verb, folder, ...more] = argv;
  if ((verb !== "backup" && verb !== "restore") || more.length > 0 || (verb === "restore" && folder === undefined)) {
    process.stderr.write(usage);
    return 2;
  }
  if (env["DATABASE_URL"] !== undefined && env["DATABASE_URL"] !== "") {
    process.stderr.write(
      `DATABASE_URL is set, so the data is in a PostgreSQL of your own: use its tools, for example pg_basebackup or pg_dump. ` +
        `${verb} is only for the embedded database; unset DATABASE_URL for that.\n`,
    );
    return 2;
  }
  const chosen = env["DATA_DIR"] === "" ? undefined : env["DATA_DIR"];
  const where = {
    dataDir: chosen ?? "./data",
    dataDirIsDefault: chosen === undefined,
    onProgress: (message: string) => void process.stderr.write(`${message}\n`),
  };
  try {
    if (verb === "backup") process.stdout.write(`${(await backup({ ...where, target: folder })).target}\n`);
    else await restore({ ...where, source: folder ?? "" });
    return 0;
  } catch (error) {
    process.stderr.write(
      error instanceof EmbeddedRefusal ? `${error.message}\n` : `${error instanceof Error ? error.stack : String(error)}\n`,
    );
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2), process.env);
