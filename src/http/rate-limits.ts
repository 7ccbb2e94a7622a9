/**
 * How often a key, a person or the operator may ask, counted over all nodes (`web-node.ts`); and strangers, counted on this one. Many callers may share one address (a proxy's, an
 * office's), so failures lock nobody out: a credential that is right works, whatever else came from its address. What has 256 bits is not
 * guessed; what failures cost is look-ups. So from an address with too many of them, whatever has not worked here lately is looked up a few
 * at a time, and told to wait where it is wrong. The webhook never comes here. Headers: RateLimit and RateLimit-Policy of the IETF's draft
 * (draft-ietf-httpapi-ratelimit-headers-10), and the X-RateLimit ones that clients have read for long.
 */
import { createHash } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import { BoundedMap } from "../core/bounded-map.ts";
import { addressGroup, counted, isCurrent, type RateWindow } from "../core/rate-window.ts";
import { Rejection } from "../core/rejection.ts";
import { limits } from "../limits.ts";
import { createGate } from "../people/gate.ts";
import type { Authenticator, Principal } from "./authenticate.ts";
import type { WebNode } from "./web-node.ts";

/** Where the caller of one request stands. */
export type Rate = { policy: "key" | "person" | "operator"; max: number; remaining: number; resetSeconds: number };

declare module "fastify" {
  interface FastifyRequest {
    rate: Rate | null;
  }
}

/** Around whoever authenticates. Throws `rate_limited`. */
export function limitRates(authenticate: Authenticator, nowMs: () => number, node: Pick<WebNode, "exchange"> | null = null): Authenticator {
  const callers = new BoundedMap<RateWindow>(limits.rateKeysMax);
  const failures = new BoundedMap<RateWindow>(limits.rateKeysMax);
  const worked = new BoundedMap<true>(limits.knownCredentialsMax);
  const strangers = createGate({ placesMax: limits.strangerLookUpsMax, waitingMax: limits.strangersWaitingMax });

  function count(principal: Principal): Rate {
    const { policy, max } = rateOf(principal);
    const name = `${principal.actor.kind} ${principal.actor.id ?? ""}`;
    const window = counted(callers.get(name), nowMs(), limits.rateWindowMs);
    callers.set(name, window);
    const elsewhere = node?.exchange(name, window) ?? 0;
    return { policy, max, remaining: max - window.count - elsewhere, resetSeconds: secondsUntil(window.endsAtMs, nowMs()) };
  }

  function hasFailedTooOften(address: string): boolean {
    const failed = failures.get(address);
    return isCurrent(failed, nowMs(), limits.rateWindowMs) && failed.count >= limits.failedAuthPerMinuteMax;
  }

  /** Of all such addresses together only so many at a time. */
  async function inTurn(request: FastifyRequest): Promise<Principal> {
    const place = strangers.enter();
    if (place === null) throw tooManyFailures(1);
    const leave = await place;
    try {
      return await authenticate(request);
    } finally {
      leave();
    }
  }

  return async (request) => {
    const credential = credentialOf(request);
    if (credential === null) return authenticate(request);
    const address = addressGroup(request.ip);
    const isStranger = worked.get(credential) === undefined && hasFailedTooOften(address);
    const principal = await (isStranger ? inTurn(request) : authenticate(request)).catch((error: unknown) => {
      if (!(error instanceof Rejection) || error.code !== "unauthorized") throw error;
      worked.delete(credential);
      const failed = counted(failures.get(address), nowMs(), limits.rateWindowMs);
      failures.set(address, failed);
      throw isStranger ? tooManyFailures(secondsUntil(failed.endsAtMs, nowMs())) : error;
    });
    worked.set(credential, true);
    const rate = count(principal);
    request.rate = rate;
    if (rate.remaining >= 0) return principal;
    throw rateLimited(rate.resetSeconds, `More than ${rate.max} requests in a minute`);
  };
}

/** Set on every answer of a request that was counted. */
export function setRateHeaders({ rate }: FastifyRequest, reply: FastifyReply): void {
  if (rate === null) return;
  const { policy, max, resetSeconds } = rate;
  const remaining = Math.max(0, rate.remaining);
  void reply.headers({
    "ratelimit-policy": `"${policy}";q=${max};w=${limits.rateWindowMs / 1_000}`,
    ratelimit: `"${policy}";r=${remaining};t=${resetSeconds}`,
    "x-ratelimit-limit": max,
    "x-ratelimit-remaining": remaining,
    "x-ratelimit-reset": resetSeconds,
  });
}

function rateOf({ actor, requestsPerMinute }: Principal): Pick<Rate, "policy" | "max"> {
  switch (actor.kind) {
    case "api_key":
      return { policy: "key", max: requestsPerMinute ?? limits.keyRequestsPerMinuteDefault };
    case "person":
      return { policy: "person", max: limits.sessionRequestsPerMinuteMax };
    case "operator":
    case "system":
      return { policy: "operator", max: limits.operatorRequestsPerMinuteMax };
    default:
      return actor.kind satisfies never;
  }
}

/** Null for a request without any: it is refused without a look at anything. */
function credentialOf({ headers: { authorization, cookie } }: FastifyRequest): string | null {
  const text = authorization ?? cookie;
  return text === undefined ? null : createHash("sha256").update(text).digest("base64url");
}

function tooManyFailures(retryAfterSeconds: number): Rejection {
  return rateLimited(retryAfterSeconds, "Too many unknown keys or sessions came from this address");
}

function rateLimited(retryAfterSeconds: number, why: string): Rejection {
  return new Rejection("rate_limited", 429, `${why}. Try again in ${retryAfterSeconds} s.`, { retryAfterSeconds });
}

function secondsUntil(atMs: number, nowMs: number): number {
  return Math.max(1, Math.ceil((atMs - nowMs) / 1_000));
}
