/**
 * Meta's `X-Hub-Signature-256`: HMAC-SHA256, keyed with the app secret, over the bytes as they came. The first wall of the path in (I10).
 * Measured on Node 26 with a body of 600 bytes: 2.5 µs; a KeyObject, the one-shot `hash` and binary digests are no faster.
 */
import { createHmac, timingSafeEqual } from "node:crypto";

const signed = /^sha256=[0-9a-f]{64}$/;

/**
 * Whether one of the secrets signed this body. The MAC of every secret is computed, without an early exit; no secret, no signature.
 * Upper-case hex is refused, as is everything but one exact header.
 */
export function isSigned(body: Uint8Array, header: string | undefined, secrets: readonly string[]): boolean {
  // Also makes the two sides equally long, without which timingSafeEqual throws.
  if (header === undefined || !signed.test(header)) return false;
  const given = Buffer.from(header, "latin1");
  let matches = 0;
  for (const secret of secrets) {
    const isMatch = timingSafeEqual(given, Buffer.from(sign(body, secret), "latin1"));
    // HMAC takes an empty key without complaint; it must never open the door.
    matches += isMatch && secret !== "" ? 1 : 0;
  }
  return matches > 0;
}

/** The header's value. */
export function sign(body: Uint8Array, secret: string): string {
  return `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
}
