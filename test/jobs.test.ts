import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import pg from "pg";
import { PgBoss } from "pg-boss";
import { transaction } from "../src/db/transaction.ts";
import { limits } from "../src/limits.ts";
import { startJobs, stopJobs, type Handler, type Handlers, type JobsOptions } from "../src/queue/jobs.ts";
import { enqueue, queues, type JobData } from "../src/services/jobs.ts";
import { withDatabase } from "./support/database.ts";
import { holdTime } from "./support/held-time.ts";

type Data = JobData<"media-fetch">;

const data = (mediaId: string = randomUUID(), connectionId: string = randomUUID()): Data => ({
  tenantId: randomUUID(),
  connectionId,
  mediaId,
});

test("A job that was enqueued in a transaction that rolled back never runs; one that committed runs at once", async (t) => {
  const { app, work } = await rig(t);
  const seen = watch();
  // Time stands still: nobody's next look, of which one comes every `jobPollMs`, can be what finds a job.
  holdTime(t);
  await work({ "media-fetch": seen.handler });
  const [lost, undone, kept] = [data(), data(), data()];
  await assert.rejects(
    transaction(app, async (tx) => {
      await enqueue(tx, "media-fetch", [lost]);
      throw new Error("undone");
    }),
  );
  await transaction(app, async (tx) => {
    await tx
      .savepoint(async () => {
        await enqueue(tx, "media-fetch", [undone]);
        throw new Error("undone");
      })
      .catch(() => undefined);
    await enqueue(tx, "media-fetch", [kept]);
  });
  assert.deepEqual((await seen.next()).data, kept);
  // The first look of a worker that just started is done by now.
  await transaction(app, (tx) => enqueue(tx, "media-fetch", [data("second")]));
  assert.equal((await seen.next()).data.mediaId, "second");
  assert.deepEqual(
    seen.all.map((each) => each.data.mediaId),
    [kept.mediaId, "second"],
  );
});

test("A job that this program enqueues is column for column the one that pg-boss itself would insert", async (t) => {
  const { app, server, owner } = await rig(t);
  const boss = new PgBoss({
    ...server,
    options: "-c role=kesher_jobs",
    schema: "pgboss",
    migrate: false,
    supervise: false,
    schedule: false,
  });
  boss.on("error", () => undefined);
  await boss.start();
  t.after(() => boss.stop({ graceful: false }));
  const [ours, theirs] = [data("ours"), data("theirs")];
  const { groupOf, keyOf } = queues["media-fetch"];
  await transaction(app, (tx) => enqueue(tx, "media-fetch", [ours], { startAfterSeconds: 90 }));
  await boss.insert("media-fetch", [
    { data: theirs, startAfter: 90, singletonKey: keyOf?.(theirs) ?? "", group: { id: groupOf?.(theirs) ?? "" } },
  ]);
  const { rows } = await owner.query<{ id: string; row: Record<string, unknown> }>(
    `select data ->> 'mediaId' as id,
            to_jsonb(j) - array['id', 'data', 'created_on', 'start_after', 'keep_until', 'singleton_key', 'group_id']
              || jsonb_build_object('delay', round(extract(epoch from start_after - created_on)), 'kept', round(extract(epoch from keep_until - start_after)),
                                    'keyed', singleton_key = data ->> 'mediaId', 'grouped', group_id = data ->> 'connectionId') as row
       from pgboss.job j where name = 'media-fetch' order by 1`,
  );
  assert.deepEqual(
    rows.map(({ id }) => id),
    ["ours", "theirs"],
  );
  assert.deepEqual(rows[0]?.row, rows[1]?.row);
  assert.equal(rows[0]?.row["delay"], 90);
  assert.equal(rows[0]?.row["heartbeat_seconds"], limits.jobHeartbeatMs / 1_000);
  assert.equal(rows[0]?.row["deletion_seconds"], limits.jobKeptDays * 86_400);
  assert.equal(rows[0]?.row["kept"], limits.jobWaitsDaysMax * 86_400);
});

test("Who may enqueue may neither read nor change jobs, and the role that works them reaches no table of the program", async (t) => {
  const { owner } = await rig(t);
  for (const role of ["kesher_app", "kesher_ingest", "kesher_platform"]) {
    for (const sql of ["select data from pgboss.job", "delete from pgboss.job", "update pgboss.queue set retry_limit = 0"]) {
      await owner.query(`begin; set local role ${role}`);
      await assert.rejects(owner.query(sql), { code: "42501" }, `${role}: ${sql}`);
      await owner.query("rollback");
    }
  }
  await owner.query("begin; set local role kesher_jobs");
  await assert.rejects(owner.query("select * from public.tenants"), { code: "42501" });
  await owner.query("rollback");
});

test("A failing job is tried again and told which attempt it is", async (t) => {
  const { app, work } = await rig(t);
  const seen = watch(async (_, { attempt }) => {
    if (attempt === 1) throw new Error("not yet");
  });
  const failures: string[] = [];
  await work(
    { "media-fetch": seen.handler },
    { onFailed: (name, error, { attempt }) => failures.push(`${name} ${String(error)} ${attempt}`) },
  );
  await transaction(app, (tx) => enqueue(tx, "media-fetch", [data("flaky")]));
  assert.equal((await seen.next()).attempt, 1);
  assert.equal((await seen.next()).attempt, 2);
  assert.deepEqual(failures, ["media-fetch Error: not yet 1"]);
});

test("A backlog is worked without a pause", async (t) => {
  const { app, work } = await rig(t);
  const backlog = watch();
  await transaction(app, (tx) =>
    enqueue(
      tx,
      "media-fetch",
      Array.from({ length: 60 }, () => data()),
    ),
  );
  // No pause ever ends.
  holdTime(t);
  await work({ "media-fetch": backlog.handler });
  for (let index = 0; index < 60; index += 1) await backlog.next();
});

test("One number has at most its share of the workers, so that its many jobs do not hold up another's", async (t) => {
  const { app, work } = await rig(t);
  const release = Promise.withResolvers<void>();
  const greedy = randomUUID();
  const seen = watch(async ({ connectionId }) => {
    if (connectionId === greedy) await release.promise;
  });
  t.after(() => release.resolve());
  await transaction(app, (tx) =>
    enqueue(
      tx,
      "media-fetch",
      Array.from({ length: limits.mediaFetchesMax * 3 }, () => data(randomUUID(), greedy)),
    ),
  );
  await work({ "media-fetch": seen.handler });
  for (let index = 0; index < limits.mediaFetchesPerNumberMax; index += 1) assert.equal((await seen.next()).data.connectionId, greedy);
  await transaction(app, (tx) => enqueue(tx, "media-fetch", [data("modest")]));
  assert.equal((await seen.next()).data.mediaId, "modest");
  assert.equal(seen.all.filter((each) => each.data.connectionId === greedy).length, limits.mediaFetchesPerNumberMax);
  release.resolve();
});

test("Of each kind of job a node has at most its number under way, one tenant its share, and all queues together jobConnectionsMax sessions", async (t) => {
  const { app, work, owner, server } = await rig(t);
  const release = Promise.withResolvers<void>();
  t.after(() => release.resolve());
  const underWay = new Map<string, number>();
  const hold =
    (name: string) =>
    async ({ tenantId }: { tenantId: string }): Promise<void> => {
      for (const key of [name, `${name} ${tenantId}`]) underWay.set(key, (underWay.get(key) ?? 0) + 1);
      await release.promise;
    };
  const greedy = randomUUID();
  const kinds = [
    ["template-sync", limits.templateSyncsMax, limits.templateSyncsPerTenantMax, "accountId"],
    ["connection-probe", limits.connectionProbesMax, limits.connectionProbesPerTenantMax, "connectionId"],
    ["contact-export", limits.privacyJobsMax, limits.privacyJobsPerTenantMax, "jobId"],
    ["contact-erase", limits.privacyJobsMax, limits.privacyJobsPerTenantMax, "jobId"],
  ] as const;
  for (const [name, most, , id] of kinds) {
    const tenants = [...Array.from({ length: 3 * most }, () => greedy), ...Array.from({ length: 3 * most }, () => randomUUID())];
    const jobs = tenants.map((tenantId) => ({ tenantId, why: "due", [id]: randomUUID() }));
    // Each has what its queue asks for.
    await transaction(app, (tx) => enqueue(tx, name, jobs as never));
  }
  await work(Object.fromEntries(kinds.map(([name]) => [name, hold(name)])));
  const isFull = (): boolean => kinds.every(([name, most]) => (underWay.get(name) ?? 0) >= most);
  while (!isFull()) await new Promise((resolve) => setImmediate(resolve));
  for (const [name, most, ofTenant] of kinds) {
    assert.deepEqual([underWay.get(name), underWay.get(`${name} ${greedy}`)], [most, ofTenant], name);
  }
  const { rows } = await owner.query(
    "select count(*)::int as sessions from pg_stat_activity where datname = $1 and application_name = 'kesher jobs'",
    [server.database],
  );
  assert.deepEqual(rows, [{ sessions: limits.jobConnectionsMax }]);
});

test("The job of a killed node is taken over by another one", { timeout: 120_000 }, async (t) => {
  const { app, work, server } = await rig(t);
  const child = await startChild(t, server);
  const job = data();
  await transaction(app, (tx) => enqueue(tx, "media-fetch", [job]));
  await child.said(`took ${job.mediaId}`);
  child.process.kill("SIGKILL");
  await once(child.process, "exit");
  const beganMs = performance.now();
  const seen = watch();
  await work({ "media-fetch": seen.handler });
  const taken = await seen.next();
  const ms = performance.now() - beganMs;
  assert.deepEqual(taken.data, job);
  assert.equal(taken.attempt, 2);
  // Heartbeat, monitor, the delay before a retry (with jitter, at most the first one), and a look.
  const boundMs = limits.jobHeartbeatMs + limits.jobMonitorMs * 2 + queues["media-fetch"].retryDelaySeconds * 1_000 + limits.jobPollMs;
  t.diagnostic(`taken over after ${Math.round(ms)} ms`);
  // A busy machine may take its time; without a heartbeat it would be the queue's `expireInSeconds`.
  assert.ok(ms < boundMs + 20_000, `${ms} ms`);
});

test("A database that goes away and comes back neither ends the process nor stops the jobs", { timeout: 120_000 }, async (t) => {
  const { app, work, server, superuser } = await rig(t);
  const errors: unknown[] = [];
  const seen = watch();
  await work({ "media-fetch": seen.handler }, { onError: (error) => errors.push(error) });
  await transaction(app, (tx) => enqueue(tx, "media-fetch", [data("before")]));
  await seen.next();
  await transaction(app, (tx) => enqueue(tx, "media-fetch", [data("after")], { startAfterSeconds: 3 }));
  await superuser.query(`alter database ${server.database} with allow_connections false`);
  await superuser.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()", [
    server.database,
  ]);
  while (errors.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await superuser.query(`alter database ${server.database} with allow_connections true`);
  assert.equal((await seen.next()).data.mediaId, "after");
});

test(
  "A stop waits for the jobs that run, but not for ever: what is cut off is told so and waits for another node",
  { timeout: 120_000 },
  async (t) => {
    const { app, server, owner } = await rig(t);
    const aborted = Promise.withResolvers<void>();
    const seen = watch(async (_, { signal }) => {
      signal.addEventListener("abort", () => aborted.resolve());
      await new Promise(() => undefined);
    });
    const jobs = await startJobs({
      server,
      handlers: { "media-fetch": seen.handler },
      onError: () => undefined,
      onFailed: () => undefined,
    });
    await transaction(app, (tx) => enqueue(tx, "media-fetch", [data()]));
    await seen.next();
    const beganMs = performance.now();
    await stopJobs(jobs);
    await aborted.promise;
    // With room for a busy machine; pg-boss itself would wait for 30 s.
    assert.ok(performance.now() - beganMs < limits.jobStopMsMax + 20_000);
    const { rows } = await owner.query("select state::text from pgboss.job where name = 'media-fetch'");
    assert.deepEqual(rows, [{ state: "retry" }]);
  },
);

type Seen = { data: Data; attempt: number };

/** A handler that tells of each job before it does it. */
function watch(act: Handler<"media-fetch"> = async () => undefined) {
  const all: Seen[] = [];
  let taken = 0;
  let wake = (): void => undefined;
  const handler: Handler<"media-fetch"> = async (job, context) => {
    all.push({ data: job, attempt: context.attempt });
    wake();
    await act(job, context);
  };
  const next = async (): Promise<Seen> => {
    for (;;) {
      const found = all[taken];
      if (found !== undefined) {
        taken += 1;
        return found;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { all, handler, next };
}

async function rig(t: TestContext) {
  const database = await withDatabase(t);
  return {
    server: database.server,
    app: database.open("kesher_app"),
    owner: await database.session("superuser"),
    superuser: await outside(t, database.superuser),
    async work(some: Partial<Handlers>, options: Partial<JobsOptions> = {}) {
      const jobs = await startJobs({
        server: database.server,
        handlers: some,
        onError: () => undefined,
        onFailed: () => undefined,
        ...options,
      });
      t.after(() => stopJobs(jobs));
    },
  };
}

/** A session that outlives what is done to the test's own database. */
async function outside(t: TestContext, superuser: object) {
  const client = new pg.Client({ ...superuser, database: "postgres" });
  await client.connect();
  t.after(() => client.end());
  return client;
}

async function startChild(t: TestContext, server: object): Promise<{ process: ChildProcess; said(line: string): Promise<void> }> {
  const child = spawn(process.execPath, ["--import", "./test/support/loopback.ts", "test/support/jobs-child.ts", JSON.stringify(server)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => void child.kill("SIGKILL"));
  const lines: string[] = [];
  let wake = (): void => undefined;
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    wake();
  });
  const said = async (line: string): Promise<void> => {
    while (!lines.includes(line)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  await said("ready");
  return { process: child, said };
}
