/** Who is signed in, as `GET /api/v1/session` tells it. */
import type { Session } from "../../../src/contract/people.ts";
import type { Scope } from "../../../src/contract/tenants.ts";
import { createApi } from "../data/api.ts";

/** `tenantId` null: the tenant that was active last. */
export async function readSession(tenantId: string | null, signal?: AbortSignal): Promise<Session> {
  const api = createApi({ tenantId, onSignedOut: () => undefined });
  return api.call<Session>("session", signal === undefined ? {} : { signal });
}

export function can(session: Session, scope: Scope): boolean {
  return session.scopes.includes(scope);
}
