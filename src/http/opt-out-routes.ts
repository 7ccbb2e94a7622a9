/** What a person of the business says about a customer's marketing messages: a word that came by phone, a list from another system. */
import { Contact } from "../contract/conversations.ts";
import { IdParams, TenantQuery } from "../contract/json.ts";
import { setOptOut } from "../services/whatsapp/contacts/opt-outs.ts";
import { idOf, requireScope, tenantOf } from "./authenticate.ts";
import { principalOf, problemResponses, type Api, type RouteDeps } from "./route.ts";

export function registerOptOutRoutes(api: Api, deps: RouteDeps): void {
  const schema = { tags: ["conversations"], params: IdParams, querystring: TenantQuery, response: { ...problemResponses, 200: Contact } };
  const act = (method: "PUT" | "DELETE", summary: string, description: string): void => {
    api.route({
      method,
      url: "/contacts/:id/opt-out",
      schema: { ...schema, summary, description },
      handler: async (request) => {
        const principal = principalOf(request);
        const scope = tenantOf(principal, request.query.tenantId);
        requireScope(principal, "manage");
        const contact = await setOptOut(deps, scope, idOf(request.params.id), { isOptedOut: method === "PUT", actor: principal.actor });
        deps.hub.publish([scope.tenantId]);
        return contact;
      },
    });
  };
  act("PUT", "Send this customer no marketing templates any more", "Utility and authentication templates, and replies, still go to them.");
  act("DELETE", "Let this customer get marketing templates again", "Only when they have asked for it: it goes over their own word.");
}
