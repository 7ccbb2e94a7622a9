/**
 * Every setting, once: this schema drives reading, errors and `--help`. The environment is read in `index.ts` only; here it is a value.
 * Complaints come all together and never show the value of a secret.
 */
import { isIP } from "node:net";
import { isKeyId, type EncryptionKey } from "./core/secret-box.ts";

type SettingSpec = {
  type: keyof typeof readers;
  default?: string;
  help: string;
  secret?: true;
  /** For tests only; `--help` does not show it. */
  hidden?: true;
};

const settings = {
  PORT: { type: "port", default: "3000", help: "TCP port to listen on; 0 takes a free one" },
  HOST: { type: "text", default: "127.0.0.1", help: "address to listen on; 0.0.0.0 for all" },
  PUBLIC_URL: { type: "url", help: "how the world reaches this program, e.g. https://kesher.example" },
  TRUSTED_PROXIES: {
    type: "networks",
    help: "proxies whose X-Forwarded-For is believed: addresses or networks, e.g. 10.0.0.0/8; unset: none",
  },
  DATABASE_URL: { type: "databaseUrl", secret: true, help: "postgres://… ; unset: an embedded PostgreSQL in DATA_DIR (ROLE=all only)" },
  DATA_DIR: { type: "text", default: "./data", help: "folder of the embedded database" },
  ROLE: { type: "role", default: "all", help: "all, web (answers requests) or worker (applies what was received)" },
  META_APP_ID: { type: "text", help: "id of the Meta app" },
  META_APP_SECRET: { type: "secrets", secret: true, help: "secret of the Meta app; comma-separated while rotating" },
  META_VERIFY_TOKEN: { type: "text", secret: true, help: "the word that Meta repeats when it verifies the webhook" },
  META_CONFIG_ID: { type: "text", help: "configuration id for Embedded Signup" },
  GRAPH_URL: { type: "graphUrl", default: "https://graph.facebook.com", help: "Meta's Graph API" },
  GRAPH_VERSION: { type: "graphVersion", default: "v26.0", help: "version of the Graph API" },
  ENCRYPTION_KEYS: { type: "keys", secret: true, help: "id:base64 of 32 bytes, comma-separated; the first encrypts, all decrypt" },
  ADMIN_API_KEY: { type: "adminKey", secret: true, help: "key for scripted set-up, at least 32 characters; unset: no such access" },
  METRICS_KEY: {
    type: "adminKey",
    secret: true,
    help: "key that may only read /metrics, at least 32 characters; unset: the operator alone",
  },
  OIDC_ISSUER: { type: "issuer", help: "OpenID provider by which people may sign in, e.g. https://id.example; needs PUBLIC_URL" },
  OIDC_CLIENT_ID: { type: "text", help: "this program's id there; its redirect address there is PUBLIC_URL/auth/callback/oidc" },
  OIDC_CLIENT_SECRET: { type: "text", secret: true, help: "this program's secret there" },
  LOG_LEVEL: { type: "logLevel", default: "info", help: "trace, debug, info, warn, error, fatal or silent" },
  KESHER_TEST: { type: "text", hidden: true, help: "1 allows the settings that only tests may use" },
  KESHER_FAILPOINT: { type: "failpoint", hidden: true, help: "name:action" },
} as const satisfies Record<string, SettingSpec>;

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";
export type MetaApp = { appId: string; appSecrets: readonly string[]; verifyToken: string; configId: string | null };

export type Config = {
  port: number;
  host: string;
  publicUrl: string | null;
  /** Null: the embedded server in `dataDir`. */
  databaseUrl: string | null;
  dataDir: string;
  dataDirIsDefault: boolean;
  role: "all" | "web" | "worker";
  graph: { url: string; version: string };
  adminApiKey: string | null;
  metricsKey: string | null;
  /** Addresses and networks. */
  trustedProxies: readonly string[];
  /** Null: people sign in by password only. */
  oidc: { issuer: string; clientId: string; clientSecret: string } | null;
  logLevel: LogLevel;
  failpoint: { name: string; action: string } | null;
} & (
  | { mode: "live"; meta: MetaApp; encryptionKeys: readonly EncryptionKey[] }
  /** Our own stand-in for Meta, which makes its own secrets; `encryptionKeys` may be empty. */
  | { mode: "sandbox"; meta: null; encryptionKeys: readonly EncryptionKey[] }
);

/** Lists everything that is wrong, a line each. */
export class ConfigError extends Error {}

/** Pure. An empty value counts as none, but a META_ variable that is there at all rules the sandbox out. Throws a ConfigError. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const problems: string[] = [];
  const values = readValues(env, problems);
  const whyLive = reasonsAgainstSandbox(env, values.HOST ?? "");
  const isLive = whyLive.length > 0;
  if (isLive) problems.push(...missingForLive(env, whyLive));
  if ((values.ROLE === "web" || values.ROLE === "worker") && !isGiven(env["DATABASE_URL"])) {
    problems.push(`ROLE=${values.ROLE} needs DATABASE_URL: the embedded database serves one process only. Set it, or take ROLE=all.`);
  }
  problems.push(...missingForOidc(env));
  if (isGiven(env["KESHER_FAILPOINT"]) && env["KESHER_TEST"] !== "1") {
    problems.push("KESHER_FAILPOINT breaks things on purpose and is for tests only. Unset it.");
  }
  if (problems.length > 0) {
    throw new ConfigError(
      ["The settings cannot be used:", ...problems.map((line) => `- ${line}`), "See --help for all settings."].join("\n"),
    );
  }
  return configOf(values, isLive);
}

/** The table that `--help` prints. */
export function helpText(): string {
  const shown = specs.filter(([, spec]) => spec.hidden !== true);
  const width = Math.max(...shown.map(([name]) => name.length));
  const lines = shown.map(([name, spec]) => {
    const notes = [spec.default === undefined ? "" : `default ${spec.default}`, spec.secret === true ? "secret" : ""].filter(isGiven);
    return `  ${name.padEnd(width)}  ${spec.help}${notes.length === 0 ? "" : ` (${notes.join(", ")})`}`;
  });
  return [
    "Kesher reads its settings from the environment:",
    "",
    ...lines,
    "",
    "Without any META_ setting, DATABASE_URL and PUBLIC_URL, and on a loopback HOST, it starts a sandbox that plays Meta itself.",
    `Otherwise these are needed: ${neededForLive.join(", ")}.`,
  ].join("\n");
}

const neededForLive = ["META_APP_ID", "META_APP_SECRET", "META_VERIFY_TOKEN", "ENCRYPTION_KEYS"] as const;

const readers = {
  text: (text: string): string => text,
  port: (text: string): number => {
    const port = Number(text);
    return /^\d{1,5}$/.test(text) && port <= 65_535 ? port : complain("must be a number from 0 to 65535");
  },
  role: (text: string): "all" | "web" | "worker" => oneOf(text, ["all", "web", "worker"]),
  logLevel: (text: string): LogLevel => oneOf(text, ["trace", "debug", "info", "warn", "error", "fatal", "silent"]),
  url: (text: string): string => readUrl(text, ["https:", "http:"]).href.replace(/\/+$/, ""),
  /** As it stands: it is compared by the letter. */
  issuer: (text: string): string => {
    const url = readUrl(text, ["https:", "http:"]);
    return url.protocol === "http:" && !isLoopback(url.hostname) ? complain("must be https, since people sign in there") : text;
  },
  graphUrl: (text: string): string => {
    const url = readUrl(text, ["https:", "http:"]);
    if (url.protocol === "http:" && !isLoopback(url.hostname)) complain("must be https, since access tokens go there");
    return url.href.replace(/\/+$/, "");
  },
  databaseUrl: (text: string): string => {
    // No host is fine: the socket's folder may stand in `?host=`.
    const url = URL.parse(text);
    return url?.protocol === "postgres:" || url?.protocol === "postgresql:"
      ? text
      : complain("must start with postgres:// or postgresql://");
  },
  graphVersion: (text: string): string => (/^v\d{2}\.\d$/.test(text) ? text : complain("must look like v26.0")),
  secrets: (text: string): readonly string[] => {
    const secrets = text.split(",").map((secret) => secret.trim());
    return secrets.includes("") ? complain("has an empty secret in its list, which would let anybody sign") : secrets;
  },
  networks: (text: string): readonly string[] => {
    const networks = text.split(",").map((network) => network.trim());
    return networks.every(isNetwork)
      ? networks
      : complain("must be a list of addresses or networks, e.g. 10.0.0.1,fd00::/8, and not of all");
  },
  adminKey: (text: string): string =>
    text.length >= 32 ? text : complain("must have at least 32 characters, e.g. from `openssl rand -hex 32`"),
  keys: (text: string): readonly EncryptionKey[] => {
    const keys = text.split(",").map((item) => readKey(item.trim()));
    return new Set(keys.map((key) => key.id)).size === keys.length ? keys : complain("has two keys with the same id");
  },
  failpoint: (text: string): { name: string; action: string } => {
    const [, name, action] = /^([\w.-]+):(\w+(?:@\d+)?)$/.exec(text) ?? [];
    return name !== undefined && action !== undefined ? { name, action } : complain("must look like name:action");
  },
} as const;

type SettingName = keyof typeof settings;
/** Null where nothing was given and there is no default, or where the value was bad. */
type Values = { [Name in SettingName]: ReturnType<(typeof readers)[(typeof settings)[Name]["type"]]> | null };
const specs: readonly [string, SettingSpec][] = Object.entries(settings);

class Complaint extends Error {}

function complain(what: string): never {
  throw new Complaint(what);
}

function readValues(env: Readonly<Record<string, string | undefined>>, problems: string[]): Values {
  const values: Record<string, unknown> = {};
  for (const [name, spec] of specs) {
    const given = env[name];
    const text = isGiven(given) ? given : spec.default;
    try {
      values[name] = text === undefined ? null : readers[spec.type](text);
    } catch (error) {
      if (!(error instanceof Complaint)) throw error;
      values[name] = null;
      problems.push(`${name} ${error.message}${spec.secret === true ? "" : ` (it is ${JSON.stringify(text)})`}.`);
    }
  }
  // Each name was read by the reader that its type names.
  return values as Values;
}

function reasonsAgainstSandbox(env: Readonly<Record<string, string | undefined>>, host: string): string[] {
  const reasons = Object.keys(env).filter((name) => name.startsWith("META_") && env[name] !== undefined);
  for (const name of ["DATABASE_URL", "PUBLIC_URL"]) if (isGiven(env[name])) reasons.push(name);
  const isSet = reasons.map((name) => `${name} is set`);
  return isLoopback(host) ? isSet : [...isSet, `HOST is ${host}, not loopback`];
}

function missingForLive(env: Readonly<Record<string, string | undefined>>, why: readonly string[]): string[] {
  const missing = neededForLive.filter((name) => !isGiven(env[name]));
  if (missing.length === 0) return [];
  return [`Missing: ${missing.join(", ")}. They are needed since this is no sandbox (${why.join("; ")}). Set them, or unset the others.`];
}

function missingForOidc(env: Readonly<Record<string, string | undefined>>): string[] {
  const needed = ["OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"];
  if (!needed.some((name) => isGiven(env[name]))) return [];
  const missing = [...needed, "PUBLIC_URL"].filter((name) => !isGiven(env[name]));
  return missing.length === 0 ? [] : [`Missing: ${missing.join(", ")}. Sign-in by OpenID Connect needs all of OIDC_… and PUBLIC_URL.`];
}

function configOf(values: Values, isLive: boolean): Config {
  const common = {
    port: known(values.PORT),
    host: known(values.HOST),
    publicUrl: values.PUBLIC_URL,
    databaseUrl: values.DATABASE_URL,
    dataDir: known(values.DATA_DIR),
    dataDirIsDefault: values.DATA_DIR === settings.DATA_DIR.default,
    role: known(values.ROLE),
    graph: { url: known(values.GRAPH_URL), version: known(values.GRAPH_VERSION) },
    adminApiKey: values.ADMIN_API_KEY,
    metricsKey: values.METRICS_KEY,
    trustedProxies: values.TRUSTED_PROXIES ?? [],
    oidc:
      values.OIDC_ISSUER === null
        ? null
        : { issuer: values.OIDC_ISSUER, clientId: known(values.OIDC_CLIENT_ID), clientSecret: known(values.OIDC_CLIENT_SECRET) },
    logLevel: known(values.LOG_LEVEL),
    failpoint: values.KESHER_FAILPOINT,
  };
  if (!isLive) return { ...common, mode: "sandbox", meta: null, encryptionKeys: values.ENCRYPTION_KEYS ?? [] };
  const meta = {
    appId: known(values.META_APP_ID),
    appSecrets: known(values.META_APP_SECRET),
    verifyToken: known(values.META_VERIFY_TOKEN),
    configId: values.META_CONFIG_ID,
  };
  return { ...common, mode: "live", meta, encryptionKeys: known(values.ENCRYPTION_KEYS) };
}

/** Only for values with a default or checked before. */
function known<T>(value: T | null): T {
  if (value === null) throw new Error("A setting that was checked is missing");
  return value;
}

/** Blank is as good as unset: that is what templates of container tools leave. */
function isGiven(text: string | undefined): text is string {
  return text !== undefined && text.trim() !== "";
}

/** A network of everybody would let everybody say who they are. */
function isNetwork(text: string): boolean {
  const [address = "", bits, ...more] = text.split("/");
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  return bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

function oneOf<const Word extends string>(text: string, words: readonly Word[]): Word {
  return words.find((word) => word === text) ?? complain(`must be one of ${words.join(", ")}`);
}

function readUrl(text: string, protocols: readonly string[]): URL {
  const url = URL.parse(text);
  return url !== null && protocols.includes(url.protocol) && url.host !== ""
    ? url
    : complain(`must be a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(" or ")}`);
}

function readKey(item: string): EncryptionKey {
  const [, id = "", encoded = ""] = /^([^:]*):(.*)$/.exec(item) ?? [];
  const key = Buffer.from(encoded, "base64");
  // The decoder skips what it does not know; only the canonical spelling is the key that was meant.
  const isCanonical = key.toString("base64").replace(/=+$/, "") === encoded.replace(/=+$/, "");
  return isKeyId(id) && key.length === 32 && isCanonical
    ? { id, key }
    : complain("must be a list of id:base64 of 32 bytes, e.g. k1:… with the output of `openssl rand -base64 32`");
}
