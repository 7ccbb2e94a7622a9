/**
 * What a tenant may name as the address of an endpoint (RELIABILITY 3.3). This judges the spelling; which addresses a name has is
 * judged at each connect, since that can change between two looks (`webhooks/forward-connector.ts`).
 */
import { isAddress, isLoopbackAddress, isPublicAddress } from "./ssrf-addresses.ts";

export type EndpointRules = {
  /** In the sandbox only: an endpoint on the developer's own machine, over http or https and on any port. */
  allowsLoopback: boolean;
};

export type Target = {
  isSecure: boolean;
  /** A name, or an address without brackets. */
  host: string;
  isLiteral: boolean;
  port: number;
  /** Path and query. */
  path: string;
  /** Of the Host header. */
  authority: string;
};

/** Ports on which a stranger's service that was not meant does not listen. */
const endpointPorts: readonly number[] = [443, 8443];

/** The target, or why not, as the end of a sentence that begins with "url". Pure; the same for the same text. */
export function readTarget(text: string, rules: EndpointRules): Target | string {
  // The parser drops tabs and line ends silently, and takes a backslash for a slash.
  if (/[\s\\]/.test(text)) return "must not hold spaces or backslashes";
  if (!URL.canParse(text)) return "is not a URL";
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") return "must not hold a user name or a password";
  if (url.hash !== "") return "must not hold a fragment";
  const host = bareHost(url.hostname);
  if (host === "") return "has no host";
  const isLiteral = isAddress(host);
  const target: Target = {
    isSecure: url.protocol === "https:",
    host,
    isLiteral,
    port: url.port === "" ? (url.protocol === "http:" ? 80 : 443) : Number(url.port),
    path: url.pathname + url.search,
    authority: url.host,
  };
  if (rules.allowsLoopback && isLoopbackHost(host) && (url.protocol === "http:" || target.isSecure)) return target;
  if (!target.isSecure) return "must begin with https://";
  if (!endpointPorts.includes(target.port)) return `must have the port ${endpointPorts.join(" or ")}`;
  if (isLiteral) return isPublicAddress(host) ? target : "must lead to a public address";
  return isPublicName(host) ? target : "must name a host of the public internet";
}

/** `localhost` is an address of this machine, whatever a resolver says (RFC 6761). */
export function isLoopbackHost(host: string): boolean {
  return host === "localhost" || isLoopbackAddress(host);
}

function bareHost(hostname: string): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname.replace(/\.$/, "");
}

/** Names without a dot, and those that never leave a network (RFC 6761, 6762, 8375, 9476). */
function isPublicName(host: string): boolean {
  const labels = host.split(".");
  const last = labels.at(-1) ?? "";
  if (labels.length < 2 || labels.some((label) => label === "" || label.length > 63) || host.length > 253) return false;
  if (/^(0x[0-9a-f]*|\d+)$/i.test(last)) return false;
  if (host.endsWith(".home.arpa") || host === "home.arpa") return false;
  return !["localhost", "local", "internal", "intranet", "lan", "home", "corp", "private", "test", "invalid", "alt", "onion"].includes(
    last,
  );
}
