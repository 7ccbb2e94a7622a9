import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { readSources } from "./support/imports.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const run = promisify(execFile);

/** The tools by their own files, so that they run on the Node of this test, whatever the system's is. */
const tools: readonly [string, string, string[]][] = [
  ["The tree is formatted", "oxfmt/bin/oxfmt", ["--check", "."]],
  [
    "The linter finds nothing, types included",
    "oxlint/bin/oxlint",
    ["--type-aware", "--report-unused-disable-directives", "--deny-warnings", "."],
  ],
  ["The types hold", "typescript/bin/tsc", ["-p", "."]],
  ["The types of the inbox hold", "typescript/bin/tsc", ["-p", "inbox"]],
  ["No file, export or dependency is unused", "knip/bin/knip.js", ["--no-progress"]],
];

for (const [guarantee, tool, args] of tools) {
  test(guarantee, async () => {
    const found = await run(process.execPath, [fileURLToPath(new URL(`../node_modules/${tool}`, import.meta.url)), ...args], {
      cwd: root,
      maxBuffer: 2 ** 24,
    }).catch((error: { stdout?: string; stderr?: string }) => ({ stdout: "failed", ...error, failed: true }));
    assert.ok(!("failed" in found), `${found.stdout}\n${found.stderr}`);
  });
}

test("A file of src is named in kebab-case after what it holds", async () => {
  const sources = await readSources();
  const misnamed = sources.filter(({ path }) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.worker)?\.ts$/.test(basename(path))).map(({ path }) => path);
  assert.deepEqual(misnamed, []);
  const buckets = sources.filter(({ path }) => /^(utils?|helpers?|types|common|misc)\.ts$/.test(basename(path))).map(({ path }) => path);
  assert.deepEqual(buckets, []);
});

test("Only syntax that Node itself strips: no enum, no namespace, no parameter property", async () => {
  for (const { path, text } of await readSources()) {
    assert.doesNotMatch(text, /^\s*(export )?(const )?(enum|namespace) \w/m, path);
    assert.doesNotMatch(text, /constructor\([^)]*\b(private|public|protected|readonly) \w/, path);
  }
});

test("A migration's name is its number and what it makes, and the numbers have no gap", async () => {
  const names = (await readdir(new URL("../db/migrations/", import.meta.url))).toSorted();
  for (const [index, name] of names.entries()) {
    assert.match(name, /^\d{4}_[a-z0-9_]+\.sql$/);
    assert.equal(Number(name.slice(0, 4)), index + 1, name);
  }
});

test("No file of the project names a machine's own folders", async () => {
  const { stdout } = await run("git", ["ls-files", "-co", "--exclude-standard", "-z"], { cwd: root }).catch(() => ({ stdout: "" }));
  const names = stdout
    .split("\0")
    .filter((name) => /\.(ts|md|sql|json|js|cjs|html|css)$/.test(name) && !name.endsWith("package-lock.json"));
  // Written in two parts, so that this file does not find itself.
  const places = new RegExp(["/work", "/main|/home", "/|/Users", "/"].join(""));
  for (const name of names) {
    const text = await readFile(new URL(`../${name}`, import.meta.url), "utf8").catch(() => "");
    assert.doesNotMatch(text, places, name);
  }
});
