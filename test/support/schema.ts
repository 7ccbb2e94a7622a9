/** `npm run schema`: writes db/schema.txt from a freshly migrated database. */
import { writeFile } from "node:fs/promises";
import { describeCatalogue } from "../../src/db/catalogue.ts";
import { openPool } from "../../src/db/pool.ts";
import { startTestServer } from "./server.ts";

const { server, stop } = await startTestServer();
const owner = openPool(server.owner, {
  role: "owner",
  name: "schema",
  connectionsMax: 1,
  statementTimeoutMs: 0,
  onError: (error) => process.emitWarning(error),
});
try {
  await writeFile(new URL("../../db/schema.txt", import.meta.url), await describeCatalogue(owner));
} finally {
  await owner.pool.end();
  await stop();
}
