/**
 * Column arrays for `unnest($1::text[], …)` in PostgreSQL's binary format. `pg` sends a Buffer as a binary parameter;
 * its own text form would quote and escape every element, which costs more than the insert it serves.
 * Format: https://www.postgresql.org/docs/18/protocol-overview.html and array_recv() in arrayfuncs.c (read 2026-11).
 */
const oid = { bool: 16, bytea: 17, int8: 20, int4: 23, text: 25, timestamptz: 1184, uuid: 2950 } as const;

/** Microseconds between 1970 and 2000, PostgreSQL's epoch. */
const postgresEpochMs = 946_684_800_000;
const headerBytes = 20;

/** Texts are written here first, since their bytes are not known before. Kept between calls while it is small. */
let scratch = Buffer.allocUnsafe(64 * 1_024);
const scratchBytesMax = 2 ** 20;

export function texts(values: readonly (string | null)[]): Buffer {
  let buffer = scratch;
  let at = header(buffer, oid.text, values.length);
  let last: string | null = null;
  let lastAt = 0;
  for (const value of values) {
    // No character takes more than three bytes for each of its UTF-16 units.
    const need = at + 4 + (value === null ? 0 : value.length * 3);
    if (need > buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(need, 2 * buffer.length));
      buffer.copy(larger, 0, 0, at);
      buffer = larger;
    }
    if (value === null) {
      at = buffer.writeInt32BE(-1, at);
    } else if (value === last) {
      // Columns of a batch repeat themselves: types, directions, ids.
      at += buffer.copy(buffer, at, lastAt, lastAt + 4 + buffer.readInt32BE(lastAt));
    } else {
      last = value;
      lastAt = at;
      const written = buffer.write(value, at + 4);
      buffer.writeInt32BE(written, at);
      at += 4 + written;
    }
  }
  if (buffer.length <= scratchBytesMax) scratch = buffer;
  return Buffer.from(buffer.subarray(0, at));
}

export function uuids(values: readonly (string | null)[]): Buffer {
  let last: string | null = null;
  let lastAt = 0;
  return fixed(oid.uuid, 16, values, (buffer, value, at) => {
    if (value === last) {
      buffer.copyWithin(at, lastAt, lastAt + 16);
    } else {
      writeUuid(buffer, value, at);
      last = value;
      lastAt = at;
    }
  });
}

/** Value of a hexadecimal digit by its character code; anything else counts as 0. */
const digits = Uint8Array.from({ length: 256 }, (_, code) => {
  const digit = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(digit) ? 0 : digit;
});

/** Faster than `write(…, "hex")`, which needs the text without its dashes first. */
function writeUuid(buffer: Buffer, value: string, at: number): void {
  let from = 0;
  for (let byte = 0; byte < 16; byte += 1) {
    if (byte === 4 || byte === 6 || byte === 8 || byte === 10) from += 1;
    buffer[at + byte] = (digits[value.charCodeAt(from)] ?? 0) * 16 + (digits[value.charCodeAt(from + 1)] ?? 0);
    from += 2;
  }
}

/** Milliseconds since 1970 become timestamptz. */
export function times(values: readonly (number | null)[]): Buffer {
  return fixed(oid.timestamptz, 8, values, (buffer, value, at) => {
    writeInt64(buffer, Math.round((value - postgresEpochMs) * 1_000), at);
  });
}

export function ints(values: readonly (number | null)[]): Buffer {
  return fixed(oid.int4, 4, values, (buffer, value, at) => buffer.writeInt32BE(value, at));
}

/** Whole numbers up to 2^53. */
export function bigints(values: readonly (number | null)[]): Buffer {
  return fixed(oid.int8, 8, values, writeInt64Of);
}

export function bools(values: readonly (boolean | null)[]): Buffer {
  return fixed(oid.bool, 1, values, (buffer, value, at) => buffer.writeUInt8(value ? 1 : 0, at));
}

export function byteas(values: readonly Uint8Array[]): Buffer {
  let bytes = headerBytes;
  for (const value of values) bytes += 4 + value.length;
  const buffer = Buffer.allocUnsafe(bytes);
  let at = header(buffer, oid.bytea, values.length);
  for (const value of values) {
    at = buffer.writeInt32BE(value.length, at);
    buffer.set(value, at);
    at += value.length;
  }
  return buffer;
}

function fixed<T>(
  elementOid: number,
  width: number,
  values: readonly (T | null)[],
  write: (buffer: Buffer, value: T, at: number) => void,
): Buffer {
  const buffer = Buffer.allocUnsafe(headerBytes + values.length * (4 + width));
  let at = header(buffer, elementOid, values.length);
  for (const value of values) {
    if (value === null) {
      at = buffer.writeInt32BE(-1, at);
    } else {
      buffer.writeInt32BE(width, at);
      write(buffer, value, at + 4);
      at += 4 + width;
    }
  }
  return buffer.subarray(0, at);
}

/** One dimension; PostgreSQL ignores the null flag and counts for itself. */
function header(buffer: Buffer, elementOid: number, length: number): number {
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(1, 4);
  buffer.writeInt32BE(elementOid, 8);
  buffer.writeInt32BE(length, 12);
  buffer.writeInt32BE(1, 16);
  return headerBytes;
}

function writeInt64Of(buffer: Buffer, value: number, at: number): void {
  writeInt64(buffer, value, at);
}

function writeInt64(buffer: Buffer, value: number, at: number): void {
  buffer.writeInt32BE(Math.floor(value / 2 ** 32), at);
  buffer.writeUInt32BE(((value % 2 ** 32) + 2 ** 32) % 2 ** 32, at + 4);
}
