import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

const text = await readFile(new URL("../SECURITY.md", import.meta.url), "utf8");
const rows = text
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| ---") && !/^\| (?:threat|address) \|/.test(line));

test("every threat of SECURITY.md names what guards against it and a test that there is", async () => {
  assert.ok(rows.length >= 70, String(rows.length));
  const faults: string[] = [];
  for (const row of rows) {
    const [, threat = "", guard = "", covered = ""] = row.split(/ ?\| ?/);
    const [, file, name] = /^`([a-z0-9-]+)`: (.{10,})$/.exec(covered) ?? [];
    if (threat === "" || guard === "") faults.push(`${row}: nothing guards`);
    else if (file === undefined || name === undefined) faults.push(`${threat}: names no test`);
    else if (!(await hasTest(file, name))) faults.push(`${threat}: ${file} has no test "${name}…"`);
  }
  assert.deepEqual(faults, []);
});

test("a test that is not there is noticed", async () => {
  assert.equal(await hasTest("security-document", "a test that is not there is"), true);
  assert.equal(await hasTest("security-document", "a test that never was"), false);
  assert.equal(await hasTest("no-such-file", "a test"), false);
});

async function hasTest(file: string, name: string): Promise<boolean> {
  const url = new URL(`${file}.test.ts`, import.meta.url);
  if (!existsSync(url)) return false;
  // Names that quote are written with escapes.
  return new RegExp(`test\\(\\s*["'\`]${RegExp.escape(name)}`).test((await readFile(url, "utf8")).replaceAll(/\\(["'`])/g, "$1"));
}
