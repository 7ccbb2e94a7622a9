/** The description of the API, made from the schemas that validate it, and a page that shows it. Nothing is loaded from elsewhere. */
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import { pagePolicy } from "./headers.ts";
import type { Api } from "./route.ts";

/** Before the routes. */
export async function registerOpenApi(api: Api): Promise<void> {
  await api.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "Kesher", version: "1", description: "Messaging backend for the WhatsApp Business Platform." },
      components: {
        securitySchemes: {
          key: { type: "http", scheme: "bearer", description: "A tenant's API key, or the admin key" },
          session: {
            type: "apiKey",
            in: "cookie",
            name: "kesher_session",
            description: "A person's; by https its name begins with __Host-",
          },
        },
      },
      security: [{ key: [] }, { session: [] }],
      tags: [
        { name: "conversations", description: "Contacts, conversations, windows" },
        { name: "messages", description: "Messages and what became of them" },
        { name: "activity", description: "What happened, in order, without gaps" },
        { name: "people", description: "Who asks, the people of a tenant, invitations, one's own sessions" },
        { name: "set-up", description: "Tenants, keys, accounts, connections" },
        { name: "operations", description: "Deliveries, parked updates, replays, counts" },
        { name: "audit", description: "Who did what" },
        { name: "webhook", description: "Where Meta delivers" },
        { name: "health" },
      ],
    },
  });
  await api.register(swaggerUi, {
    routePrefix: "/docs",
    staticCSP: pagePolicy,
    // The default asks a validator on the internet.
    uiConfig: { validatorUrl: null, docExpansion: "none", deepLinking: true },
  });
  api.get("/openapi.json", { schema: { hide: true } }, (_request, reply) => reply.type("application/json").send(api.swagger()));
}
