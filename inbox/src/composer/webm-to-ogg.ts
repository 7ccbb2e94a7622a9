/**
 * Opus out of WebM into Ogg, byte for byte: Chromium records only WebM, and WhatsApp takes voice notes only as Ogg (PLATFORM section 8). Nothing is
 * encoded anew. Containers: RFC 9559 (Matroska), RFC 3533 (Ogg), RFC 7845 (Opus in Ogg).
 */
const masters: ReadonlySet<number> = new Set([0x18538067, 0x1654ae6b, 0xae, 0x1f43b675, 0xa0]);
const codecPrivate = 0x63a2;
const blocks: ReadonlySet<number> = new Set([0xa3, 0xa1]);
const lacingBits = 0x06;
const packetsPerPage = 50;
const segmentBytes = 255;
const segmentsMax = 255;

/** Throws where it is not Opus in WebM as a browser writes it. */
export function oggOfWebm(webm: Uint8Array): Uint8Array<ArrayBuffer> {
  const { head, packets } = readWebm(webm);
  const tags = new Uint8Array(8 + 4 + 6 + 4);
  tags.set(asciiOf("OpusTags"));
  tags[8] = 6;
  tags.set(asciiOf("kesher"), 12);
  const pages = [pageOf({ packets: [head], samples: 0, order: 0, flags: 2 }), pageOf({ packets: [tags], samples: 0, order: 1, flags: 0 })];
  let samples = 0;
  for (const some of groupsOf(packets)) {
    for (const packet of some) samples += samplesIn(packet);
    pages.push(pageOf({ packets: some, samples, order: pages.length, flags: 0 }));
  }
  const last = pages.at(-1);
  if (last !== undefined) closePage(last);
  return joined(pages);
}

function readWebm(bytes: Uint8Array): { head: Uint8Array; packets: Uint8Array[] } {
  let head: Uint8Array | null = null;
  const packets: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const id = readVint(bytes, at, true);
    const size = readVint(bytes, at + id.length, false);
    const from = at + id.length + size.length;
    // What holds others is entered, whatever its size: live recordings leave it open.
    if (masters.has(id.value)) {
      at = from;
      continue;
    }
    const body = bytes.subarray(from, from + size.value);
    if (id.value === codecPrivate) head = body;
    if (blocks.has(id.value)) packets.push(frameOf(body));
    at = from + size.value;
  }
  if (head === null || !asciiOf("OpusHead").every((byte, index) => head[index] === byte)) throw new Error("No Opus in it");
  if (packets.length === 0) throw new Error("No sound in it");
  return { head, packets };
}

/** Ids keep the mark of their length, sizes lose it. */
function readVint(bytes: Uint8Array, at: number, keepsMark: boolean): { value: number; length: number } {
  const first = bytes[at] ?? 0;
  const length = Math.clz32(first) - 23;
  if (length > 8) throw new Error("Not WebM");
  let value = keepsMark ? first : first & (0xff >> length);
  for (let index = 1; index < length; index += 1) value = value * 256 + (bytes[at + index] ?? 0);
  return { value, length };
}

/** Behind the number of the track, its time and its flags. */
function frameOf(block: Uint8Array): Uint8Array {
  const { length } = readVint(block, 0, false);
  if (((block[length + 2] ?? 0) & lacingBits) !== 0) throw new Error("Laced frames");
  return block.subarray(length + 3);
}

/** At 48 kHz, by the packet's first byte (RFC 6716, section 3.1). */
function samplesIn(packet: Uint8Array): number {
  const first = packet[0] ?? 0;
  const config = first >> 3;
  const frame =
    config < 12 ? ([480, 960, 1_920, 2_880][config % 4] ?? 960) : config < 16 ? (config % 2 === 0 ? 480 : 960) : 120 << (config % 4);
  const code = first & 3;
  return frame * (code === 0 ? 1 : code === 3 ? (packet[1] ?? 1) & 63 : 2);
}

function groupsOf(packets: readonly Uint8Array[]): Uint8Array[][] {
  const groups: Uint8Array[][] = [];
  let segments = segmentsMax;
  for (const packet of packets) {
    const own = Math.floor(packet.length / segmentBytes) + 1;
    const group = groups.at(-1);
    if (group === undefined || segments + own > segmentsMax || group.length >= packetsPerPage) {
      groups.push([packet]);
      segments = own;
    } else {
      group.push(packet);
      segments += own;
    }
  }
  return groups;
}

/** `samples`: how many have been played at its end. */
function pageOf(page: { packets: readonly Uint8Array[]; samples: number; order: number; flags: number }): Uint8Array<ArrayBuffer> {
  const lengths = page.packets.flatMap(({ length }) => [
    ...Array.from({ length: Math.floor(length / segmentBytes) }, () => segmentBytes),
    length % segmentBytes,
  ]);
  const header = new Uint8Array(27 + lengths.length);
  const view = new DataView(header.buffer);
  header.set(asciiOf("OggS"));
  header[5] = page.flags;
  view.setBigUint64(6, BigInt(page.samples), true);
  view.setUint32(14, 0x4b736872, true);
  view.setUint32(18, page.order, true);
  header[26] = lengths.length;
  header.set(lengths, 27);
  return sealed(joined([header, ...page.packets]));
}

function closePage(page: Uint8Array): void {
  page[5] = (page[5] ?? 0) | 4;
  sealed(page);
}

/** Ogg's checksum: CRC-32 of the polynomial 0x04c11db7, unreflected, over the page with zeros in its place. */
function sealed<Page extends Uint8Array>(page: Page): Page {
  page.fill(0, 22, 26);
  let sum = 0;
  for (const byte of page) sum = ((sum << 8) ^ (table[((sum >>> 24) ^ byte) & 0xff] ?? 0)) >>> 0;
  new DataView(page.buffer, page.byteOffset).setUint32(22, sum, true);
  return page;
}

const table = Uint32Array.from({ length: 256 }, (_, index) => {
  let sum = index << 24;
  for (let bit = 0; bit < 8; bit += 1) sum = (sum & 0x80000000) === 0 ? sum << 1 : (sum << 1) ^ 0x04c11db7;
  return sum >>> 0;
});

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function asciiOf(word: string): Uint8Array {
  return Uint8Array.from(word, (letter) => letter.charCodeAt(0));
}
