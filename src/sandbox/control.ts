/**
 * The sandbox by JSON: for the demo's page, behind its sign-in, and for tests that run it as a process of its own. What a body leaves out
 * takes its usual value; what it says wrongly is answered with 400.
 */
import { readList, readNumber, readRecord, readText, type Wire } from "../services/whatsapp/graph/wire.ts";
import type { PhoneNumber } from "./accounts.ts";
import { carriesFile } from "./customer.ts";
import { isFault, type FaultMatch, type FaultRule } from "./faults.ts";
import type { Accepted } from "./ledger.ts";
import type { CustomerPhone } from "./phone.ts";
import type { Sandbox } from "./sandbox.ts";
import type { StatusName } from "./statuses.ts";
import type { TemplateChange } from "./templates.ts";
import type { Conduct } from "./webhooks.ts";

/** `path` without what leads to the control: `phones/972501234567/chat`. */
export type ControlRequest = { method: string; path: string; query: URLSearchParams; body: unknown };
export type ControlAnswer = { status: number; json: unknown };
export type Control = (request: ControlRequest) => Promise<ControlAnswer>;

type Handle = (sandbox: Sandbox, body: Wire, query: URLSearchParams) => unknown;

class BadControl extends Error {}

export function createControl(sandbox: Sandbox): Control {
  return async ({ method, path, query, body }) => {
    const [noun = "", id, verb] = path.split("/").filter((part) => part !== "");
    const fields = readRecord(body) ?? {};
    try {
      if (noun === "phones" && id !== undefined) return ok(await answerPhone(sandbox, { method, digits: id, verb, fields, query }));
      const handle = routes.get(`${method} ${noun}`);
      if (handle === undefined) return { status: 404, json: { error: "unknown" } };
      return ok(await handle(sandbox, id === undefined ? fields : { ...fields, id }, query));
    } catch (error) {
      // The sandbox refuses by throwing: an id that is not there, a limit that is reached.
      if (error instanceof Error) return { status: 400, json: { error: error.message } };
      throw error;
    }
  };
}

function ok(value: unknown): ControlAnswer {
  return { status: 200, json: value ?? {} };
}

const routes = new Map<string, Handle>([
  ["GET ledger", (sandbox, _, query) => ({ ...sandbox.counts(), entries: readLedger(sandbox, query) })],
  ["GET numbers", (sandbox) => ({ numbers: sandbox.numbers().map(withoutSecrets) })],
  ["POST numbers", (sandbox, body) => sandbox.addNumber(body)],
  ["POST rates", (sandbox, body) => sandbox.setRates(body)],
  [
    "POST tokens",
    (sandbox, body) => ({
      accessToken: sandbox.issueToken({ wabaIds: readTexts(body["wabaIds"]), expiresAtMs: readNumber(body["expiresAtMs"]) }),
    }),
  ],
  ["POST codes", (sandbox, body) => ({ code: sandbox.issueCode(readTexts(body["wabaIds"])) })],
  ["POST states", changeState],
  ["POST revocations", (sandbox, body) => sandbox.revokeToken(need(body, "accessToken"))],
  ["POST expiries", (sandbox, body) => sandbox.expireToken(need(body, "accessToken"), readNumber(body["atMs"]))],
  [
    "POST groups",
    (sandbox, body) => ({ id: sandbox.addGroup(readTexts(body["participants"]), readText(body["phoneNumberId"]) ?? undefined) }),
  ],
  ["GET faults", (sandbox) => ({ waiting: sandbox.waitingFaults(), held: sandbox.heldWebhooks() })],
  ["POST faults", (sandbox, body) => sandbox.fail(...readList(body["rules"]).map(readRule))],
  ["DELETE faults", (sandbox) => sandbox.clearFaults()],
  ["POST conduct", (sandbox, body) => sandbox.conduct(readConduct(body))],
  ["POST release", (sandbox) => ({ released: sandbox.release() })],
  ["POST statuses", postStatus],
  ["POST changes", postChange],
  ["POST echoes", (sandbox, body) => sandbox.postEcho(need(body, "to"), need(body, "text"))],
  ["GET templates", (sandbox, _, query) => ({ templates: sandbox.templates(query.get("wabaId") ?? undefined) })],
  ["POST templates", (sandbox, body) => sandbox.changeTemplate(need(body, "id"), readTemplateChange(body))],
]);

function withoutSecrets({ rate: _rate, accessToken: _accessToken, pin: _pin, ...number }: PhoneNumber): Wire {
  return number;
}

/** What Meta would find wrong with a number: each field that is given, as it stands in `accounts.ts`. */
function changeState(sandbox: Sandbox, body: Wire): Wire {
  const number = sandbox.number(readText(body["phoneNumberId"]) ?? undefined);
  const account = sandbox.account(number.wabaId);
  for (const name of ["status", "nameStatus", "messagingLimit"] as const) number[name] = readText(body[name]) ?? number[name];
  number.qualityRating = qualityRatings.find((rating) => rating === body["qualityRating"]) ?? number.qualityRating;
  if (body["canSend"] !== undefined) number.canSend = limitations.find((word) => word === body["canSend"]) ?? null;
  if (body["overrideUrl"] !== undefined) number.overrideUrl = readText(body["overrideUrl"]);
  if (typeof body["isOnBizApp"] === "boolean") number.isOnBizApp = body["isOnBizApp"];
  if (typeof body["isSubscribed"] === "boolean") account.isSubscribed = body["isSubscribed"];
  return withoutSecrets(number);
}

const qualityRatings = ["GREEN", "YELLOW", "RED", "NA"] as const;
const limitations = ["LIMITED", "BLOCKED"] as const;

type PhoneCall = { method: string; digits: string; verb: string | undefined; fields: Wire; query: URLSearchParams };

async function answerPhone(sandbox: Sandbox, { method, digits, verb = "", fields, query }: PhoneCall): Promise<unknown> {
  if (!/^\d{5,20}$/.test(digits)) throw new BadControl("A phone has 5 to 20 digits");
  const number = readText(fields["phoneNumberId"]) ?? query.get("phoneNumberId");
  const phone = sandbox.phone(digits, number ?? undefined);
  if (method === "GET" && verb === "chat") {
    return { messages: phone.chat(), isWindowOpen: phone.isWindowOpen(), seesTyping: phone.seesTyping(), person: phone.person() };
  }
  const act = method === "POST" ? acts.get(verb) : undefined;
  if (act === undefined) throw new BadControl("The phone can do no such thing");
  return act(phone, fields);
}

const acts = new Map<string, (phone: CustomerPhone, fields: Wire) => unknown>([
  ["messages", (phone, fields) => phone.write(readWriting(fields))],
  ["reply", (phone, fields) => phone.reply(need(fields, "waMessageId"), need(fields, "text"))],
  ["react", (phone, fields) => phone.react(need(fields, "waMessageId"), readText(fields["emoji"]))],
  ["read", (phone, fields) => ({ read: phone.read(readText(fields["waMessageId"]) ?? undefined) })],
  ["play", (phone, fields) => phone.play(need(fields, "waMessageId"))],
  ["block", (phone) => phone.block()],
  ["unblock", (phone) => phone.unblock()],
  ["hide", (phone) => phone.hide()],
  ["show", (phone) => phone.show()],
  ["number", (phone, fields) => phone.changeNumber(need(fields, "to"))],
  ["habits", (phone, fields) => phone.set(readHabits(fields))],
]);

/** `bytes` as base64. */
function readWriting(fields: Wire): Parameters<CustomerPhone["write"]>[0] {
  const type = need(fields, "type");
  const bytes = readText(fields["bytes"]);
  const extra = readRecord(fields["extra"]);
  const atMs = readNumber(fields["atMs"]);
  const texts = ["name", "text", "targetWaMessageId", "emoji", "waMessageId", "mimeType", "filename", "groupId"].flatMap((name) => {
    const text = readText(fields[name]);
    return text === null ? [] : [[name, text] as const];
  });
  return {
    type,
    ...(Object.fromEntries(texts) as { text?: string }),
    ...(bytes === null || !carriesFile(type) ? {} : { bytes: Buffer.from(bytes, "base64") }),
    ...(extra === null ? {} : { extra }),
    ...(atMs === null ? {} : { atMs }),
  };
}

function readHabits(fields: Wire): Parameters<CustomerPhone["set"]>[0] {
  const name = readText(fields["name"]);
  const { showsReceipts, isReachable } = fields;
  return {
    ...(name === null ? {} : { name }),
    ...(typeof showsReceipts === "boolean" ? { showsReceipts } : {}),
    ...(typeof isReachable === "boolean" ? { isReachable } : {}),
  };
}

/** After this order, oldest first; `limit` 1,000 unless told. */
function readLedger(sandbox: Sandbox, query: URLSearchParams): readonly Accepted[] {
  const after = Number(query.get("after") ?? 0);
  const limit = Number(query.get("limit") ?? 1_000);
  const isAsked = (entry: Accepted): boolean =>
    entry.order > after &&
    (["phoneNumberId", "to", "callback"] as const).every((name) => !query.has(name) || query.get(name) === entry[name]);
  return sandbox.ledger().filter(isAsked).slice(0, limit);
}

const statusNames: readonly StatusName[] = ["sent", "delivered", "read", "played", "failed"];

async function postStatus(sandbox: Sandbox, body: Wire): Promise<unknown> {
  const waMessageId = need(body, "waMessageId");
  const message = sandbox.ledger().find((entry) => entry.waMessageId === waMessageId);
  const status = statusNames.find((name) => name === body["status"]);
  if (message === undefined || status === undefined) throw new BadControl("No such message, or no such status");
  const [atMs, errorCode] = [readNumber(body["atMs"]), readNumber(body["errorCode"])];
  const more = { ...(atMs === null ? {} : { atMs }), ...(errorCode === null ? {} : { errorCode }) };
  return { status: await sandbox.postStatus(message, status, more) };
}

async function postChange(sandbox: Sandbox, body: Wire): Promise<unknown> {
  const [wabaId, phoneNumberId] = [readText(body["wabaId"]), readText(body["phoneNumberId"])];
  const status = await sandbox.postChange({
    field: need(body, "field"),
    value: readRecord(body["value"]) ?? {},
    ...(wabaId === null ? {} : { wabaId }),
    ...(phoneNumberId === null ? {} : { phoneNumberId }),
  });
  return { status };
}

function readRule(value: unknown): FaultRule {
  const rule = readRecord(value);
  if (!isFault(rule?.["fault"])) throw new BadControl("No such fault");
  const { fault, times } = rule;
  // Only texts are compared, so that a wrong one matches nothing.
  const when = readRecord(rule["when"]) as FaultMatch | null;
  return { fault, ...(typeof times === "number" || times === null ? { times } : {}), ...(when === null ? {} : { when }) };
}

function readConduct(body: Wire): Partial<Conduct> {
  const { withheld, isShuffled } = body;
  const conduct: Partial<Conduct> = {};
  if (withheld === "none" || withheld === "statuses" || withheld === "all") conduct.withheld = withheld;
  if (typeof isShuffled === "boolean") conduct.isShuffled = isShuffled;
  for (const name of ["copies", "batchMax", "batchMs"] as const) {
    const number = readNumber(body[name]);
    if (number !== null) conduct[name] = number;
  }
  return conduct;
}

const templateStatuses = ["APPROVED", "PENDING", "REJECTED", "PAUSED", "DISABLED", "IN_APPEAL", "ARCHIVED"] as const;
const qualities = ["GREEN", "YELLOW", "RED", "UNKNOWN"] as const;

function readTemplateChange(body: Wire): TemplateChange {
  const status = templateStatuses.find((word) => word === body["status"]);
  const reason = readText(body["reason"]);
  if (status !== undefined) return { status, ...(reason === null ? {} : { reason }) };
  const quality = qualities.find((word) => word === body["quality"]);
  return quality === undefined ? { category: need(body, "category") } : { quality };
}

function readTexts(value: unknown): string[] {
  return readList(value).filter((item) => typeof item === "string");
}

function need(body: Wire, name: string): string {
  const text = readText(body[name]);
  if (text === null || text === "") throw new BadControl(`${name} is missing`);
  return text;
}
