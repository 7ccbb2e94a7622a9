/** Waiting for transactions that began before something was committed, as an index that is built concurrently does. */
import type { Db } from "../../db/pool.ts";
import { statement } from "../../db/statement.ts";
import { limits } from "../../limits.ts";

/** Whoever has written something has a number. Those that have not yet will read what is committed by now. */
const selectUnderWay = statement(
  "privacy_wait.under_way",
  `select coalesce(pid, 0) as pid, backend_xid::text as xid from pg_stat_activity where datname = current_database() and backend_xid is not null and pid <> pg_backend_pid()`,
  { pid: "int", xid: "text" },
);

/** All end by themselves: sessions have time limits. Rejects after `limits.privacyWaitMsMax`; then the job tries again. */
export async function othersEnded(privacy: Db, signal: AbortSignal): Promise<void> {
  const keyOf = ({ pid, xid }: { pid: number; xid: string }): string => `${pid} ${xid}`;
  let left = new Set((await privacy.query(selectUnderWay)).map(keyOf));
  const until = performance.now() + limits.privacyWaitMsMax;
  while (left.size > 0) {
    signal.throwIfAborted();
    if (performance.now() > until) throw new Error("A transaction that began before does not end");
    await new Promise((resolve) => setTimeout(resolve, limits.privacyWaitPollMs));
    const now = new Set((await privacy.query(selectUnderWay)).map(keyOf));
    left = new Set([...left].filter((key) => now.has(key)));
  }
}
