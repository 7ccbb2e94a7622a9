/**
 * The sandbox as a newcomer meets it: a demo tenant whose number belongs to our own stand-in for Meta, with secrets that are
 * made at the first start and kept in the data folder, and a sign-in link for the page. Part of the composition, which loads it, and with it
 * the sandbox, only in the sandbox's mode.
 */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemActor } from "./core/actor.ts";
import { tenantScope, type TenantScope } from "./core/scope.ts";
import { sealSecret, type EncryptionKey } from "./core/secret-box.ts";
import type { Databases } from "./db/open.ts";
import type { Db } from "./db/pool.ts";
import { transaction } from "./db/transaction.ts";
import { createSessionCookie } from "./http/session.ts";
import type { Api } from "./http/route.ts";
import { registerSandboxRoutes } from "./http/sandbox-routes.ts";
import { limits } from "./limits.ts";
import { ensureDemoPerson, issueSignInLink } from "./people/links.ts";
import { addMember } from "./people/members.ts";
import type { People } from "./people/people.ts";
import { createControl } from "./sandbox/control.ts";
import { customerMessageTypes } from "./sandbox/customer.ts";
import { startSandbox, type Sandbox } from "./sandbox/sandbox.ts";
import { createTenant } from "./services/tenants/tenants.ts";
import { putConnection } from "./services/whatsapp/connections/connections.ts";
import { listConversations } from "./services/whatsapp/conversation-list.ts";
import type { Events } from "./telemetry/events.ts";

export type Demo = {
  appId: string;
  appSecret: string;
  verifyToken: string;
  encryptionKeys: readonly EncryptionKey[];
  graphUrl: string;
  registerPage: (fastify: Api, people: People) => Promise<void>;
  /** Called once the program listens: webhooks go there. */
  connect: (address: string) => void;
  /** For the console: the token of a link that signs in once, and a key of the demo tenant if it was made just now. */
  welcome: () => Promise<{ signIn: string; apiKey: string | null; phoneNumberId: string }>;
  stop: () => Promise<void>;
};

type Secrets = { appSecret: string; verifyToken: string; accessToken: string; encryptionKey: string };

/** Sets up the demo tenant and its number, before anything is sent. */
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
    statusJitter: 0.3,
  });
  const demo = { name: "Demo", slug: "demo", locale: "he", timeZone: "Asia/Jerusalem" } as const;
  const tenant = await createTenant(databases.platform, demo, nowMs());
  const { wabaId, phoneNumberId, displayPhoneNumber, accessToken } = sandbox;
  const { id: connectionId } = await putConnection(
    databases.platform,
    { tenantId: tenant.id, wabaId, phoneNumberId, displayPhoneNumber, accessToken },
    { seal: (context, plain) => sealSecret(encryptionKeys, context, plain), nowMs: nowMs() },
  );
  await remindOfWindows(sandbox, databases.app, { scope: tenantScope(tenant.id), connectionId });
  return {
    appId: sandbox.appId,
    appSecret: secrets.appSecret,
    verifyToken: secrets.verifyToken,
    encryptionKeys,
    graphUrl: sandbox.graphUrl,
    registerPage: (fastify, people) =>
      registerSandboxRoutes(fastify, {
        isSignedIn: (request) => isSignedIn(people, request.headers.cookie),
        sandbox: {
          types: customerMessageTypes,
          control: createControl(sandbox),
        },
      }),
    connect(listening) {
      address = listening;
    },
    async welcome() {
      const signIn = await issueSignInLink(databases.auth, await demoPerson(databases.auth, tenant.id, nowMs()), nowMs());
      return { signIn, apiKey: tenant.apiKey, phoneNumberId };
    },
    stop: () => sandbox.stop(),
  };
}

/** The sandbox keeps nothing over a restart; the windows of the program's own books would be closed at it. */
async function remindOfWindows(
  sandbox: Sandbox,
  app: Db,
  { scope, connectionId }: { scope: TenantScope; connectionId: string },
): Promise<void> {
  let after: string | null = null;
  let seen = 0;
  do {
    const page = await listConversations(app, scope, { connectionId, limit: limits.listLimitMax, ...(after === null ? {} : { after }) });
    for (const { contact, lastCustomerMessageAt } of page.data) {
      const address = contact?.waId ?? contact?.userId ?? null;
      if (address !== null && lastCustomerMessageAt !== null) sandbox.rememberWord(address, Date.parse(lastCustomerMessageAt));
    }
    after = page.next;
    seen += page.data.length;
  } while (after !== null && seen < limits.sandboxCustomersMax);
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

async function isSignedIn(people: People, cookies: string | undefined): Promise<boolean> {
  const token = createSessionCookie(null).read(cookies);
  return token !== null && (await people.sessions.find(token)) !== null;
}

/** Owner of the demo tenant and operator; signs in by the link on the console only. */
async function demoPerson(auth: Db, tenantId: string, nowMs: number): Promise<string> {
  const personId = await ensureDemoPerson(auth, { name: "Demo", email: "demo@kesher.example" }, nowMs);
  const by = { actor: systemActor, nowMs };
  await transaction(auth, (tx) => addMember(tx, tenantScope(tenantId), { personId, role: "owner" }, by));
  return personId;
}
