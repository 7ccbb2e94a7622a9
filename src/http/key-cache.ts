/**
 * Remembers for a moment which key is whose, so that a busy caller does not cost a query each time. A revocation works at once on this
 * node and after `limits.apiKeyCacheMs` on others. Unknown keys are not remembered.
 */
import type { Db } from "../db/pool.ts";
import { limits } from "../limits.ts";
import { findApiKey, hashOfKey, isApiKey, type FoundKey } from "../services/tenants/api-keys.ts";

export type KeyCache = {
  find(key: string): Promise<FoundKey | null>;
  /** Something was revoked. */
  forget(): void;
};

export function createKeyCache(platform: Db, nowMs: () => number): KeyCache {
  const found = new Map<string, { key: FoundKey; untilMs: number }>();
  // A look-up that began before a revocation must not be remembered after it.
  let generation = 0;
  return {
    async find(text) {
      if (!isApiKey(text)) return null;
      const sha256 = hashOfKey(text);
      const name = sha256.toString("base64url");
      const known = found.get(name);
      if (known !== undefined && known.untilMs > nowMs()) return known.key;
      found.delete(name);
      const before = generation;
      const key = await findApiKey(platform, sha256);
      if (key === null || before !== generation) return key;
      const [oldest] = found.keys();
      if (found.size >= limits.apiKeyCacheMax && oldest !== undefined) found.delete(oldest);
      found.set(name, { key, untilMs: nowMs() + Math.min(limits.apiKeyCacheMs, key.expiresInMs ?? limits.apiKeyCacheMs) });
      return key;
    },
    forget() {
      generation += 1;
      found.clear();
    },
  };
}
