/** Of a tenant's activity what belongs to one connection: events of its conversations, and about itself. All else is left out. */
import type { ActivityEvent } from "../../contract/activity.ts";
import { BoundedMap } from "../../core/bounded-map.ts";
import type { TenantScope } from "../../core/scope.ts";
import { uuids } from "../../db/arrays.ts";
import type { Db } from "../../db/pool.ts";
import { statement } from "../../db/statement.ts";
import { tenantTransaction } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";

const selectOwn = statement(
  "activity_of_connection.own",
  `select id from whatsapp_conversations where tenant_id = $1 and id = any($2::uuid[]) and connection_id = $3`,
  { id: "uuid" },
);

export type ActivityFilter = (events: readonly ActivityEvent[]) => Promise<readonly ActivityEvent[]>;

/** Remembers which conversations are whose: that never changes. */
export function ofConnection(app: Db, scope: TenantScope, connectionId: string): ActivityFilter {
  const isOwn = new BoundedMap<boolean>(limits.activityConversationsKnownMax);

  async function look(conversationIds: readonly string[]): Promise<void> {
    if (conversationIds.length === 0) return;
    const rows = await tenantTransaction(app, scope, (tx) => tx.query(selectOwn, [scope.tenantId, uuids(conversationIds), connectionId]));
    const own = new Set(rows.map(({ id }) => id));
    for (const id of conversationIds) isOwn.set(id, own.has(id));
  }

  return async (events) => {
    const named = new Set(events.flatMap(({ conversationId }) => conversationId ?? []));
    await look([...named].filter((id) => isOwn.get(id) === undefined));
    return events.filter(({ conversationId, data }) =>
      conversationId === null ? connectionIn(data) === connectionId : isOwn.get(conversationId) === true,
    );
  };
}

function connectionIn(data: unknown): unknown {
  return typeof data === "object" && data !== null && "connectionId" in data ? data.connectionId : undefined;
}
