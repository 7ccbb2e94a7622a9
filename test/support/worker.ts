/**
 * The path in, driven by hand: bodies that count as signed go through the real receiver into a clone of the database, and `drain`
 * runs the real workers until nothing is pending. No loops and no waiting; time stands still unless a test moves it.
 */
import { randomBytes } from "node:crypto";
import { systemActor } from "../../src/core/actor.ts";
import { tenantScope, type TenantScope } from "../../src/core/scope.ts";
import { openPool, type Db, type Role } from "../../src/db/pool.ts";
import { lanes, runBatch, workers, type BatchOptions, type BatchResult } from "../../src/queue/index.ts";
import type { By } from "../../src/services/audit/append.ts";
import { putApp } from "../../src/services/tenants/apps.ts";
import { changeTenant, createTenant } from "../../src/services/tenants/tenants.ts";
import { putConnection } from "../../src/services/whatsapp/connections/connections.ts";
import type { Lane } from "../../src/services/whatsapp/graph/updates.ts";
import { Receiver, type Received } from "../../src/webhooks/receive.ts";
import { withDatabase, type TestDatabase } from "./database.ts";

type Scope = Parameters<typeof withDatabase>[0];

export type Connected = {
  id: string;
  tenantId: string;
  scope: TenantScope;
  wabaId: string;
  phoneNumberId: string;
  displayPhoneNumber: string;
  portfolioId: string | null;
};

export type Rig = TestDatabase & {
  ingest: Db;
  app: Db;
  platform: Db;
  clock: { nowMs: number };
  receiver: Receiver;
  /** An object is sent as compact JSON. Answers what Meta would be told, and how many updates were seen. */
  receive(body: unknown, appKey?: string): Promise<{ received: Received; updates: number }>;
  /** One turn of one lane. */
  turn(lane: Lane, options?: Partial<BatchOptions>): Promise<BatchResult>;
  /** All lanes until nothing is pending. */
  drain(options?: Partial<BatchOptions>): Promise<BatchResult[]>;
  /** As one who sees everything. Times come as milliseconds. */
  sql<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  tenant(change?: Parameters<typeof changeTenant>[2]): Promise<string>;
  /** A Meta app of the tenant's own; answers its key. */
  ownApp(tenantId: string): Promise<string>;
  connect(tenantId: string, wanted?: Partial<Connected> & { appKey?: string }): Promise<Connected>;
};

/** Deeds that tests do themselves. */
export const byTest = (): By => ({ actor: systemActor, nowMs: Date.now() });

/** The token of every connection; it is stored as it is. */
export const testToken = "token-of-the-test";
const seal = (_context: unknown, plain: string): Buffer => Buffer.from(plain);
const turnsMax = 10_000;

export async function startRig(t: Scope, { nowMs = Date.now(), connectionsMax = 4 } = {}): Promise<Rig> {
  const cleanups: (() => Promise<void>)[] = [];
  t.after(async () => {
    for (const cleanup of cleanups.toReversed()) await cleanup();
  });
  const database = await withDatabase({ after: (cleanup) => void cleanups.push(cleanup) });
  const open = (role: Role): Db => database.open(role, { connectionsMax });
  const [ingest, app, platform] = [open("kesher_ingest"), open("kesher_app"), open("kesher_platform")];
  const admin = openPool(database.superuser, {
    role: "owner",
    name: "test admin",
    connectionsMax: 2,
    statementTimeoutMs: 0,
    onError: () => undefined,
  });
  cleanups.push(() => admin.pool.end());
  const clock = { nowMs };
  const receiver = new Receiver({
    db: database.open("kesher_ingest", { connectionsMax: 1, pipeline: true, statementTimeoutMs: 0 }),
    slot: 0,
    nowMs: () => clock.nowMs,
    onStored: () => undefined,
    onFailed: () => undefined,
    onGroup: () => undefined,
    cache: null,
    hasWarned: () => false,
    failpoint: () => undefined,
  });
  const turn: Rig["turn"] = (lane, more = {}) =>
    runBatch({
      db: ingest,
      lane,
      apply: workers[lane],
      cache: null,
      nowMs: () => clock.nowMs,
      startedAtMs: 0,
      failpoint: () => undefined,
      ...more,
    });
  return {
    ...database,
    ingest,
    app,
    platform,
    clock,
    receiver,
    turn,
    receive: (body, appKey = "") => receiver.receive(appKey, Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))),
    async drain(more) {
      const results: BatchResult[] = [];
      for (const lane of lanes) {
        for (let turns = 0; ; turns += 1) {
          if (turns === turnsMax) throw new Error(`The lane ${lane} does not come to an end`);
          const result = await turn(lane, more);
          if (result.rows === 0) break;
          results.push(result);
        }
      }
      return results;
    },
    async sql<Row>(text: string, values: readonly unknown[] = []) {
      const { rows } = await admin.pool.query(text, [...values]);
      return rows as Row[];
    },
    async tenant(change) {
      const slug = `t-${randomBytes(8).toString("hex")}`;
      const { id } = await createTenant(platform, { name: slug, slug }, clock.nowMs);
      if (change !== undefined) await changeTenant(platform, id, change, byTest());
      return id;
    },
    async ownApp(tenantId) {
      const wanted = { tenantId, appId: randomDigits(), appSecret: randomDigits(), verifyToken: randomDigits() };
      const { appKey } = await putApp(platform, wanted, { seal, nowMs: clock.nowMs });
      return appKey;
    },
    async connect(tenantId, { appKey, ...wanted } = {}) {
      const { wabaId = randomDigits(), phoneNumberId = randomDigits(), displayPhoneNumber = randomDigits(), portfolioId = null } = wanted;
      const number = { tenantId, wabaId, phoneNumberId, displayPhoneNumber, portfolioId };
      const asked = { ...number, accessToken: testToken, ...(appKey === undefined ? {} : { appKey }) };
      const { id } = await putConnection(platform, asked, { seal, nowMs: clock.nowMs });
      return { ...number, id, scope: tenantScope(tenantId) };
    },
  };
}

/** As many as Meta's ids have, so that they can stand in for each other in a body. */
export function randomDigits(): string {
  return `9${randomBytes(6).readUIntBE(0, 6).toString().padStart(15, "0").slice(-14)}`;
}
