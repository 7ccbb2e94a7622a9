/** The table of who may import whom, and what checks the tree against it. */
import { readdir, readFile } from "node:fs/promises";
import { posix } from "node:path";

const root = new URL("../../", import.meta.url);
export const architecture = new URL("ARCHITECTURE.md", root);

export type Source = { path: string; text: string };
type Layer = {
  name: string;
  /** A file, or a folder with all below it that is no layer of its own. */
  at: readonly string[];
  /** Layers; `type x` allows only imports that leave no trace when the program runs. */
  sees: readonly string[];
  /** Packages, and modules of Node where they are limited (null: any module of Node). */
  packages: readonly string[];
  node: readonly string[] | null;
};

/** From the bottom up. A layer always sees itself. */
export const layers: readonly Layer[] = [
  { name: "limits", at: ["src/limits.ts"], sees: [], packages: [], node: [] },
  { name: "failpoint", at: ["src/failpoint.ts"], sees: [], packages: [], node: [] },
  { name: "contract", at: ["src/contract"], sees: ["limits"], packages: ["typebox"], node: [] },
  { name: "core", at: ["src/core"], sees: ["limits", "contract"], packages: [], node: ["node:crypto", "node:assert/strict"] },
  { name: "config", at: ["src/config.ts"], sees: ["limits", "core"], packages: ["typebox"], node: null },
  { name: "db", at: ["src/db"], sees: ["limits", "core"], packages: ["pg", "typebox"], node: null },
  {
    name: "graph",
    at: ["src/services/whatsapp/graph"],
    sees: ["limits", "core", "type contract"],
    packages: [],
    node: ["node:crypto", "node:assert/strict"],
  },
  { name: "telemetry", at: ["src/telemetry"], sees: ["limits", "type config"], packages: ["pino", "prom-client"], node: null },
  { name: "activity", at: ["src/services/activity"], sees: ["limits", "contract", "core", "db"], packages: [], node: null },
  {
    name: "services",
    at: ["src/services"],
    sees: ["limits", "contract", "core", "db", "graph", "activity"],
    packages: ["file-type", "yazl"],
    node: null,
  },
  {
    name: "people",
    at: ["src/people"],
    sees: ["limits", "contract", "core", "db", "activity", "services"],
    packages: ["better-auth", "pg"],
    node: null,
  },
  {
    name: "webhooks",
    at: ["src/webhooks"],
    sees: ["limits", "failpoint", "contract", "core", "db", "graph", "activity", "services"],
    packages: [],
    node: null,
  },
  {
    name: "queue",
    at: ["src/queue"],
    sees: ["limits", "failpoint", "contract", "core", "db", "graph", "activity", "services", "webhooks"],
    packages: ["pg-boss"],
    node: null,
  },
  { name: "sandbox", at: ["src/sandbox"], sees: ["limits", "contract", "core", "graph"], packages: [], node: null },
  {
    name: "http",
    at: ["src/http"],
    sees: ["limits", "contract", "core", "db", "graph", "activity", "services", "people", "webhooks"],
    packages: [
      "fastify",
      "@fastify/fast-json-stringify-compiler",
      "@fastify/multipart",
      "@fastify/swagger",
      "@fastify/swagger-ui",
      "@fastify/type-provider-typebox",
      "typebox",
      "type pino",
    ],
    node: null,
  },
  {
    name: "compose",
    at: [
      "src/compose.ts",
      "src/background.ts",
      "src/upkeep.ts",
      "src/demo.ts",
      "src/platform.ts",
      "src/inbox-build.ts",
      "src/stop-parts.ts",
    ],
    sees: [
      "limits",
      "failpoint",
      "contract",
      "core",
      "config",
      "db",
      "graph",
      "telemetry",
      "activity",
      "services",
      "people",
      "webhooks",
      "queue",
      "sandbox",
      "http",
    ],
    packages: [],
    node: null,
  },
  { name: "index", at: ["src/index.ts", "src/rotate-keys.ts"], sees: ["limits", "config", "db", "compose"], packages: [], node: null },
];

export async function readSources(): Promise<Source[]> {
  const names = await readdir(new URL("src/", root), { recursive: true });
  const paths = names.filter((name) => name.endsWith(".ts")).map((name) => `src/${name.replaceAll("\\", "/")}`);
  return Promise.all(paths.toSorted().map(async (path) => ({ path, text: await readFile(new URL(path, root), "utf8") })));
}

/** The layer with the longest matching place, so that `graph` is not `services`. */
export function layerOf(path: string): string | null {
  let best: { name: string; length: number } | null = null;
  for (const { name, at } of layers) {
    for (const place of at) {
      const matches = path === place || path.startsWith(`${place}/`);
      if (matches && (best === null || place.length > best.length)) best = { name, length: place.length };
    }
  }
  return best?.name ?? null;
}

export function violations(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    const layer = layers.find(({ name }) => name === layerOf(source.path));
    if (layer === undefined) return [`${source.path} belongs to no layer`];
    return importsOf(source)
      .filter((found) => !isAllowed(layer, source, found))
      .map(({ target, isType }) => `${source.path} (${layer.name}) → ${isType ? "type " : ""}${target}`);
  });
}

function isAllowed(layer: Layer, source: Source, { target, isType }: Import): boolean {
  const may = (list: readonly string[], name: string): boolean => list.includes(name) || (isType && list.includes(`type ${name}`));
  if (target.startsWith("node:")) return isType || layer.node === null || layer.node.includes(target);
  if (!target.startsWith(".")) return may(layer.packages, packageOf(target));
  const wanted = layerOf(resolve(source.path, target));
  return wanted !== null && (wanted === layer.name || may(layer.sees, wanted));
}

type Import = { target: string; isType: boolean };

/** Static, re-exporting, bare, dynamic and `import("…")` in types. */
function importsOf({ text }: Source): Import[] {
  const found: Import[] = [];
  const code = text.replaceAll(/\/\*.*?\*\//gs, "").replaceAll(/^\s*\/\/.*$/gm, "");
  for (const [, type, names = "", target = ""] of code.matchAll(/^(?:import|export)\s+(type\s+)?([^;"']*?)\s*from\s+"([^"]+)"/gms)) {
    const inner = /^\{(.*)\}$/s.exec(names.trim())?.[1];
    const allTypes = inner?.split(",").every((part) => part.trim() === "" || part.trim().startsWith("type ")) ?? false;
    found.push({ target, isType: type !== undefined || allTypes });
  }
  for (const [, target = ""] of code.matchAll(/^import\s+"([^"]+)"/gm)) found.push({ target, isType: false });
  for (const [, target = ""] of code.matchAll(/\bimport\(\s*"([^"]+)"/g)) found.push({ target, isType: false });
  return found;
}

function packageOf(target: string): string {
  return target
    .split("/")
    .slice(0, target.startsWith("@") ? 2 : 1)
    .join("/");
}

function resolve(from: string, target: string): string {
  return posix.normalize(posix.join(posix.dirname(from), target));
}

/** The first circle of imports that run, types left out since they are gone by then; null if there is none. */
export function findCycle(sources: readonly Source[]): string[] | null {
  const edges = new Map(
    sources.map((source) => [
      source.path,
      importsOf(source)
        .filter(({ target, isType }) => target.startsWith(".") && !isType)
        .map(({ target }) => resolve(source.path, target)),
    ]),
  );
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]): string[] | null => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return null;
    for (const next of edges.get(path) ?? []) {
      const found = walk(next, [...trail, path]);
      if (found !== null) return found;
    }
    done.add(path);
    return null;
  };
  for (const path of edges.keys()) {
    const found = walk(path, []);
    if (found !== null) return found;
  }
  return null;
}

/** As it stands in ARCHITECTURE.md. */
export function tableText(): string {
  const rows = layers.map(({ name, at, sees, packages }) => {
    const places = at.map((place) => `\`${place}\``).join(", ");
    return `| ${name} | ${places} | ${sees.join(", ") || "–"} | ${packages.join(", ") || "–"} |`;
  });
  return ["| layer | where | may import | packages |", "| --- | --- | --- | --- |", ...rows].join("\n");
}
