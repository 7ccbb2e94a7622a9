/**
 * Preloaded into a test process, it plants one known bug (KESHER_PLANTED_BUG) into one source file while that file is loaded, to see
 * whether the tests notice. The text that it replaces must be there exactly once, so that a plant cannot quietly come to nothing.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

type Plant = {
  file: string;
  find: RegExp;
  replace: string;
  /** The test that must fail, and its file. */
  caughtBy: { file: string; test: string };
};

const races = "test/faults-races.test.ts";

export const plants = {
  "acknowledge before commit": {
    file: "src/webhooks/receive.ts",
    find: /const received = await this\.#store\(group\);/g,
    replace: `for (const { resolve } of group) resolve("stored"); $&`,
    caughtBy: { file: races, test: "a webhook is not acknowledged before its COMMIT, and not at all when that fails (I1)" },
  },
  "check, then insert": {
    file: "src/services/whatsapp/messages.ts",
    find: /on conflict \(tenant_id, connection_id, wa_message_id\) do update set[^`]*?(?=\n\s*returning)/g,
    replace:
      "where not exists (select from whatsapp_messages x where (x.tenant_id, x.connection_id, x.wa_message_id) = (u.tenant_id, u.connection_id, u.wa_message_id))",
    caughtBy: {
      file: races,
      test: "two transactions that store one message at once make one row, and the second learns that it is a duplicate (I2)",
    },
  },
  "no rank guard": {
    file: "src/services/whatsapp/statuses.ts",
    find: /status = case when f\.rank > .* then f\.status else m\.status end/g,
    replace: "status = coalesce(f.status, m.status)",
    caughtBy: { file: races, test: "a status that comes late moves no tick back, whatever batch it is in (I4)" },
  },
  "cursor by sequence": {
    file: "src/services/activity/append.ts",
    // What a sequence does: a number is drawn at once, and nobody waits for whoever drew the one before.
    find: /insert into activity_counters as c [^`]*?returning tenant_id as "tenantId", seq, keeps_updates as "keepsUpdates"(?=`)/g,
    replace: `select tenant_id as "tenantId", (extract(epoch from clock_timestamp()) * 1000000)::bigint as seq, false as "keepsUpdates"
      from unnest($1::uuid[], $2::bigint[], $3::int[], $4::int[], $5::int[], $6::int[]) as u (tenant_id, seq, stored, parked, duplicates, suppressed)`,
    caughtBy: { file: races, test: "an event that is committed later is never numbered before one that a reader has seen (I5)" },
  },
  "lost sibling": {
    file: "src/services/whatsapp/graph/locate.ts",
    find: /for \(const element of readList\(list\)\)/g,
    replace: "for (const element of readList(list).slice(0, 1))",
    caughtBy: { file: races, test: "every update of a change is taken, not only the first of its list" },
  },
  "early status without the lock": {
    file: "src/services/whatsapp/statuses.ts",
    find: /await tx\.query\(lockMessages, /g,
    replace: "void (lockMessages, ",
    caughtBy: { file: races, test: "a status and its message that are applied at the same moment find each other, whoever is first (I3)" },
  },
  "window moved backwards": {
    file: "src/services/whatsapp/conversations.ts",
    find: /greatest\(c\.last_customer_message_at, f\.customer_at\)/g,
    replace: "coalesce(f.customer_at, c.last_customer_message_at)",
    caughtBy: { file: races, test: "a customer's earlier word that arrives late moves no window back" },
  },
  "no secret, no check": {
    file: "src/core/signature.ts",
    find: /let matches = 0;/g,
    replace: "if (secrets.length === 0) return true; $&",
    caughtBy: { file: "test/signature.test.ts", test: "No secret, and an empty one, sign nothing" },
  },
  "no bisection": {
    file: "src/queue/apply.ts",
    find: /if \(items\.length === 1 \|\| round >= limits\.bisectRoundsMax\)/g,
    replace: "if (items.length > 0)",
    caughtBy: {
      file: "test/batch.test.ts",
      test: "of a thousand updates of many tenants in one body of 3 MB, fifty poisonous, all others are applied and the fifty are parked",
    },
  },
  "retry on time-out": {
    file: "src/services/whatsapp/outbox/outcome.ts",
    find: /return verdict\("lost"\);/g,
    replace: `return verdict("not_sent");`,
    caughtBy: { file: "test/outbox.test.ts", test: "a request whose outcome nobody knows is never made again by itself (I6)" },
  },
  "no fencing": {
    file: "src/services/whatsapp/outbox/record.ts",
    find: / and s\.claim_id = u\.claim_id(?=`,)/g,
    replace: "",
    caughtBy: {
      file: "test/outbox-nodes.test.ts",
      test: "an outcome that is written again touches nothing of the node that has claimed the message since",
    },
  },
  "window checked only once": {
    file: "src/queue/workers/send.worker.ts",
    find: /send\.isFreeform && !send\.isOpen/g,
    replace: "false",
    caughtBy: {
      file: "test/outbox.test.ts",
      test: "the window is looked at again when a message is claimed: what waited too long is not sent (I7)",
    },
  },
} as const satisfies Record<string, Plant>;

const wanted = process.env["KESHER_PLANTED_BUG"];
if (wanted !== undefined) plant(wanted);

function plant(name: string): void {
  const chosen: Plant | undefined = Object.entries(plants).find(([known]) => known === name)?.[1];
  assert.ok(chosen, `There is no bug by the name ${name}`);
  const url = new URL(`../../${chosen.file}`, import.meta.url).href;
  const source = readFileSync(fileURLToPath(url), "utf8");
  const found = source.match(chosen.find)?.length ?? 0;
  assert.equal(found, 1, `The bug "${name}" does not fit ${chosen.file} any more: its text is there ${found} times`);
  registerHooks({
    load(asked, context, nextLoad) {
      if (asked !== url) return nextLoad(asked, context);
      process.stderr.write(`Planted: ${name}\n`);
      return { format: "module-typescript", shortCircuit: true, source: source.replace(chosen.find, chosen.replace) };
    },
  });
}
