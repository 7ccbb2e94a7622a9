/** Accounts whose templates are listed from a server of the test's own, in the rig of `worker.ts`. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { syncTemplates, type SyncDeps, type SyncOutcome } from "../../src/services/whatsapp/templates/sync.ts";
import type { Fields } from "./bodies.ts";
import { testToken, type Connected, type Rig } from "./worker.ts";

type Answer = (request: URL, response: ServerResponse, incoming: IncomingMessage) => void;

/** Meta, as far as a test says. Answers its address. */
export async function meta(t: TestContext, answer: Answer): Promise<string> {
  const server = createServer((request, response) => answer(new URL(request.url ?? "", "http://meta"), response, request));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // Listening on TCP, so the address is no path.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A line of the list. */
export function line(name: string, more: Fields = {}): Fields {
  const components = [{ type: "BODY", text: `Hi {{1}}, this is ${name}` }];
  return { id: `9${name.length}`, name, language: "en_US", status: "APPROVED", category: "UTILITY", components, ...more };
}

/** The last page of a list. */
export const page = (data: readonly unknown[]): string => JSON.stringify({ data, paging: { cursors: { before: "b", after: "z" } } });

export type World = { number: Connected; accountId: string };
export type TemplateRow = { name: string; language: string; status: string; body: string | null; isOffered: boolean };
export type ListRig = ReturnType<typeof listRig>;

export function listRig(rig: Rig) {
  /** Tenants that were told of news. */
  const told: string[] = [];
  const depsOf = (url: string): SyncDeps & { forgotten: string[] } => {
    const forgotten: string[] = [];
    return {
      app: rig.app,
      graph: { url, version: "v26.0" },
      tokens: { read: async () => ({ token: testToken, proof: null }), forget: (connectionId) => void forgotten.push(connectionId) },
      nowMs: () => rig.clock.nowMs,
      onActivity: (tenantIds) => void told.push(...tenantIds),
      forgotten,
    };
  };
  return {
    told,
    depsOf,
    async connected(): Promise<World> {
      const number = await rig.connect(await rig.tenant());
      const [account] = await rig.sql<{ id: string }>("select id from whatsapp_accounts where waba_id = $1", [number.wabaId]);
      assert.ok(account);
      return { number, accountId: account.id };
    },
    /** A millisecond after what was before. */
    async sync(url: string, { number, accountId }: World): Promise<SyncOutcome> {
      rig.clock.nowMs += 1;
      return syncTemplates(depsOf(url), number.scope, accountId);
    },
    rowsOf: (accountId: string): Promise<TemplateRow[]> =>
      rig.sql<TemplateRow>(
        `select name, language, status, body, is_offered as "isOffered" from whatsapp_templates where account_id = $1 order by name, language`,
        [accountId],
      ),
    async activityOf({ tenantId }: Connected, type: string): Promise<Fields[]> {
      const text = "select data from activity_events where tenant_id = $1 and type = $2 order by seq";
      return (await rig.sql<{ data: Fields }>(text, [tenantId, type])).map(({ data }) => data);
    },
  };
}
