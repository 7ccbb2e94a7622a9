/** A checker is only believed after it went red: each known bug is planted into the program, and the test that guards against it must fail. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { plants } from "./support/planted-bug.ts";
import { startTestServer } from "./support/server.ts";
import { serverVariable } from "./support/setup.ts";

let stop: (() => Promise<void>) | null = null;

before(async () => {
  if (process.env[serverVariable] !== undefined) return;
  const started = await startTestServer();
  stop = started.stop;
  process.env[serverVariable] = JSON.stringify(started.server);
});
after(() => stop?.());

for (const [bug, { caughtBy }] of Object.entries(plants)) {
  test(`the tests notice: ${bug}`, { timeout: 60_000 }, async () => {
    const { code, output } = await runPlanted(bug, caughtBy);
    assert.match(output, /^Planted: /m, output);
    assert.notEqual(code, 0, `nobody noticed:\n${output}`);
    assert.ok(failedTests(output).includes(caughtBy.test), `it was not the test that should notice:\n${output}`);
    assert.match(output, /code: 'ERR_ASSERTION'/, "it failed, but not by what it asserts");
  });
}

test("without a planted bug the same tests pass", { timeout: 60_000 }, async () => {
  const { code, output } = await runPlanted(null, { file: "test/faults-races.test.ts", test: "" });
  assert.equal(code, 0, output);
});

/** An empty name runs the whole file. */
async function runPlanted(
  bug: string | null,
  { file, test: name }: { file: string; test: string },
): Promise<{ code: number; output: string }> {
  const root = new URL("..", import.meta.url);
  const args = ["--import", "./test/support/loopback.ts", "--import", "./test/support/planted-bug.ts", "--test-reporter=tap"];
  const only = name === "" ? [] : [`--test-name-pattern=^${name.replaceAll(/[^\w ,]/g, ".")}$`];
  const child = spawn(process.execPath, [...args, ...only, file], {
    cwd: root,
    env: {
      PATH: process.env["PATH"] ?? "",
      [serverVariable]: process.env[serverVariable] ?? "",
      ...(bug === null ? {} : { KESHER_PLANTED_BUG: bug }),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (text: Buffer) => (output += text.toString()));
  child.stderr.on("data", (text: Buffer) => (output += text.toString()));
  const [code] = (await once(child, "exit")) as [number | null];
  return { code: code ?? -1, output };
}

function failedTests(tap: string): string[] {
  return [...tap.matchAll(/^not ok \d+ - (.*)$/gm)].map(([, name = ""]) => name.replaceAll("\\#", "#"));
}
