import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import Fastify from "fastify";
import { registerInboxFiles } from "../src/http/inbox-files.ts";
import { registerProblems } from "../src/http/problems.ts";
import { startInboxBuild } from "../src/inbox-build.ts";

const sourceFolder = new URL("../inbox/src/", import.meta.url).pathname;
const initialBytesMax = 250_000;
/** HTML from strings, styles and scripts that the policy refuses, and addresses that are followed unseen. */
const sinks =
  /dangerouslySetInnerHTML|\.innerHTML|\.outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser|\.srcdoc|\beval\(|new Function|createElement\("(?:style|script)"\)|<(?:style|script|iframe)\b/;

async function sourcesOf(folder: string): Promise<{ path: string; text: string }[]> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => /\.tsx?$/.test(name));
  return Promise.all(names.map(async (path) => ({ path, text: await readFile(join(folder, path), "utf8") })));
}

/** Everything of ours that an import names, from the contract on. */
function foreignImports(text: string): string[] {
  return Array.from(text.matchAll(/import (type )?[^;]*?from "((?:\.\.\/)+src\/[^"]+)"/g)).flatMap(([, isType, from]) =>
    isType !== undefined && /^(?:\.\.\/)+src\/contract\/[a-z-]+\.ts$/.test(from ?? "") ? [] : [from ?? ""],
  );
}

test("The client takes nothing of the program but the contract's types, and makes no HTML from strings", async () => {
  const sources = await sourcesOf(sourceFolder);
  assert.ok(sources.length > 60);
  for (const { path, text } of sources) {
    assert.deepEqual(foreignImports(text), [], path);
    assert.doesNotMatch(text, sinks, path);
  }
  // The checks can fail.
  assert.deepEqual(foreignImports('import { limits } from "../../../src/limits.ts";'), ["../../../src/limits.ts"]);
  assert.deepEqual(foreignImports('import { Message } from "../../../src/contract/messages.ts";'), ["../../../src/contract/messages.ts"]);
  for (const bad of ["<div dangerouslySetInnerHTML={x} />", "a.innerHTML = b", 'createElement("style")', "<style>{css}</style>"])
    assert.match(bad, sinks);
});

test("Sides are logical: nothing in the client is left or right, since Hebrew begins at the other side", async () => {
  const physical = /["\s](?:-?(?:ml|mr|pl|pr|left|right|border-l|border-r|rounded-l|rounded-r)-|text-left|text-right|float-)/;
  for (const { path, text } of await sourcesOf(sourceFolder)) assert.doesNotMatch(text, physical, path);
  assert.match('"ml-2"', physical);
});

test("What the browser loads first is less than 250 kB compressed, and other languages and screens come when they are opened", async () => {
  const folder = await startInboxBuild(() => undefined).folder;
  const manifest = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")) as Record<
    string,
    { file: string; imports?: string[]; isEntry?: boolean; src?: string }
  >;
  const [entry] = Object.keys(manifest).filter((name) => manifest[name]?.isEntry === true);
  const first = new Set<string>();
  const follow = (name: string): void => {
    const chunk = manifest[name];
    if (chunk === undefined || first.has(chunk.file)) return;
    first.add(chunk.file);
    for (const next of chunk.imports ?? []) follow(next);
  };
  follow(entry ?? "");
  const sizes = await Promise.all([...first].map(async (file) => (await readFile(join(folder, `${file}.gz`))).length));
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  assert.ok(bytes > 50_000 && bytes < initialBytesMax, `${bytes} bytes`);
  for (const later of [
    "src/texts/en/all.ts",
    "src/texts/ar/all.ts",
    "src/screens/overview.tsx",
    "src/app/command-menu.tsx",
    "src/composer/template-picker.tsx",
  ]) {
    assert.ok(!first.has(manifest[later]?.file ?? assert.fail(later)), later);
  }
});

test("The files are served compressed, those with a hash for ever, the page afresh, with a policy that lets nothing in", async (t) => {
  const fastify = Fastify();
  registerProblems(fastify);
  registerInboxFiles(fastify, {
    folder: startInboxBuild(() => undefined).folder,
    onFailed: (error) => assert.fail(String(error)),
  });
  t.after(() => fastify.close());
  const get = (url: string, headers: Record<string, string> = {}) => fastify.inject({ method: "GET", url, headers });
  while ((await get("/")).statusCode === 503) await new Promise((resolve) => setImmediate(resolve));

  const page = await get("/inbox/all/0190", { "accept-encoding": "gzip, deflate, br" });
  assert.equal(page.statusCode, 200);
  assert.equal(page.headers["content-encoding"], "br");
  assert.equal(page.headers["cache-control"], "no-cache");
  const html = brotliDecompressSync(page.rawPayload).toString();
  assert.doesNotMatch(html, /<style|style=|<script(?![^>]*src=)|https?:/);
  const policy = String(page.headers["content-security-policy"]);
  assert.doesNotMatch(policy, /unsafe|\*|https?:/);
  for (const part of [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ]) {
    assert.ok(policy.includes(part), part);
  }
  assert.equal((await get("/", { "if-none-match": String(page.headers["etag"]) })).statusCode, 304);

  const script = /src="(\/assets\/[^"]+\.js)"/.exec(html)?.[1] ?? assert.fail("no script");
  const asset = await get(script, { "accept-encoding": "gzip" });
  assert.match(String(asset.headers["cache-control"]), /immutable/);
  assert.match(String(asset.headers["content-type"]), /^text\/javascript/);
  assert.ok(gunzipSync(asset.rawPayload).length > asset.rawPayload.length);
  assert.equal((await get(script)).headers["content-encoding"], undefined);

  for (const path of ["/api/v1/nothing", "/assets/gone.js", "/v26.0/x", "/webhook/else", "/sandbox/x", "/auth/x", "/metrics/x"]) {
    assert.equal((await get(path)).statusCode, 404, path);
  }
  for (const path of ["/../package.json", "/%2e%2e/package.json", "/assets/..%2f..%2fpackage.json"]) {
    assert.doesNotMatch((await get(path)).payload, /kesher"/, path);
  }
});

test("Until it is built the program says so, and a build that failed is told as such", async (t) => {
  let fail: (error: Error) => void = () => undefined;
  const failures: unknown[] = [];
  const fastify = Fastify();
  registerProblems(fastify);
  const folder = new Promise<string>((_, reject) => {
    fail = reject;
  });
  registerInboxFiles(fastify, { folder, onFailed: (error) => failures.push(error) });
  t.after(() => fastify.close());
  const building = await fastify.inject("/");
  assert.equal(building.statusCode, 503);
  assert.match(building.payload, /being built[^]*http-equiv|http-equiv[^]*being built/);
  fail(new Error("no"));
  await new Promise((resolve) => setImmediate(resolve));
  const failed = await fastify.inject("/");
  assert.equal(failed.statusCode, 503);
  assert.doesNotMatch(failed.payload, /refresh/);
  assert.equal(failures.length, 1);
});
