/** Every request to the sandbox's Graph: the fault that is scripted for it, the token, the node, its handler, the answer. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Token } from "../accounts.ts";
import type { Fault } from "../faults.ts";
import { downloadPath } from "../media.ts";
import type { World } from "../world.ts";
import { GraphRefusal, json, refusalReply, refuseObject, type Reply } from "./answer.ts";
import { isSend, readCall, type Call } from "./call.ts";
import { answerMedia, download, upload } from "./media.ts";
import { answerMessages } from "./messages.ts";
import { answerNumber, listNumbers } from "./numbers.ts";
import { answerSubscribedApps } from "./subscriptions.ts";
import { answerTemplate, answerTemplates } from "./templates.ts";
import { authenticate, debugToken, exchange } from "./tokens.ts";

export async function answerGraph(world: World, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const call = await readCall(request);
  const fault = world.faults.take({ method: call.method, path: call.path, isSend: isSend(call), body: call.body });
  const early = fault === null ? null : beforeAcceptance(fault);
  if (early === "silence") return;
  if (early === "reset") return void response.socket?.resetAndDestroy();
  const reply = early ?? (await handle(world, call, fault));
  answer(response, reply, early === null ? fault : null);
}

/** What happens instead of acceptance; null: it goes on. */
function beforeAcceptance(fault: Fault): Reply | "silence" | "reset" | null {
  switch (fault.kind) {
    case "status":
      return { status: fault.status, type: "text/html", body: fault.body ?? "<html><body>Sorry, something went wrong.</body></html>" };
    case "error": {
      const more = { message: `(#${fault.code}) Scripted`, ...(fault.status === undefined ? {} : { status: fault.status }) };
      return refusalReply(new GraphRefusal(fault.code, fault.details ?? null, more), fault.isTransient);
    }
    case "timeout":
      return fault.accepts ? null : "silence";
    case "reset":
      return fault.accepts ? null : "reset";
    case "answer":
    case "cut":
    case "late":
    case "wrong_wamid":
    case "duplicate_wamid":
    case "fails":
    case "status_first":
    case "no_statuses":
      return null;
    default:
      return fault satisfies never;
  }
}

async function handle(world: World, call: Call, fault: Fault | null): Promise<Reply> {
  try {
    return (
      (await route(world, call, fault)) ?? refusalReply(new GraphRefusal(100, null, { message: "Unknown path components", status: 400 }))
    );
  } catch (error) {
    if (error instanceof GraphRefusal) return refusalReply(error);
    throw error;
  }
}

async function route(world: World, call: Call, fault: Fault | null): Promise<Reply | null> {
  const [id = "", edge] = call.segments;
  if (call.path === "/oauth/access_token") return exchange(world, call);
  if (call.path === "/debug_token") return debugToken(world, call);
  const token = authenticate(world, call);
  const maySee = (wabaId: string | undefined): boolean => wabaId !== undefined && token.wabaIds?.has(wabaId) === true;
  if (call.path === downloadPath) return download(world, call, (number) => maySee(world.accounts.number(number)?.wabaId));

  const number = world.accounts.number(id);
  if (number !== undefined && maySee(number.wabaId)) {
    if (edge === "messages" && call.method === "POST") return answerMessages(world, number, call.body, fault);
    if (edge === "media" && call.method === "POST") return upload(world, call, number);
    return answerNumber(world, call, number);
  }
  const media = world.media.get(id);
  if (media !== undefined && maySee(world.accounts.number(media.phoneNumberId)?.wabaId)) return answerMedia(world, call, media);
  const template = world.templates.get(id);
  if (template !== undefined && maySee(template.wabaId)) return answerTemplate(world, call, template);
  return answerAccount(world, call, token);
}

async function answerAccount(world: World, call: Call, token: Token): Promise<Reply | null> {
  const [id = "", edge] = call.segments;
  const account = world.accounts.account(id);
  if (account === undefined || token.wabaIds?.has(id) !== true) throw refuseObject(id);
  if (edge === "message_templates") return answerTemplates(world, call, id);
  if (edge === "subscribed_apps") return answerSubscribedApps(world, call, account);
  if (call.method !== "GET") return null;
  if (edge === "phone_numbers") return listNumbers(world, call, id);
  if (edge !== undefined) return null;
  return json({
    id,
    name: account.name,
    currency: "USD",
    timezone_id: "1",
    message_template_namespace: `sandbox_${id}`,
    account_review_status: "APPROVED",
  });
}

/** The answer of what was accepted, as the fault spoils it. */
function answer(response: ServerResponse, reply: Reply, fault: Fault | null): void {
  if (fault === null) return write(response, reply);
  switch (fault.kind) {
    case "timeout":
      return;
    case "reset":
      return void response.socket?.resetAndDestroy();
    case "answer":
      return write(response, {
        status: fault.status,
        type: fault.body.startsWith("{") ? "application/json" : "text/html",
        body: fault.body,
      });
    case "cut": {
      const body = Buffer.from(reply.body);
      response.writeHead(reply.status, { "content-type": reply.type, "content-length": body.length });
      response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.destroy());
      return;
    }
    case "late":
      setTimeout(() => write(response, reply), fault.ms).unref();
      return;
    case "status":
    case "error":
    case "wrong_wamid":
    case "duplicate_wamid":
    case "fails":
    case "status_first":
    case "no_statuses":
      return write(response, reply);
  }
}

function write(response: ServerResponse, { status, type, body }: Reply): void {
  response.writeHead(status, { "content-type": type }).end(body);
}
