/**
 * pg-boss: keeps background jobs in PostgreSQL (schema `pgboss`) and runs them. What it is used for and how is in decisions/0017; the
 * queues are declared in `services/jobs.ts`. Its sessions have the role `kesher_jobs`, which owns that schema and nothing else; a handler works
 * with the pools of the program. A job runs at least once: after a node died, another one takes its jobs over within about 20 s.
 */
import { PgBoss, type ConstructorOptions, type Job } from "pg-boss";
import type { Server } from "../db/pool.ts";
import { limits } from "../limits.ts";
import { onEnqueued, queueNames, queues, type JobData, type Queue, type QueueName } from "../services/jobs.ts";

export type JobContext = {
  jobId: string;
  /** 1 for the first. */
  attempt: number;
  /** Aborted when the attempt has run too long, when another node has taken the job over, and at the end of a stop. */
  signal: AbortSignal;
};

/** Resolves: the job is done. Rejects: it is tried again, as its queue says. */
export type Handler<Name extends QueueName> = (data: JobData<Name>, context: JobContext) => Promise<void>;
export type Handlers = { readonly [Name in QueueName]: Handler<Name> };

export type JobsOptions = {
  server: Server;
  /** A queue without one is left to other nodes. */
  handlers: Partial<Handlers>;
  /** Of pg-boss itself: the database is away, mostly. Never ends the process. */
  onError: (error: unknown) => void;
  /** An attempt failed. */
  onFailed: (name: QueueName, error: unknown, context: JobContext) => void;
};

export type Jobs = { stop: () => Promise<void> };

const daySeconds = 24 * 60 * 60;

/** Makes or migrates the schema and brings the queues' settings up to date. Several nodes may call it at once. After `migrate`. */
export async function installJobs(server: Server, onError: (error: unknown) => void): Promise<void> {
  const boss = openBoss(server, { migrate: true, supervise: false, schedule: false, max: 1 }, onError);
  await boss.start();
  try {
    for (const [name, options] of Object.entries<Queue<object>>(queues)) {
      const settings = {
        retryLimit: options.retryLimit,
        retryDelay: options.retryDelaySeconds,
        retryBackoff: true,
        retryDelayMax: options.retryDelaySecondsMax,
        expireInSeconds: options.expireInSeconds,
        heartbeatSeconds: limits.jobHeartbeatMs / 1_000,
        deleteAfterSeconds: limits.jobKeptDays * daySeconds,
        retentionSeconds: limits.jobWaitsDaysMax * daySeconds,
      };
      await boss.createQueue(name, { ...settings, policy: options.policy ?? "standard" });
      await boss.updateQueue(name, settings);
      if (options.schedule !== undefined) await boss.schedule(name, options.schedule.cron, options.schedule.data);
    }
    await boss.getDb().executeSql(grants);
  } finally {
    await boss.stop({ graceful: false });
  }
}

/** To enqueue (`services/jobs.ts`), and no more: whoever may add a job may not read those of others. */
const grants = `
  grant usage on schema pgboss to kesher_auth;
  grant insert on pgboss.job to kesher_app, kesher_ingest, kesher_platform, kesher_auth;
  grant select (name, policy, retry_limit, retry_delay, retry_backoff, retry_delay_max, expire_seconds, retention_seconds, deletion_seconds,
                dead_letter, heartbeat_seconds) on pgboss.queue to kesher_app, kesher_ingest, kesher_platform, kesher_auth;`;

/** Works the jobs of all queues until `stopJobs`. A node with role `web` does not call it: it only enqueues. */
export async function startJobs(options: JobsOptions): Promise<Jobs> {
  const { server, handlers, onError } = options;
  const boss = openBoss(server, { migrate: false, supervise: true, schedule: true, max: limits.jobConnectionsMax }, onError);
  await boss.start();
  const wakes = new Map<QueueName, () => void>();
  const off = onEnqueued((name) => wakes.get(name)?.());
  for (const name of queueNames) {
    const handler = handlers[name];
    if (handler !== undefined) wakes.set(name, await work(boss, name, handler, options));
  }
  return {
    stop: async () => {
      off();
      await boss.stop({ graceful: true, timeout: limits.jobStopMsMax });
    },
  };
}

/** Waits for what runs, but not long: what is cut off is tried again, here or elsewhere. */
export async function stopJobs(jobs: Jobs): Promise<void> {
  await jobs.stop();
}

/**
 * One worker polls often. Whoever finds a job wakes an idle one, or starts another while there may be more, and looks again itself when it
 * is done: so a backlog is worked by all of them without a pause, they begin one after the other (pg-boss counts a group's jobs without a
 * lock: who looks at the same moment may go past its number), and an idle queue costs one look every 2 s. Answers how to wake an idle one.
 */
async function work(boss: PgBoss, name: QueueName, handler: Handler<QueueName>, options: JobsOptions): Promise<() => void> {
  const { concurrency, groupConcurrency }: Queue<object> = queues[name];
  const workers: { id: string; isBusy: boolean }[] = [];
  const wake = (): void => {
    const idle = workers.find(({ isBusy }) => !isBusy);
    if (idle !== undefined) boss.notifyWorker(idle.id);
    else if (workers.length < concurrency) add().catch(options.onError);
  };
  const add = async (): Promise<void> => {
    const worker = { id: "", isBusy: false };
    const polling = (workers.length === 0 ? limits.jobPollMs : limits.jobPollMsMax) / 1_000;
    workers.push(worker);
    const settings = { batchSize: 1, pollingIntervalSeconds: polling, ...(groupConcurrency === undefined ? {} : { groupConcurrency }) };
    worker.id = await boss.work(name, settings, async ([job]: Job<JobData<QueueName>>[]) => {
      if (job === undefined) return;
      worker.isBusy = true;
      wake();
      const context: JobContext = { jobId: job.id, attempt: job.retryCount + 1, signal: job.signal };
      try {
        await handler(job.data, context);
      } catch (error) {
        options.onFailed(name, error, context);
        throw error;
      } finally {
        worker.isBusy = false;
        boss.notifyWorker(worker.id);
      }
    });
  };
  await add();
  return wake;
}

type Parts = Pick<ConstructorOptions, "migrate" | "supervise" | "schedule" | "max">;

function openBoss(server: Server, parts: Parts, onError: (error: unknown) => void): PgBoss {
  const settings = {
    ...server,
    ...parts,
    schema: "pgboss",
    // The migration made it, for the role that owns it.
    createSchema: false,
    application_name: "kesher jobs",
    options: [
      "-c role=kesher_jobs",
      "-c TimeZone=UTC",
      `-c statement_timeout=${limits.statementMsMax}`,
      `-c idle_in_transaction_session_timeout=${limits.idleInTransactionMsMax}`,
      `-c lock_timeout=${limits.lockWaitMsMax}`,
      "-c jit=off",
    ].join(" "),
    connectionTimeoutMillis: limits.connectMsMax,
    // pg-boss gives these to its pool as they are.
    query_timeout: limits.statementMsMax + limits.deadLinkMarginMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: limits.keepAliveDelayMs,
    superviseIntervalSeconds: limits.jobMonitorMs / 1_000,
    monitorIntervalSeconds: limits.jobMonitorMs / 1_000,
    // Its NOTIFY would take a lock that all commits of the database share; we wake our own workers.
    useListenNotify: false,
    registerInstance: false,
    // Watches the server as a whole, which is not this role's business.
    monitorVacuum: false,
    openTelemetry: { enabled: false },
  };
  const boss = new PgBoss(settings);
  // Without a listener a database that goes away would end the process (pg-boss #365).
  // Some of what it tells are copies of errors, which are no errors to whoever looks.
  boss.on("error", (error: unknown) => onError(error instanceof Error ? error : Object.assign(new Error("pg-boss"), error)));
  return boss;
}
