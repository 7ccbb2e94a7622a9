/** Counting in windows of time that begin with the first event: cheap, and what headers can tell a caller exactly. */
export type RateWindow = { count: number; endsAtMs: number };

/** With one event more, in a new window where the old one is over. */
export function counted(window: RateWindow | undefined, nowMs: number, windowMs: number): RateWindow {
  return isCurrent(window, nowMs, windowMs)
    ? { count: window.count + 1, endsAtMs: window.endsAtMs }
    : { count: 1, endsAtMs: nowMs + windowMs };
}

/** A clock that was set back must not make a window last for ever. */
export function isCurrent(window: RateWindow | undefined, nowMs: number, windowMs: number): window is RateWindow {
  return window !== undefined && nowMs < window.endsAtMs && window.endsAtMs - nowMs <= windowMs;
}

/** Whose failures count together: an IPv4 address; of IPv6 the first 64 bits, since whoever has one address there has all of them. */
export function addressGroup(ip: string): string {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(ip)?.[1];
  if (mapped !== undefined) return mapped;
  if (!ip.includes(":")) return ip;
  const [head = "", tail] = ip.split("%", 1)[0]?.split("::", 2) ?? [];
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array.from({ length: zeros }, () => "0"), ...after];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}
