import assert from "node:assert/strict";
import { after, test } from "node:test";
import { newId } from "../src/db/new-id.ts";
import { limits } from "../src/limits.ts";
import { adminKey, startApi } from "./support/api.ts";

const api = await startApi({ after });
const stepMs = 60_000;
const nowMs = Date.now();

/** One delivery of one update at each of these times, all parked or all applied. */
async function deliver(atMs: readonly number[], parked: 0 | 1): Promise<string[]> {
  const ids = atMs.map((at) => newId(at));
  const times = atMs.map((at) => new Date(at).toISOString());
  await api.ingest.pool.query(
    `insert into webhook_deliveries (id, app_key, received_at, lanes, body)
     select id, '', at, 1, '{}' from unnest($1::uuid[], $2::timestamptz[]) as u (id, at)`,
    [ids, times],
  );
  await api.ingest.pool.query(
    `insert into webhook_results (delivery_id, kind, updates, stored, parked, duplicates, suppressed, applied_at)
     select id, 'whatsapp-messages', 1, $2, $3, 0, 0, now() from unnest($1::uuid[]) as u (id)`,
    [ids, 1 - parked, parked],
  );
  return ids;
}

async function list(query: string): Promise<{ ids: string[]; next: string | null }> {
  const { status, json, text } = await api.call("GET", `/api/v1/deliveries?${query}`, { key: adminKey });
  assert.equal(status, 200, text);
  return { ids: json.data.map(({ id }: { id: string }) => id), next: json.next };
}

const iso = (atMs: number): string => encodeURIComponent(new Date(atMs).toISOString());

test("The operator sees the deliveries of a state and of a time, and a page of a state looks at no more than its limit", async () => {
  const [old] = await deliver([nowMs - 3 * stepMs], 1);
  const between = await deliver(
    Array.from({ length: limits.deliveriesLookedMax - 1 }, (_, index) => nowMs - 2 * stepMs + index),
    0,
  );
  const [fresh] = await deliver([nowMs - stepMs], 1);
  assert.ok(old !== undefined && fresh !== undefined);

  const first = await list("state=parked");
  assert.deepEqual(first.ids, [fresh]);
  assert.ok(first.next !== null, "the page ends before the old one");
  const second = await list(`state=parked&after=${first.next}`);
  assert.deepEqual(second, { ids: [old], next: null });
  assert.deepEqual((await list("state=parked&limit=1")).ids, [fresh]);
  assert.deepEqual((await list("state=partly_parked")).ids, []);
  assert.equal((await list("state=applied&limit=200")).ids.length, 200);

  assert.deepEqual((await list(`to=${iso(nowMs - 2.5 * stepMs)}`)).ids, [old]);
  assert.deepEqual((await list(`from=${iso(nowMs - 1.5 * stepMs)}`)).ids, [fresh]);
  // From is in the range, to is not.
  assert.deepEqual((await list(`from=${iso(nowMs - 2 * stepMs)}&to=${iso(nowMs - 2 * stepMs + 2)}`)).ids, [between[1], between[0]]);
  for (const wrong of ["state=lost", "from=yesterday", "to=x"]) {
    assert.equal((await api.call("GET", `/api/v1/deliveries?${wrong}`, { key: adminKey })).status, 400, wrong);
  }
  const { key } = await api.tenant();
  assert.equal((await api.call("GET", "/api/v1/deliveries?state=parked", { key })).status, 403);
});
