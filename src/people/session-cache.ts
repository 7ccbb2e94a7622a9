/**
 * Remembers for a moment whose session a cookie is, so that a busy page does not cost a query for each request. What ends a session or
 * changes a role works at once on this node, and after `limits.sessionCacheMs` on others. Unknown cookies are not remembered.
 */
import type { Db } from "../db/pool.ts";
import { limits } from "../limits.ts";
import { hashText, isToken } from "./session-token.ts";
import { findSession, type Session } from "./sessions.ts";

export type SessionCache = {
  find(token: string): Promise<Session | null>;
  /** Something about sessions, roles or tenants was changed. */
  forget(): void;
};

export function createSessionCache(auth: Db, nowMs: () => number): SessionCache {
  const found = new Map<string, { session: Session; untilMs: number }>();
  // A look-up that began before a change must not be remembered after it.
  let generation = 0;
  return {
    async find(token) {
      if (!isToken(token)) return null;
      const name = hashText(token);
      const known = found.get(name);
      if (known !== undefined && known.untilMs > nowMs()) return known.session;
      found.delete(name);
      const before = generation;
      const session = await findSession(auth, token, nowMs());
      if (session === null || before !== generation) return session;
      const [oldest] = found.keys();
      if (found.size >= limits.sessionCacheMax && oldest !== undefined) found.delete(oldest);
      found.set(name, { session, untilMs: Math.min(nowMs() + limits.sessionCacheMs, session.endsAtMs) });
      return session;
    },
    forget() {
      generation += 1;
      found.clear();
    },
  };
}
