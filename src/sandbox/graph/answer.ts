/** Answers in Graph's form. */
import { randomBytes } from "node:crypto";
import type { Wire } from "../../services/whatsapp/graph/wire.ts";
import { errorText } from "./error-texts.ts";

export type Reply = { status: number; type: string; body: string | Buffer };

/** Graph says no. Thrown by handlers, answered by the router. */
export class GraphRefusal extends Error {
  readonly code: number;
  readonly details: string | null;
  readonly subcode: number | null;
  readonly status: number | null;

  constructor(code: number, details: string | null = null, more: { message?: string; subcode?: number; status?: number } = {}) {
    super(more.message ?? `(#${code}) ${errorText(code).title}`);
    this.code = code;
    this.details = details;
    this.subcode = more.subcode ?? null;
    this.status = more.status ?? null;
  }
}

export function refuseParameter(details: string): GraphRefusal {
  return new GraphRefusal(100, details, { message: `(#100) ${details}` });
}

/** Also for what the token may not see: Graph does not tell the two apart. */
export function refuseObject(id: string): GraphRefusal {
  return new GraphRefusal(100, null, {
    message: `Unsupported request. Object with ID '${id}' does not exist, cannot be loaded due to missing permissions, or does not support this operation`,
    subcode: 33,
  });
}

export function json(value: Wire, status = 200): Reply {
  return { status, type: "application/json; charset=UTF-8", body: JSON.stringify(value) };
}

export function refusalReply(refusal: GraphRefusal, isTransient?: boolean): Reply {
  const { code, details, subcode, message } = refusal;
  const text = errorText(code);
  const said = details ?? (text.details === text.title ? null : text.details);
  const error = {
    message,
    type: "OAuthException",
    code,
    ...(subcode === null ? {} : { error_subcode: subcode }),
    ...(said === null ? {} : { error_data: { messaging_product: "whatsapp", details: said } }),
    ...((isTransient ?? text.isTransient) ? { is_transient: true } : {}),
    fbtrace_id: `A${randomBytes(16).toString("base64url")}`,
  };
  return json({ error }, refusal.status ?? text.status);
}
