/** The `Range` header (RFC 9110, section 14): one range of bytes, and no more of them than a bound. */

export type ByteRange = { kind: "all" } | { kind: "part"; first: number; last: number } | { kind: "unsatisfiable" };

/** What is not exactly one range of bytes is as if it were not there. A longer one is answered with its first part. */
export function readByteRange(header: string | undefined, bytes: number, partBytesMax: number): ByteRange {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(header?.trim() ?? "");
  const [from, to] = [match?.[1] ?? "", match?.[2] ?? ""];
  if (match === null || (from === "" && to === "")) return { kind: "all" };
  if (from !== "" && to !== "" && Number(to) < Number(from)) return { kind: "all" };
  const first = from === "" ? Math.max(0, bytes - Number(to)) : Number(from);
  if (first >= bytes || (from === "" && Number(to) === 0)) return { kind: "unsatisfiable" };
  const last = Math.min(from === "" || to === "" ? bytes - 1 : Number(to), bytes - 1, first + partBytesMax - 1);
  return { kind: "part", first, last };
}
