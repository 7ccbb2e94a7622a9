/** What opens a session or a link: 256 random bits, of which only the SHA-256 is kept. Reading the database signs nobody in. */
import { createHash, randomBytes } from "node:crypto";

export function newToken(): string {
  return randomBytes(32).toString("base64url");
}

export function isToken(text: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(text);
}

/** As sessions keep it. */
export function hashText(token: string): string {
  return hashBytes(token).toString("base64url");
}

/** As links and invitations keep it. */
export function hashBytes(token: string): Buffer {
  return createHash("sha256").update(token, "utf8").digest();
}
