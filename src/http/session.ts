/**
 * The cookie that carries a session. With a public address by https it has the prefix `__Host-`: the browser then takes it only with
 * `Secure`, for this very host and all paths, so that a neighbouring name cannot plant one. `SameSite=Lax`: a link from elsewhere into the
 * inbox finds its reader signed in; writes are judged by where they come from (`requireOwnPage`).
 */
import { limits } from "../limits.ts";

export type SessionCookie = {
  name: string;
  /** The token that a request carries; null for none, or for what is no token. */
  read(header: string | undefined): string | null;
  /** The header that hands a new one out, and the one that takes it back. */
  set(token: string): string;
  clear(): string;
};

export function createSessionCookie(publicUrl: string | null): SessionCookie {
  const isSecure = publicUrl?.startsWith("https:") === true;
  const name = isSecure ? "__Host-kesher_session" : "kesher_session";
  const flags = `${isSecure ? "Secure; " : ""}HttpOnly; SameSite=Lax; Path=/`;
  return {
    name,
    read(header) {
      for (const part of (header ?? "").split(";")) {
        const [given, value] = part.trim().split("=", 2);
        if (given === name && value !== undefined && /^[A-Za-z0-9_-]{43}$/.test(value)) return value;
      }
      return null;
    },
    set: (token) => `${name}=${token}; Max-Age=${limits.sessionMsMax / 1_000}; ${flags}`,
    clear: () => `${name}=; Max-Age=0; ${flags}`,
  };
}
