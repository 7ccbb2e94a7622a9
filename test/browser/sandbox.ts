/** The real program in its sandbox, for tests in a browser: started, signed in to, and the customers' side of it. */
import { AxeBuilder } from "@axe-core/playwright";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { sign } from "../../src/core/signature.ts";
import { makeProgram, until, type Program } from "../support/program.ts";

type Scope = { after(fn: () => Promise<void>): void };
// oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers whose shape they are about to assert.
type Json = any;

export const waitMs = 60_000;

export type BrowserSandbox = {
  program: Program;
  /** Signs in once. */
  link: string;
  /** A body as Meta would post it, signed with the program's own secret. */
  post: (body: object | string) => Promise<void>;
};

export async function startBrowserSandbox(t: Scope): Promise<BrowserSandbox> {
  const program = await makeProgram(t, { sandbox: "newcomer" });
  program.spawn();
  // How fast it starts is another test's matter (I12).
  await program.ready(120_000);
  await until("the console shows the link", waitMs, () => /sign in: \S+\n/.test(program.output));
  await until("the inbox is built and served", 180_000, async () => (await fetch(`${program.url}/`)).status === 200);
  const kept: Json = JSON.parse(await readFile(join(program.dataDir, "sandbox.json"), "utf8"));
  const post = async (body: object | string): Promise<void> => {
    const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
    const headers = { "content-type": "application/json", "x-hub-signature-256": sign(bytes, String(kept.appSecret)) };
    const answer = await fetch(`${program.url}/webhook/whatsapp`, { method: "POST", headers, body: bytes });
    assert.equal(answer.status, 200);
  };
  return { program, link: /sign in: (\S+)\n/.exec(program.output)?.[1] ?? assert.fail("no link"), post };
}

/** The customers and the faults, by the page's own session. */
export async function control(page: Page, method: string, path: string, body?: object): Promise<Json> {
  return ask(page, method, `/sandbox/control/${path}`, body);
}

/** A request of the page itself. */
export async function ask(page: Page, method: string, path: string, body?: object): Promise<Json> {
  const { status, text } = await page.evaluate(
    async ([verb, target, json]) => {
      const answer = await fetch(target, {
        method: verb,
        ...(json === null ? {} : { body: json, headers: { "content-type": "application/json" } }),
      });
      return { status: answer.status, text: await answer.text() };
    },
    [method, path, body === undefined ? null : JSON.stringify(body)] as const,
  );
  assert.ok(status < 300, `${path}: ${text}`);
  return text === "" ? null : JSON.parse(text);
}

const axeTags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/** By way of who brings it: a dependency of ours it is not. */
const { source } = createRequire(import.meta.resolve("@axe-core/playwright"))("axe-core") as { source: string };

/**
 * The inbox has no frames, so Axe may run in the page alone: otherwise it opens another page for each look, only to put the frames' results
 * together. It is read into a document once.
 */
export async function expectAccessible(page: Page, what: string): Promise<void> {
  assert.equal(page.frames().length, 1);
  if (!(await page.evaluate<boolean>("'axe' in globalThis"))) await page.evaluate(source);
  const axe = new AxeBuilder({ page, axeSource: "0" });
  axe.setLegacyMode().options({ runOnly: { type: "tag", values: axeTags }, resultTypes: ["violations"] });
  const { violations } = await axe.analyze();
  const found = violations.map(({ id, nodes }) => `${what}: ${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`);
  assert.deepEqual(found, []);
}
