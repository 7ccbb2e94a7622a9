/** The first person's business, made with their account. */
import { randomBytes } from "node:crypto";
import type { Actor } from "../core/actor.ts";
import type { Db } from "../db/pool.ts";
import { createTenant } from "../services/tenants/tenants.ts";

/** Answers its id. The slug is the name's Latin letters, and something that no other tenant has. */
export async function makeFirstTenant(
  platform: Db,
  { name, actor, nowMs }: { name: string; actor: Actor; nowMs: number },
): Promise<string> {
  const latin = name
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 40);
  const slug = `${latin}-${randomBytes(3).toString("hex")}`.replace(/^-+/, "");
  const { id } = await createTenant(platform, { name, slug: slug.replaceAll(/-{2,}/g, "-") }, nowMs, actor);
  return id;
}
