/** What goes wrong on command: for the next requests, or for those of a number, a customer or a path. */
import { limits } from "../limits.ts";
import type { Wire } from "../services/whatsapp/graph/wire.ts";

export type Fault =
  /** Not accepted; an answer without a Graph error in it, HTML if nothing is said. */
  | { kind: "status"; status: number; body?: string }
  /** Not accepted; Graph's own error. */
  | { kind: "error"; code: number; status?: number; details?: string; isTransient?: boolean }
  /** No answer ever; with `accepts` it is accepted all the same. */
  | { kind: "timeout"; accepts: boolean }
  /** The connection is reset; with `accepts` it is accepted all the same. */
  | { kind: "reset"; accepts: boolean }
  /** Accepted, and answered with this instead; an empty body, a wrong one. */
  | { kind: "answer"; status: number; body: string }
  /** Accepted; the connection ends in the middle of the answer. */
  | { kind: "cut" }
  /** Accepted at once, answered after so long. */
  | { kind: "late"; ms: number }
  /** Accepted; the answer names an id that no status will ever name. */
  | { kind: "wrong_wamid" }
  /** Accepted under the id of the message that was accepted before it. */
  | { kind: "duplicate_wamid" }
  /** Accepted and answered as usual; then comes `failed` with this code. */
  | { kind: "fails"; code: number }
  /** Accepted; the first status is posted and taken before the answer goes out. */
  | { kind: "status_first" }
  /** Accepted and answered as usual; no status ever comes by itself. */
  | { kind: "no_statuses" };

const kinds: ReadonlySet<unknown> = new Set<Fault["kind"]>([
  "status",
  "error",
  "timeout",
  "reset",
  "answer",
  "cut",
  "late",
  "wrong_wamid",
  "duplicate_wamid",
  "fails",
  "status_first",
  "no_statuses",
]);

/** By its kind; who scripts by JSON is trusted with the rest. */
export function isFault(value: unknown): value is Fault {
  return typeof value === "object" && value !== null && "kind" in value && kinds.has(value.kind);
}

/** A request as rules see it. */
export type Asked = {
  method: string;
  /** Without version and query: `/2000/messages`. */
  path: string;
  /** A message, in contrast to a read receipt and to every other request. */
  isSend: boolean;
  /** Null where the body is no JSON object. */
  body: Wire | null;
};

/** All that is given must be so. Without `method`, `path` and `test` only sends are meant. */
export type FaultMatch = {
  method?: string;
  /** A part of it. */
  path?: string;
  phoneNumberId?: string;
  /** As addressed, with or without plus. */
  to?: string;
  callback?: string;
  type?: string;
  test?: (asked: Asked) => boolean;
};

/** `times` null: until the faults are cleared. */
export type FaultRule = { when?: FaultMatch; times?: number | null; fault: Fault };

export type FaultBook = {
  /** Used up in the order of scripting. Throws beyond `limits.sandboxFaultsMax`. */
  add(rules: readonly FaultRule[]): void;
  clear(): void;
  take(asked: Asked): Fault | null;
  waiting(): number;
};

export function createFaultBook(): FaultBook {
  let rules: { when: FaultMatch; left: number; fault: Fault }[] = [];
  return {
    add(more) {
      if (rules.length + more.length > limits.sandboxFaultsMax) throw new Error("Too many scripted faults");
      for (const { when = {}, times = 1, fault } of more) rules.push({ when, left: times ?? Infinity, fault });
    },
    clear() {
      rules = [];
    },
    take(asked) {
      const rule = rules.find(({ when }) => isMeant(when, asked));
      if (rule === undefined) return null;
      rule.left -= 1;
      if (rule.left <= 0) rules = rules.filter((other) => other !== rule);
      return rule.fault;
    },
    waiting: () => rules.length,
  };
}

function isMeant(when: FaultMatch, { method, path, isSend, body, ...asked }: Asked): boolean {
  const isAnyRequest = when.method !== undefined || when.path !== undefined || when.test !== undefined;
  if (!isAnyRequest && !isSend) return false;
  if (when.method !== undefined && when.method !== method) return false;
  if (when.path !== undefined && !path.includes(when.path)) return false;
  if (when.phoneNumberId !== undefined && !path.startsWith(`/${when.phoneNumberId}/`) && path !== `/${when.phoneNumberId}`) return false;
  if (when.to !== undefined && plain(body?.["to"] ?? body?.["recipient"]) !== plain(when.to)) return false;
  if (when.callback !== undefined && body?.["biz_opaque_callback_data"] !== when.callback) return false;
  if (when.type !== undefined && (body?.["type"] ?? "text") !== when.type) return false;
  return when.test === undefined || when.test({ method, path, isSend, body, ...asked });
}

function plain(address: unknown): string | null {
  return typeof address === "string" ? address.replace(/^\+/, "") : null;
}
