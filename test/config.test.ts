import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, helpText, readConfig } from "../src/config.ts";

const key = Buffer.alloc(32, 7).toString("base64");
const live = { META_APP_ID: "1", META_APP_SECRET: "s3cret-canary", META_VERIFY_TOKEN: "verify-canary", ENCRYPTION_KEYS: `k1:${key}` };

function complaint(env: Record<string, string | undefined>): string {
  try {
    readConfig(env);
  } catch (error) {
    assert(error instanceof ConfigError);
    return error.message;
  }
  return "";
}

test("Without settings it is the sandbox, with the documented defaults", () => {
  const config = readConfig({});
  assert.equal(config.mode, "sandbox");
  assert.equal(config.meta, null);
  assert.deepEqual(
    [config.port, config.host, config.role, config.dataDir, config.dataDirIsDefault, config.logLevel, config.databaseUrl, config.publicUrl],
    [3000, "127.0.0.1", "all", "./data", true, "info", null, null],
  );
  assert.deepEqual(config.graph, { url: "https://graph.facebook.com", version: "v26.0" });
});

test("The four needed settings suffice", () => {
  const config = readConfig(live);
  assert(config.mode === "live");
  assert.deepEqual(config.meta, { appId: "1", appSecrets: ["s3cret-canary"], verifyToken: "verify-canary", configId: null });
  assert.equal(config.encryptionKeys[0]?.id, "k1");
  assert.deepEqual(Buffer.from(config.encryptionKeys[0]?.key ?? []), Buffer.alloc(32, 7));
});

test("Any Meta setting, database, public URL or open host rules the sandbox out and names what is missing", () => {
  const envs = [
    { META_CONFIG_ID: "1" },
    { META_APP_SECRET: "" },
    { META_ANYTHING: "1" },
    { DATABASE_URL: "postgres://localhost/kesher" },
    { PUBLIC_URL: "https://kesher.example" },
    { HOST: "0.0.0.0" },
    { HOST: "192.168.1.5" },
  ];
  for (const env of envs) {
    const message = complaint(env);
    for (const name of Object.keys(live)) assert.match(message, new RegExp(name), JSON.stringify(env));
    assert.match(message, new RegExp(Object.keys(env)[0] ?? ""));
  }
});

test("Each of the four needed settings is missed by name, and only it", () => {
  for (const name of Object.keys(live)) {
    const message = complaint({ ...live, [name]: undefined });
    assert.match(message, new RegExp(`Missing: ${name}\\.`));
  }
});

test("Loopback hosts are sandboxes, other harmless settings change nothing", () => {
  for (const HOST of ["localhost", "::1", "127.0.0.2"]) assert.equal(readConfig({ HOST }).mode, "sandbox");
  const config = readConfig({
    PORT: "0",
    DATA_DIR: "/tmp/x",
    LOG_LEVEL: "debug",
    GRAPH_URL: "http://127.0.0.1:9/",
    ROLE: "",
    PUBLIC_URL: "",
  });
  assert.equal(config.mode, "sandbox");
  assert.deepEqual([config.port, config.dataDirIsDefault, config.graph.url], [0, false, "http://127.0.0.1:9"]);
});

test("Bad values are refused, each with what it must be", () => {
  const bad: [string, string][] = [
    ["PORT", "x"],
    ["PORT", "65536"],
    ["PORT", "-1"],
    ["PORT", "3000.5"],
    ["ROLE", "boss"],
    ["LOG_LEVEL", "loud"],
    ["GRAPH_VERSION", "26"],
    ["GRAPH_VERSION", "v26"],
    ["GRAPH_URL", "http://graph.example"],
    ["GRAPH_URL", "graph"],
    ["PUBLIC_URL", "kesher.example"],
    ["DATABASE_URL", "mysql://localhost/x"],
    ["ADMIN_API_KEY", "x".repeat(31)],
    ["META_APP_SECRET", "a,,b"],
    ["META_APP_SECRET", ","],
    ["ENCRYPTION_KEYS", key],
    ["ENCRYPTION_KEYS", `k1:${Buffer.alloc(31).toString("base64")}`],
    ["ENCRYPTION_KEYS", `k1:${key},k1:${key}`],
    ["ENCRYPTION_KEYS", `k1:${key},`],
    ["ENCRYPTION_KEYS", `k1:${key}!`],
    ["ENCRYPTION_KEYS", `k.1:${key}`],
  ];
  for (const [name, value] of bad)
    assert.match(complaint({ ...live, [name]: value }), new RegExp(`- ${name} (must|has)`), `${name}=${value}`);
});

test("All complaints come in one message, and none shows a secret", () => {
  const message = complaint({
    PORT: "x",
    ROLE: "boss",
    META_APP_SECRET: "s3cret-canary,",
    ADMIN_API_KEY: "canary",
    DATABASE_URL: "canary",
  });
  for (const part of ["PORT", "ROLE", "META_APP_SECRET", "ADMIN_API_KEY", "DATABASE_URL", "Missing: META_APP_ID, META_VERIFY_TOKEN"]) {
    assert.match(message, new RegExp(part));
  }
  assert.doesNotMatch(message, /canary/);
});

test("A web or worker node needs a database of its own", () => {
  for (const ROLE of ["web", "worker"]) {
    assert.match(complaint({ ...live, ROLE }), /needs DATABASE_URL/);
    assert.equal(readConfig({ ...live, ROLE, DATABASE_URL: "postgres:///kesher?host=/run/postgresql" }).role, ROLE);
  }
});

test("Secrets and keys are lists, in their order", () => {
  const config = readConfig({ ...live, META_APP_SECRET: "new, old", ENCRYPTION_KEYS: `k2:${key},k1:${key}` });
  assert.deepEqual(config.meta?.appSecrets, ["new", "old"]);
  assert.deepEqual(
    config.encryptionKeys.map((one) => one.id),
    ["k2", "k1"],
  );
});

test("Failpoints are refused outside of tests", () => {
  assert.match(complaint({ KESHER_FAILPOINT: "a:exit" }), /KESHER_FAILPOINT/);
  assert.deepEqual(readConfig({ KESHER_FAILPOINT: "before-commit:kill", KESHER_TEST: "1" }).failpoint, {
    name: "before-commit",
    action: "kill",
  });
  assert.match(complaint({ KESHER_FAILPOINT: "a", KESHER_TEST: "1" }), /name:action/);
});

test("The help shows every setting that is meant for people", () => {
  const help = helpText();
  for (const name of [
    "PORT",
    "HOST",
    "PUBLIC_URL",
    "DATABASE_URL",
    "DATA_DIR",
    "ROLE",
    "META_CONFIG_ID",
    "GRAPH_VERSION",
    "ADMIN_API_KEY",
    "LOG_LEVEL",
  ]) {
    assert.match(help, new RegExp(`^  ${name} `, "m"));
  }
  assert.doesNotMatch(help, /KESHER_/);
});
