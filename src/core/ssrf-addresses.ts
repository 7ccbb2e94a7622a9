/**
 * Which addresses a tenant's endpoint may have: only those of the public internet. What cannot be read is not public. Of IPv4 the special
 * ranges are left out, of IPv6 only global unicast is let in, without the parts of it that carry another address inside
 * (NAT64, 6to4, Teredo), through which a private one could be reached.
 * Ranges: IANA special-purpose address registries for IPv4 and IPv6 (read 2026-11).
 */

/** Text as a resolver or a URL's host (without brackets) has it. */
export function isPublicAddress(text: string): boolean {
  const v4 = parseIpv4(text);
  if (v4 !== null) return !privateIpv4.some((range) => isWithin(v4, range));
  const v6 = parseIpv6(text);
  return v6 !== null && isWithin(v6, globalIpv6) && !closedIpv6.some((range) => isWithin(v6, range));
}

export function isLoopbackAddress(text: string): boolean {
  return parseIpv4(text)?.[0] === 127 || parseIpv6(text)?.every((byte, index) => byte === (index === 15 ? 1 : 0)) === true;
}

export function isAddress(text: string): boolean {
  return parseIpv4(text) !== null || parseIpv6(text) !== null;
}

type Bytes = readonly number[];
type Range = { bytes: Bytes; bits: number };

const privateIpv4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  // With the metadata services of clouds.
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  // A public address that on Azure leads to the host's own agent.
  "168.63.129.16/32",
].map(rangeOf);

const globalIpv6 = rangeOf("2000::/3");
/** IETF protocol assignments with Teredo and ORCHID, documentation (twice), 6to4. NAT64 and what maps IPv4 are not global. */
const closedIpv6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"].map(rangeOf);

function rangeOf(text: string): Range {
  const [address = "", bits = ""] = text.split("/");
  const bytes = parseIpv4(address) ?? parseIpv6(address);
  if (bytes === null) throw new Error(`${text} is no range`);
  return { bytes, bits: Number(bits) };
}

function isWithin(address: Bytes, { bytes, bits }: Range): boolean {
  if (address.length !== bytes.length) return false;
  return bytes.every((byte, index) => {
    const own = Math.max(0, Math.min(8, bits - 8 * index));
    const mask = 0xff & (0xff << (8 - own));
    return (byte & mask) === ((address[index] ?? 0) & mask);
  });
}

/** Four decimal numbers without leading zeros: all other spellings are the URL parser's to turn into this one. */
function parseIpv4(text: string): Bytes | null {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return null;
  return parts.map(Number);
}

/** Without a zone. The last 32 bits may be written as IPv4. */
function parseIpv6(text: string): Bytes | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const [head, tail] = [groupsOf(halves[0] ?? ""), halves.length === 2 ? groupsOf(halves[1] ?? "") : []];
  if (head === null || tail === null) return null;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 2 ? missing < 2 : missing !== 0) return null;
  return [...head, ...Array.from({ length: missing }, () => 0), ...tail];
}

function groupsOf(text: string): number[] | null {
  if (text === "") return [];
  const groups = text.split(":");
  const bytes: number[] = [];
  for (const [index, group] of groups.entries()) {
    const v4 = index === groups.length - 1 ? parseIpv4(group) : null;
    if (v4 !== null) bytes.push(...v4);
    else if (/^[0-9a-f]{1,4}$/i.test(group)) bytes.push(Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff);
    else return null;
  }
  return bytes;
}
