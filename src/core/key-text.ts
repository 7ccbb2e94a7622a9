/**
 * How an API key is spelled: `ksh_<id>_<secret><checksum>`. The checksum (the first 32 bits of the SHA-256 of all before it, in base 62) proves
 * nothing about who holds the key; it lets us tell a typing error from a stranger without a look at the database, and a scanner for leaked secrets be sure of what it found.
 * Keys of the first days have no checksum and still work.
 */
import { createHash } from "node:crypto";

const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const checksumChars = 6;

/** `secret` has 256 bits. */
export function spellKey(id: string, secret: Uint8Array): string {
  const text = `ksh_${id.replaceAll("-", "")}_${Buffer.from(secret).toString("base64url")}`;
  return text + checksumOf(text);
}

/** `mistyped`: it looks like a key of ours, and its checksum does not fit. */
export function judgeKeyText(text: string): "key" | "mistyped" | "other" {
  if (/^ksh_[0-9a-f]{32}_[A-Za-z0-9_-]{43}$/.test(text)) return "key";
  if (!/^ksh_[0-9a-f]{32}_[A-Za-z0-9_-]{43}[0-9A-Za-z]{6}$/.test(text)) return "other";
  return checksumOf(text.slice(0, -checksumChars)) === text.slice(-checksumChars) ? "key" : "mistyped";
}

/** 62^6 is above 2^32: six letters hold every checksum. */
function checksumOf(text: string): string {
  let rest = createHash("sha256").update(text, "utf8").digest().readUInt32BE(0);
  let spelled = "";
  for (let index = 0; index < checksumChars; index += 1) {
    spelled = (letters[rest % letters.length] ?? "") + spelled;
    rest = Math.floor(rest / letters.length);
  }
  return spelled;
}
