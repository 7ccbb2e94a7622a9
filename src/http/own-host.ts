/**
 * By which names this program may be called. A stranger's page can lead a name of its own to this machine (DNS rebinding) and is then, for
 * the browser, our own page: with our cookies if there were any for that name, and past the checks of where a request comes from. What needs
 * no cookie and no page asks for no name: requests with a key of their own, the webhook, health.
 */
import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import { Rejection } from "../core/rejection.ts";

const open = /^\/(?:webhook\/whatsapp(?:\/|$)|livez$|readyz$)/;

/** Throws for a request that names a host which is not ours. An address instead of a name cannot be led elsewhere: it is ours. */
export function requireOwnHost(request: { url: string; headers: IncomingHttpHeaders }, publicUrl: string | null): void {
  const { authorization, host } = request.headers;
  if (authorization !== undefined || open.test(pathOf(request.url)) || isOwnHost(host, publicUrl)) return;
  throw new Rejection(
    "forbidden",
    403,
    "This program is not known by this name. It is called by an address, by localhost, or by PUBLIC_URL",
  );
}

export function isOwnHost(host: string | undefined, publicUrl: string | null): boolean {
  if (host === undefined) return false;
  const name = nameOf(host);
  if (name === null) return false;
  return name === "localhost" || isIP(name) !== 0 || name === (publicUrl === null ? null : nameOf(URL.parse(publicUrl)?.host ?? ""));
}

/** Without its port, and without the brackets of an IPv6 address. Null for what is no host at all. */
function nameOf(host: string): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::[0-9]{1,5})?$/.exec(host.toLowerCase());
  return match?.[1] ?? match?.[2] ?? null;
}

function pathOf(url: string): string {
  const end = url.indexOf("?");
  return end < 0 ? url : url.slice(0, end);
}
