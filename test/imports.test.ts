import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import * as queue from "../src/queue/index.ts";
import * as whatsapp from "../src/services/whatsapp/index.ts";
import { architecture, findCycle, layerOf, layers, readSources, tableText, violations, type Source } from "./support/imports.ts";

const sources = await readSources();
const planted = (path: string, text: string): Source => ({ path, text });

test("Imports go one way: every import of src is one that the table allows", () => {
  assert.ok(sources.length > 80);
  assert.deepEqual(violations(sources), []);
});

test("An import against the table is found, whatever its form", () => {
  const bad = [
    planted("src/core/window.ts", 'import { openPool } from "../db/pool.ts";'),
    planted("src/services/whatsapp/graph/decode.ts", 'import type { Tx } from "../../../db/transaction.ts";'),
    planted("src/http/server.ts", 'import {\n  createSandbox,\n} from "../sandbox/sandbox.ts";'),
    planted("src/queue/work.ts", 'export { x } from "../http/route.ts";'),
    planted("src/services/tenants/tenants.ts", 'const pg = await import("pg");'),
    planted("src/core/ids.ts", 'import { parseConfig } from "../config.ts";'),
    planted("src/core/text.ts", 'import { readFile } from "node:fs/promises";'),
    planted("src/webhooks/receive.ts", 'import "fastify";'),
    planted("src/http/route.ts", 'type A = import("../compose.ts").Program;'),
    planted("src/elsewhere/new.ts", 'import "../limits.ts";'),
  ];
  assert.deepEqual(
    bad.filter((source) => violations([source]).length === 0).map(({ path }) => path),
    [],
  );
});

test("No file imports itself over others", () => {
  assert.equal(findCycle(sources), null);
  const circle = [planted("src/core/a.ts", 'import { b } from "./b.ts";'), planted("src/core/b.ts", 'import { a } from "./a.ts";')];
  assert.deepEqual(findCycle(circle), ["src/core/a.ts", "src/core/b.ts", "src/core/a.ts"]);
});

test("The table itself goes one way", () => {
  const below = new Set<string>();
  for (const { name, sees } of layers) {
    assert.deepEqual(
      sees.filter((seen) => !below.has(seen.replace("type ", ""))),
      [],
      name,
    );
    below.add(name);
  }
});

test("Every file of src belongs to a layer, and every layer has a file", () => {
  const used = new Set(sources.map((source) => layerOf(source.path)));
  assert.deepEqual(
    layers.filter(({ name }) => !used.has(name)).map(({ name }) => name),
    [],
  );
});

test("Only the two public faces re-export, nothing is exported by default, and files are imported with their ending", () => {
  const faces = ["src/queue/index.ts", "src/services/whatsapp/index.ts"];
  const reExports = sources
    .filter(({ text }) => /^export\s+(type\s+)?(\*|\{[^}]*\})\s*(as \w+ )?from\b/m.test(text))
    .map(({ path }) => path);
  assert.deepEqual(
    reExports.filter((path) => !faces.includes(path)),
    [],
  );
  assert.deepEqual(
    sources.filter(({ text }) => /^export default\b/m.test(text)).map(({ path }) => path),
    [],
  );
  assert.deepEqual(
    sources.filter(({ text }) => /from "\.\.?\/[^"]*(?<!\.ts)"/.test(text)).map(({ path }) => path),
    [],
  );
});

test("The environment is read in index.ts (and by the backup's command) only, and only graph/client.ts, call.ts and media-client.ts call out", () => {
  const readers = sources.filter(({ text }) => /\bprocess\.env\b/.test(text)).map(({ path }) => path);
  assert.deepEqual(readers, ["src/db/backup-cli.ts", "src/index.ts", "src/rotate-keys.ts"]);
  const callers = sources.filter(({ text }) => /(?<![\w.$-])fetch(\(|\s*\})/.test(text)).map(({ path }) => path);
  assert.deepEqual(
    callers.filter((path) => !path.startsWith("src/sandbox/")),
    ["call", "client", "media-client"].map((name) => `src/services/whatsapp/graph/${name}.ts`),
  );
});

test("ARCHITECTURE.md shows this table", async () => {
  const document = await readFile(architecture, "utf8");
  assert.ok(document.includes(tableText()), `ARCHITECTURE.md must hold this table:\n\n${tableText()}\n`);
});

test("The public faces export what others may rely on", () => {
  const functions = [
    "openConversationWindow",
    "getConversation",
    "isWindowOpen",
    "incrementMessageCount",
    "getConversationById",
    "isConversationWindowOpen",
  ];
  for (const name of functions) assert.ok(Object.hasOwn(whatsapp, name), name);
  for (const name of ["startWorkers", "stopWorkers", "lanes", "applyMessages", "applyStatuses"])
    assert.ok(Object.hasOwn(queue, name), name);
});
