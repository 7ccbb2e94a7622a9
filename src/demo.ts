/**
 * The sandbox as a newcomer meets it: a demo tenant whose number belongs to our own stand-in for Meta, with secrets that are
 * made at the first start and kept in the data folder, and a sign-in link for the page. Part of the composition.
 */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sealSecret, type EncryptionKey } from "./core/secret-box.ts";
import type { Databases } from "./db/open.ts";
import { cookieOf } from "./http/authenticate.ts";
import { createSessions, type SessionStore } from "./http/session.ts";
import { registerPage } from "./http/page.ts";
import type { Api } from "./http/route.ts";
import { customerMessageTypes } from "./sandbox/customer.ts";
import { startSandbox } from "./sandbox/sandbox.ts";
import { createTenant } from "./services/tenants/tenants.ts";
import { putConnection } from "./services/whatsapp/connections.ts";
import type { Events } from "./telemetry/events.ts";

export type Demo = {
  appSecret: string;
  verifyToken: string;
  encryptionKeys: readonly EncryptionKey[];
  graphUrl: string;
  sessions: SessionStore;
  registerPage: (fastify: Api) => Promise<void>;
  /** Called once the program listens: webhooks go there. Sets up the demo tenant and its number. */
  connect: (address: string) => Promise<void>;
  /** The token of a link that signs in once. */
  issueSignIn: () => string;
  stop: () => Promise<void>;
};

type Secrets = { appSecret: string; verifyToken: string; accessToken: string; encryptionKey: string };

export async function openDemo(options: { dataDir: string; databases: Databases; nowMs: () => number; events: Events }): Promise<Demo> {
  const { dataDir, databases, nowMs, events } = options;
  const secrets = await keptSecrets(dataDir);
  const encryptionKeys = [{ id: "sandbox", key: Buffer.from(secrets.encryptionKey, "base64") }];
  let address = "";
  const sandbox = await startSandbox({
    appSecret: secrets.appSecret,
    ingressUrl: () => `${address}/webhook/whatsapp`,
    nowMs,
    log: (trouble) => events.sandboxTrouble(trouble),
    identity: { accessToken: secrets.accessToken },
  });
  const sessions = createSessions({ nowMs });
  let tenantId: string | null = null;
  return {
    appSecret: secrets.appSecret,
    verifyToken: secrets.verifyToken,
    encryptionKeys,
    graphUrl: sandbox.graphUrl,
    sessions,
    registerPage: (fastify) =>
      registerPage(fastify, {
        isSignedIn: (request) => isSignedIn(sessions, request.headers.cookie),
        sandbox: { types: customerMessageTypes, sendCustomerMessage: (message) => sandbox.sendCustomerMessage(message) },
      }),
    async connect(listening) {
      address = listening;
      const tenant = await createTenant(
        databases.platform,
        { name: "Demo", slug: "demo", locale: "he", timeZone: "Asia/Jerusalem" },
        nowMs(),
      );
      tenantId = tenant.id;
      const { wabaId, phoneNumberId, displayPhoneNumber, accessToken } = sandbox;
      await putConnection(
        databases.platform,
        { tenantId, wabaId, phoneNumberId, displayPhoneNumber, accessToken },
        { seal: (context, plain) => sealSecret(encryptionKeys, context, plain), verify: null, nowMs: nowMs() },
      );
    },
    issueSignIn() {
      if (tenantId === null) throw new Error("The demo tenant is not set up yet");
      return sessions.issueSignIn({ tenantId, isPlatform: true });
    },
    stop: () => sandbox.stop(),
  };
}

/** Made once: tokens that were sealed must open after a restart, too. Readable by this account only. */
async function keptSecrets(dataDir: string): Promise<Secrets> {
  const file = join(dataDir, "sandbox.json");
  try {
    return JSON.parse(await readFile(file, "utf8")) as Secrets;
  } catch {
    // The first start, or a file that is no use: what it sealed is set up again by `connect`.
  }
  const made: Secrets = {
    appSecret: randomBytes(32).toString("hex"),
    verifyToken: randomBytes(16).toString("hex"),
    accessToken: `sandbox-${randomBytes(24).toString("hex")}`,
    encryptionKey: randomBytes(32).toString("base64"),
  };
  await mkdir(dataDir, { recursive: true });
  await writeFile(`${file}.new`, JSON.stringify(made), { mode: 0o600 });
  await rename(`${file}.new`, file);
  return made;
}

function isSignedIn(sessions: SessionStore, cookies: string | undefined): boolean {
  const cookie = cookieOf(cookies);
  return cookie !== null && sessions.find(cookie) !== null;
}
