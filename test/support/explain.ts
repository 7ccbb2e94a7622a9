/** What a statement of the program really does, as the role that runs it and bound by row-level security. */
import type pg from "pg";
import type { Value } from "../../src/db/statement.ts";

export type Explained = {
  /** Tables that are read from end to end. */
  seqScans: string[];
  indexes: string[];
  /** Rows that nodes on tables of conversations or search gave or threw away, over all their loops. */
  rowsRead: number;
  text: string;
};

type Node = {
  "Node Type": string;
  "Relation Name"?: string;
  "Index Name"?: string;
  "Actual Rows"?: number;
  "Actual Loops"?: number;
  "Rows Removed by Filter"?: number;
  Plans?: Node[];
};
type Mode = "force_generic_plan" | "force_custom_plan";

let prepared = 0;

export async function explain(
  session: pg.Client,
  { tenantId, statement, values, mode }: { tenantId: string; statement: { text: string }; values: readonly Value[]; mode: Mode },
): Promise<Explained> {
  prepared += 1;
  await session.query(`begin; set local role kesher_app; set local plan_cache_mode = ${mode}`);
  try {
    await session.query("select set_config('app.tenant_id', $1, true)", [tenantId]);
    await session.query(`prepare explained_${prepared} as ${statement.text}`);
    const given = values.map((value) => (value === null ? "null" : `'${String(value).replaceAll("'", "''")}'`)).join(", ");
    const { rows } = await session.query<{ "QUERY PLAN": { Plan: Node }[] }>(
      `explain (analyze, format json) execute explained_${prepared} (${given})`,
    );
    const [plan] = rows[0]?.["QUERY PLAN"] ?? [];
    if (plan === undefined) throw new Error("No plan");
    const nodes = flatten(plan.Plan);
    const readers = nodes.filter((node) => /^(whatsapp_conversations|search_)/.test(node["Relation Name"] ?? ""));
    return {
      seqScans: nodes.filter((node) => node["Node Type"] === "Seq Scan").map((node) => node["Relation Name"] ?? ""),
      indexes: nodes.flatMap((node) => node["Index Name"] ?? []),
      rowsRead: readers.reduce(
        (sum, node) => sum + ((node["Actual Rows"] ?? 0) + (node["Rows Removed by Filter"] ?? 0)) * (node["Actual Loops"] ?? 1),
        0,
      ),
      text: JSON.stringify(
        plan.Plan,
        ["Node Type", "Relation Name", "Index Name", "Index Cond", "Filter", "Actual Rows", "Actual Loops", "Plans"],
        1,
      ),
    };
  } finally {
    await session.query("rollback");
  }
}

function flatten(node: Node): Node[] {
  return [node, ...(node.Plans ?? []).flatMap(flatten)];
}
