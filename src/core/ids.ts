/**
 * UUID version 7 (RFC 9562): 48 bits of milliseconds, then randomness. Rows made at about the same time lie
 * together in an index, and a range of ids is a range of time, which is how the journal is partitioned.
 */
const hex: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** `random` needs at least 10 bytes from `offset`. */
export function uuidV7(nowMs: number, random: Uint8Array, offset = 0): string {
  const at = (index: number): number => random[offset + index] ?? 0;
  const byte = (value: number): string => hex[value & 0xff] ?? "00";
  const time = Math.max(0, Math.floor(nowMs)).toString(16).padStart(12, "0");
  return (
    `${time.slice(0, 8)}-${time.slice(8)}-` +
    `${byte(0x70 | (at(0) & 0x0f))}${byte(at(1))}-` +
    `${byte(0x80 | (at(2) & 0x3f))}${byte(at(3))}-` +
    `${byte(at(4))}${byte(at(5))}${byte(at(6))}${byte(at(7))}${byte(at(8))}${byte(at(9))}`
  );
}

/** The least id of that millisecond: the bound of a partition. */
export function uuidV7Floor(atMs: number): string {
  const time = Math.max(0, Math.floor(atMs)).toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-0000-0000-000000000000`;
}

/** Shape of any uuid, in the lower-case form that PostgreSQL prints. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}

/** Stands for "no tenant" in counters. */
export const nilId = "00000000-0000-0000-0000-000000000000";
