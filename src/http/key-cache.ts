/**
 * Remembers for a moment which key is whose, so that a busy caller does not cost a query each time. A revocation works at once on this
 * node and after `limits.apiKeyCacheMs` on others. Unknown keys are not remembered; mistyped ones are told apart without a query.
 */
import { judgeKeyText } from "../core/key-text.ts";
import { Rejection } from "../core/rejection.ts";
import type { Db } from "../db/pool.ts";
import { limits } from "../limits.ts";
import { findApiKey, hashOfKey, type FoundKey } from "../services/tenants/api-keys.ts";

export type KeyCache = {
  /** Throws `unauthorized` that says so when the key's own checksum does not fit. */
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
      const spelling = judgeKeyText(text);
      if (spelling === "mistyped") {
        throw new Rejection("unauthorized", 401, "This key is mistyped or cut off: its checksum does not fit. Copy it once more.");
      }
      if (spelling === "other") return null;
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
