/**
 * Background jobs: what queues there are, and how work gets into them. pg-boss keeps and runs them (`queue/jobs.ts`); a job is put into its
 * table by a statement of our own, because it must commit or vanish with the caller's transaction and with nothing but the caller's rights
 * (decisions/0017). A test holds that statement against pg-boss's own insert, column by column.
 */
import type { Tx } from "../db/transaction.ts";
import { statement } from "../db/statement.ts";
import { limits } from "../limits.ts";

export type QueueOptions<Data> = {
  /** Jobs under way at once on one node. */
  concurrency: number;
  /** About as many jobs of one group (`groupOf`) are under way at once, over all nodes: nobody's many jobs hold up the others'. */
  groupConcurrency?: number;
  groupOf?(data: Data): string;
  /** Jobs of one key are one job while it waits (`short`), or while it waits or runs (`exclusive`). Never changed after the queue was made. */
  policy?: "standard" | "short" | "exclusive";
  keyOf?(data: Data): string;
  /** Attempts after the first one. A node that dies under a job uses one up. */
  retryLimit: number;
  /** Before the first retry; doubles with jitter up to `retryDelaySecondsMax`. */
  retryDelaySeconds: number;
  retryDelaySecondsMax: number;
  /** An attempt may run this long. */
  expireInSeconds: number;
  /** Made by the clock, once for all nodes: five fields, UTC. */
  schedule?: { cron: string; data: Data };
};

export type Queue<Data> = QueueOptions<Data> & { readonly data?: Data };

/** Every queue. To add one: an entry here, and its handler where `startJobs` is called. */
export const queues = {
  "media-fetch": queue<{ tenantId: string; connectionId: string; mediaId: string }>({
    concurrency: limits.mediaFetchesMax,
    groupConcurrency: limits.mediaFetchesPerNumberMax,
    groupOf: ({ connectionId }) => connectionId,
    policy: "short",
    keyOf: ({ mediaId }) => mediaId,
    retryLimit: 100,
    retryDelaySeconds: 2,
    retryDelaySecondsMax: 300,
    expireInSeconds: 300,
  }),
  "template-sync": queue<{ tenantId: string; accountId: string }>({
    concurrency: limits.templateSyncsMax,
    groupConcurrency: limits.templateSyncsPerTenantMax,
    groupOf: ({ tenantId }) => tenantId,
    policy: "short",
    keyOf: ({ accountId }) => accountId,
    retryLimit: 3,
    retryDelaySeconds: 30,
    retryDelaySecondsMax: 120,
    expireInSeconds: 120,
  }),
  /** Looks for accounts whose list is due. */
  "template-sweep": queue<Record<string, never>>({
    concurrency: 1,
    policy: "short",
    keyOf: () => "",
    retryLimit: 0,
    retryDelaySeconds: 1,
    retryDelaySecondsMax: 1,
    expireInSeconds: 60,
    schedule: { cron: "*/5 * * * *", data: {} },
  }),
  /** Looks at one number at Meta. `why`: what came of errors is bounded in number. */
  "connection-probe": queue<{ tenantId: string; connectionId: string; why: "due" | "news" | "trouble" }>({
    concurrency: limits.connectionProbesMax,
    groupConcurrency: limits.connectionProbesPerTenantMax,
    groupOf: ({ tenantId }) => tenantId,
    policy: "short",
    keyOf: ({ connectionId }) => connectionId,
    retryLimit: 2,
    retryDelaySeconds: 30,
    retryDelaySecondsMax: 120,
    expireInSeconds: 120,
  }),
  /** Erases a person, step by step; killed, it goes on where it was. */
  "contact-erase": queue<{ tenantId: string; jobId: string }>({
    concurrency: limits.privacyJobsMax,
    groupConcurrency: limits.privacyJobsPerTenantMax,
    groupOf: ({ tenantId }) => tenantId,
    policy: "short",
    keyOf: ({ jobId }) => jobId,
    retryLimit: 1_000,
    retryDelaySeconds: 2,
    retryDelaySecondsMax: 30,
    expireInSeconds: 3_600,
  }),
  "contact-export": queue<{ tenantId: string; jobId: string }>({
    concurrency: limits.privacyJobsMax,
    groupConcurrency: limits.privacyJobsPerTenantMax,
    groupOf: ({ tenantId }) => tenantId,
    policy: "short",
    keyOf: ({ jobId }) => jobId,
    retryLimit: 20,
    retryDelaySeconds: 10,
    retryDelaySecondsMax: 300,
    expireInSeconds: 3_600,
  }),
  /** Takes what came again about erased people out of these raw bodies. */
  "privacy-rewrite": queue<{ tenantId: string; deliveryIds: string[] }>({
    concurrency: limits.privacyJobsMax,
    groupConcurrency: limits.privacyJobsPerTenantMax,
    groupOf: ({ tenantId }) => tenantId,
    retryLimit: 1_000,
    retryDelaySeconds: 2,
    retryDelaySecondsMax: 300,
    expireInSeconds: 600,
  }),
  /** Deletes what tenants do not want to keep, exports whose time is over, and marks that nobody needs any more. */
  "retention-sweep": queue<Record<string, never>>({
    concurrency: 1,
    policy: "short",
    keyOf: () => "",
    retryLimit: 2,
    retryDelaySeconds: 60,
    retryDelaySecondsMax: 300,
    expireInSeconds: 3_000,
    schedule: { cron: "23 * * * *", data: {} },
  }),
  /** Takes their conversations from somebody who was removed. */
  "person-unassign": queue<{ tenantId: string; personId: string }>({
    concurrency: 1,
    policy: "short",
    keyOf: ({ tenantId, personId }) => `${tenantId} ${personId}`,
    retryLimit: 1_000,
    retryDelaySeconds: 2,
    retryDelaySecondsMax: 300,
    expireInSeconds: 600,
  }),
  /** Looks for numbers that were not looked at for long. */
  "connection-sweep": queue<Record<string, never>>({
    concurrency: 1,
    policy: "short",
    keyOf: () => "",
    retryLimit: 0,
    retryDelaySeconds: 1,
    retryDelaySecondsMax: 1,
    expireInSeconds: 60,
    schedule: { cron: "*/5 * * * *", data: {} },
  }),
} as const;

export type QueueName = keyof typeof queues;
/** `Object.keys` forgets which ones they are. */
export const queueNames = Object.keys(queues) as QueueName[];
export type JobData<Name extends QueueName> = (typeof queues)[Name] extends Queue<infer Data extends object> ? Data : never;

function queue<Data extends object>(options: QueueOptions<Data>): Queue<Data> {
  return options;
}

/** What pg-boss 12.38 (its schema 46) inserts for jobs of one queue, with the queue's own settings. */
const insert = statement(
  "jobs.insert",
  `insert into pgboss.job (name, data, start_after, singleton_key, group_id, expire_seconds, deletion_seconds, keep_until,
                           retry_limit, retry_delay, retry_backoff, retry_delay_max, policy, dead_letter, heartbeat_seconds)
   select q.name, j.data, s.at, j.key, j.grp, q.expire_seconds, q.deletion_seconds, s.at + q.retention_seconds * interval '1 second',
          q.retry_limit, q.retry_delay, q.retry_backoff, q.retry_delay_max, q.policy, q.dead_letter, q.heartbeat_seconds
     from jsonb_to_recordset($2::jsonb) as j (data jsonb, key text, grp text)
     left join pgboss.queue q on q.name = $1
    cross join (select now() + $3::int * interval '1 second' as at) s
   on conflict do nothing`,
  {},
);

/**
 * Puts jobs into a queue in the caller's transaction, as kesher_app, kesher_ingest, kesher_platform or kesher_auth: one statement for all of them.
 * They run if it commits, on this node without delay, and as a job may run twice its handler must bear that.
 */
export async function enqueue<Name extends QueueName>(
  tx: Tx,
  name: Name,
  data: readonly JobData<Name>[],
  options: { startAfterSeconds?: number } = {},
): Promise<void> {
  if (data.length === 0) return;
  const wanted: Queue<object> = queues[name];
  const jobs = data.map((each) => ({ data: each, key: wanted.keyOf?.(each) ?? null, grp: wanted.groupOf?.(each) ?? null }));
  await tx.query(insert, [name, JSON.stringify(jobs), Math.ceil(options.startAfterSeconds ?? 0)]);
  tx.afterCommit(() => {
    for (const listener of listeners) listener(name);
  });
}

const listeners = new Set<(name: QueueName) => void>();

/** Calls `listener` whenever this process has committed jobs of a queue, until the answer is called. */
export function onEnqueued(listener: (name: QueueName) => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
