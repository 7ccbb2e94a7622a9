/**
 * Meta's verification of the callback URL. The POST beside it is answered before this framework (see `webhook.ts` and `server.ts`);
 * it stands here only so that the description of the API has it.
 */
import { Type } from "typebox";
import { Problem } from "../contract/problem.ts";
import { Rejection } from "../core/rejection.ts";
import type { Api } from "./route.ts";

export type VerifyToken = (appKey: string | null, token: string) => Promise<boolean>;

const plain = (description: string) => ({ description, content: { "text/plain": { schema: Type.String() } } });
const AppKeyParams = Type.Object({ appKey: Type.String() });
const Hub = Type.Object({
  "hub.mode": Type.Optional(Type.String()),
  "hub.verify_token": Type.Optional(Type.String()),
  "hub.challenge": Type.Optional(Type.String()),
});
const answers = { 200: plain("The challenge"), 403: Problem };

export function registerWebhookRoutes(api: Api, verifyToken: VerifyToken): void {
  const verification = { tags: ["webhook"], summary: "Verify the callback URL", security: [], querystring: Hub, response: answers };
  api.get("/webhook/whatsapp", { exposeHeadRoute: false, schema: verification }, async (request, reply) =>
    reply.type("text/plain; charset=utf-8").send(await challengeOf(null, request.query)),
  );
  api.get(
    "/webhook/whatsapp/:appKey",
    { exposeHeadRoute: false, schema: { ...verification, params: AppKeyParams } },
    async (request, reply) => reply.type("text/plain; charset=utf-8").send(await challengeOf(request.params.appKey, request.query)),
  );

  const delivery = {
    tags: ["webhook"],
    summary: "Take a signed webhook",
    description:
      "`X-Hub-Signature-256` is the HMAC of the raw body with the app's secret. 200 is sent only once the body is stored durably.",
    security: [],
    consumes: ["application/json"],
    response: { 200: plain("Stored"), 401: plain("Bad signature"), 413: plain("Above 5 MB"), 503: plain("Could not store; deliver again") },
  };
  api.post("/webhook/whatsapp", { schema: delivery }, unreachable);
  api.post("/webhook/whatsapp/:appKey", { schema: { ...delivery, params: AppKeyParams } }, unreachable);

  async function challengeOf(appKey: string | null, query: { [name: string]: string | undefined }): Promise<string> {
    const { "hub.mode": mode, "hub.verify_token": token, "hub.challenge": challenge } = query;
    // Echoed to whoever asks: only what cannot be markup.
    const isFit = challenge !== undefined && /^[\w.-]{1,256}$/.test(challenge);
    if (mode !== "subscribe" || token === undefined || !isFit || !(await verifyToken(appKey, token))) {
      throw new Rejection("forbidden", 403, "The verify token does not match, or this is not Meta's verification");
    }
    return challenge;
  }
}

function unreachable(): never {
  throw new Rejection("not_found", 404, "There is no such route.");
}
