/** What carries out retention, exports and erasures, by hand, and a look into every column of every table and every file for words that must be gone. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tenantScope } from "../../src/core/scope.ts";
import { openMediaStore, type MediaStore } from "../../src/services/media-store.ts";
import { eraseContact, type PrivacyDeps } from "../../src/services/privacy/erase.ts";
import { openExportStore } from "../../src/services/privacy/export-store.ts";
import { askFor } from "../../src/services/privacy/jobs.ts";
import { createHasher } from "../../src/services/privacy/marks.ts";
import { createSuppression, type Suppression } from "../../src/services/privacy/suppress.ts";
import { rewriteDeliveries } from "../../src/services/privacy/rewrite.ts";
import { systemActor } from "../../src/core/actor.ts";
import type { Rig } from "./worker.ts";

type Scope = { after(fn: () => Promise<void>): void };

export type PrivacyRig = {
  deps: PrivacyDeps;
  store: MediaStore;
  suppression: Suppression;
  /** Media and exports. */
  folder: string;
  ask(tenantId: string, contactId: string, kind?: "erasure" | "export"): Promise<string>;
  /** The whole job, in one go. */
  erase(tenantId: string, contactId: string): Promise<string>;
  /** What the path in has put down to be rewritten. */
  rewriteAsked(): Promise<void>;
  /** A file of a message, as if it had been fetched. */
  keepFile(tenantId: string, messageId: string, bytes: string, fileName?: string): Promise<string>;
};

const never = new AbortController().signal;

export async function privacyOf(t: Scope, rig: Rig): Promise<PrivacyRig> {
  const folder = await mkdtemp(join(tmpdir(), "kesher-privacy-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const store = await openMediaStore(join(folder, "media"));
  const hasher = createHasher((_context, sealed) => Buffer.from(sealed).toString());
  const privacy = rig.open("kesher_privacy");
  const deps: PrivacyDeps = {
    privacy,
    store,
    exports: openExportStore(join(folder, "exports")),
    hasher,
    seal: (_context, plain) => Buffer.from(plain),
    nowMs: () => rig.clock.nowMs,
    forgetPeople: () => undefined,
  };
  const made: PrivacyRig = {
    deps,
    store,
    folder,
    suppression: createSuppression(createHasher((_context, sealed) => Buffer.from(sealed).toString())),
    async ask(tenantId, contactId, kind = "erasure") {
      const { job } = await askFor(rig.app, tenantScope(tenantId), { kind, contactId }, { actor: systemActor, nowMs: rig.clock.nowMs });
      return job.id;
    },
    async erase(tenantId, contactId) {
      const jobId = await made.ask(tenantId, contactId);
      await eraseContact(deps, tenantScope(tenantId), jobId, never);
      return jobId;
    },
    async rewriteAsked() {
      const jobs = await rig.sql<{ data: { tenantId: string; deliveryIds: string[] } }>(
        `delete from pgboss.job where name = 'privacy-rewrite' returning data`,
      );
      for (const { data } of jobs) await rewriteDeliveries(deps, tenantScope(data.tenantId), data.deliveryIds);
    },
    async keepFile(tenantId, messageId, bytes, fileName = "file.png") {
      const staged = await store.stage(chunks(bytes), 1_000_000);
      await staged.keep(tenantId);
      const [row] = await rig.sql<{ id: string }>(
        `update whatsapp_media set state = 'stored', sha256 = $3, bytes = $4, stored_at = now(), file_name = $5 where tenant_id = $1 and message_id = $2 returning id`,
        [tenantId, messageId, staged.sha256, staged.bytes, fileName],
      );
      if (row === undefined) throw new Error("This message has no file");
      return row.id;
    },
  };
  return made;
}

async function* chunks(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

/** All tables of ours and of the jobs, from the catalogue, so that one which is added tomorrow is looked into tomorrow. */
export async function allRows(rig: Rig): Promise<Map<string, string[]>> {
  const tables = await rig.sql<{ name: string }>(
    `select n.nspname || '.' || quote_ident(c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname in ('public', 'auth', 'pgboss') and c.relkind in ('r', 'm') order by 1`,
  );
  const found = new Map<string, string[]>();
  for (const { name } of tables) {
    // Bytes as text, so that bodies can be read; what is no text shows as hex.
    const columns = await rig.sql<{ column: string; type: string }>(
      `select quote_ident(a.attname) as column, a.atttypid::regtype::text as type from pg_attribute a
       where a.attrelid = '${name}'::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum`,
    );
    const texts = columns.map(({ column, type }) => (type === "bytea" ? `encode(${column}, 'escape')` : `${column}::text`));
    const rows = await rig.sql<{ text: string }>(`select concat_ws(' | ', ${texts.join(", ")}) as text from ${name} order by 1`);
    found.set(
      name,
      rows.map(({ text }) => text),
    );
  }
  return found;
}

/** Where one of the words stands: table or file, and the word. */
export async function grepAll(rig: Rig, folder: string, words: readonly string[]): Promise<string[]> {
  const hits: string[] = [];
  for (const [table, rows] of await allRows(rig)) {
    for (const row of rows) {
      for (const word of words) if (holds(row, word)) hits.push(`${table}: ${word}: ${row.slice(0, 200)}`);
    }
  }
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const text = (await readFile(path)).toString("latin1");
    for (const word of words) if (holds(text, word) || path.includes(word)) hits.push(`${entry.name}: ${word}`);
  }
  return hits;
}

/** As it is, as JSON escapes it, and as bytes that are shown one by one. */
function holds(text: string, word: string): boolean {
  if (text.includes(word)) return true;
  const escaped = JSON.stringify(word).slice(1, -1);
  const ascii = escaped.replaceAll(/[^\0-~]/g, (unit) => String.raw`\u` + unit.charCodeAt(0).toString(16).padStart(4, "0"));
  const octal = [...Buffer.from(word)].map((byte) => (byte < 128 ? String.fromCharCode(byte) : `\\${byte.toString(8)}`)).join("");
  return text.includes(ascii) || text.includes(octal) || text.includes(Buffer.from(word).toString("latin1"));
}
