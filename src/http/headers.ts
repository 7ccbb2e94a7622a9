/**
 * Headers that stand on every answer, whoever gives it: they are set on node's response before the request is handed on, so that a route
 * can replace one by a stricter or fitter one (a page its policy, a file its sandbox), but none can be forgotten (RELIABILITY 3.5, 3.9).
 */
import type { ServerResponse } from "node:http";

export type SecurityHeaders = readonly (readonly [name: string, value: string])[];

/** Of all answers that are no page: nothing in them may load, run, be framed or send a form. */
const closedPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Of pages: everything is our own, nothing is inline. */
export const pagePolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; " +
  "form-action 'self'; frame-ancestors 'none'";

const always: SecurityHeaders = [
  ["x-content-type-options", "nosniff"],
  ["referrer-policy", "no-referrer"],
  ["content-security-policy", closedPolicy],
  ["cross-origin-opener-policy", "same-origin"],
  ["cross-origin-resource-policy", "same-origin"],
  ["permissions-policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"],
];

/** A year. Other names of the same domain are not ours to speak for, so they are left out. */
const transportSecurity = ["strict-transport-security", "max-age=31536000"] as const;

/** `publicUrl` is how the world reaches the program: only where that is https may browsers be told to use nothing else. */
export function securityHeaders(publicUrl: string | null): SecurityHeaders {
  return publicUrl?.startsWith("https:") === true ? [...always, transportSecurity] : always;
}

export function setSecurityHeaders(response: ServerResponse, headers: SecurityHeaders): void {
  for (const [name, value] of headers) response.setHeader(name, value);
}
