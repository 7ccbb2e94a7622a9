/** One signed request by hand, to see whether an endpoint answers and verifies. Counts for nothing. */
import type { EndpointForm, EndpointPing } from "../contract/endpoints.ts";
import { verdictOf } from "../core/forward-verdict.ts";
import { newId } from "../db/new-id.ts";
import type { TenantScope } from "../core/scope.ts";
import { notFound } from "../core/rejection.ts";
import type { Connector } from "./forward-connector.ts";
import { pingText, signRequest } from "./forward-request.ts";
import type { Destinations } from "./forward-secrets.ts";

export type PingTools = { connector: Connector; destinations: Destinations; nowMs: () => number };

export async function pingEndpoint(
  tools: PingTools,
  scope: TenantScope,
  endpoint: { id: string; form: EndpointForm },
): Promise<EndpointPing> {
  const nowMs = tools.nowMs();
  const destination = await tools.destinations.findNow({ tenantId: scope.tenantId, endpointId: endpoint.id });
  if (destination === null) throw notFound();
  const text = pingText(endpoint.form, endpoint.id, nowMs);
  const { headers, body } = signRequest(endpoint.form, newId(nowMs), text, { secrets: destination.secrets, nowMs });
  const began = performance.now();
  const answer = await tools.connector.post({ url: destination.url, headers, body, signal: new AbortController().signal });
  const ms = Math.round(performance.now() - began);
  const status = answer.kind === "answered" ? answer.status : null;
  const ok = verdictOf(answer) === "delivered";
  const error =
    answer.kind === "answered"
      ? ok || answer.shown === ""
        ? null
        : answer.shown
      : answer.kind === "unreachable"
        ? answer.reason
        : "stopped";
  return { ok, status, error, ms };
}
