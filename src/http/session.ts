/**
 * Sign-in for the sandbox's page: a one-time link on the console becomes a session in a cookie. In memory and bounded; a restart
 * ends all. Tokens have 256 bits and are kept as hashes only.
 */
import { createHash, randomBytes } from "node:crypto";
import { limits } from "../limits.ts";

export type Session = { tenantId: string; isPlatform: boolean };

export type SessionStore = {
  /** The token of a link that signs in once. */
  issueSignIn(session: Session): string;
  /** The cookie's value; null when the token is unknown, used or too old. */
  signIn(token: string): string | null;
  find(cookie: string): Session | null;
  end(cookie: string): void;
};

export function createSessions(options: { nowMs: () => number }): SessionStore {
  const signIns = new Map<string, Session & { untilMs: number }>();
  const sessions = new Map<string, Session & { untilMs: number }>();

  function keep(kept: Map<string, Session & { untilMs: number }>, { tenantId, isPlatform }: Session): string {
    const token = randomBytes(32).toString("base64url");
    kept.set(hashOf(token), { tenantId, isPlatform, untilMs: options.nowMs() + limits.sessionMsMax });
    // A Map keeps the order of insertion: the oldest goes.
    const [oldest] = kept.keys();
    if (kept.size > limits.sessionsMax && oldest !== undefined) kept.delete(oldest);
    return token;
  }

  function look(kept: Map<string, Session & { untilMs: number }>, token: string): Session | null {
    const session = kept.get(hashOf(token));
    return session !== undefined && session.untilMs > options.nowMs() ? session : null;
  }

  return {
    issueSignIn: (session) => keep(signIns, session),
    signIn(token) {
      const session = look(signIns, token);
      signIns.delete(hashOf(token));
      return session === null ? null : keep(sessions, session);
    },
    find: (cookie) => look(sessions, cookie),
    end(cookie) {
      sessions.delete(hashOf(cookie));
    },
  };
}

function hashOf(token: string): string {
  return createHash("sha256").update(token, "utf8").digest("base64url");
}
