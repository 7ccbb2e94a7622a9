/**
 * Plays Meta on this machine: takes messages as Graph does, reports their fate by signed webhooks, and writes as a customer would. For
 * the first run without a Meta account, and for tests, which use it as the outside world.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { limits } from "../limits.ts";
import type { Wire } from "../services/whatsapp/graph/wire.ts";
import type { Account, NewNumber, PhoneNumber, Token } from "./accounts.ts";
import { createWorld, type SandboxOptions } from "./create-world.ts";
import { writeAsCustomer, type Writing, type Written } from "./customer-phone.ts";
import type { Envelope } from "./envelope.ts";
import type { Fault, FaultRule } from "./faults.ts";
import { answerGraph } from "./graph/router.ts";
import type { Accepted, Ledger } from "./ledger.ts";
import { openPhone, type CustomerPhone } from "./phone.ts";
import { newNumericId, newWaMessageId } from "./random.ts";
import type { StatusName, StatusReport } from "./statuses.ts";
import { sampleTemplates, type NewTemplate, type Template, type TemplateChange } from "./templates.ts";
import type { Conduct } from "./webhooks.ts";
import { fateOf } from "./world.ts";

export type SandboxNumber = Envelope & { accessToken: string };

export type Sandbox = SandboxNumber & {
  graphUrl: string;
  appId: string;
  /** Another number, of a new account unless a `wabaId` is given that there is; ids and token are made where none are given. */
  addNumber(number?: NewNumber): SandboxNumber;
  /** Its state as it is now; changes take effect at once. */
  number(phoneNumberId?: string): PhoneNumber;
  numbers(): readonly PhoneNumber[];
  /** Messages in a rolling second, and the rate per customer; null and false lift them, for benches. */
  setRates(rates: { perSecond?: number | null; hasPairRate?: boolean; phoneNumberId?: string }): void;
  addGroup(participants: readonly string[], phoneNumberId?: string): string;
  issueToken(token: { wabaIds: readonly string[]; expiresAtMs?: number | null } & Pick<Token, "appId" | "scopes" | "type">): string;
  /** Its state as it is now: subscription and override. */
  account(wabaId?: string): Account;
  /** 190 from then on; null: never. */
  expireToken(token: string, atMs: number | null): void;
  revokeToken(token: string): void;
  /** A code of Embedded Signup for `/oauth/access_token`: 30 s, once; from the address that it was sent to, if it was. */
  issueCode(wabaIds: readonly string[], redirectUri?: string): string;
  sendCustomerMessage(message: Writing): Promise<Written>;
  phone(digits: string, phoneNumberId?: string): CustomerPhone;
  /** This customer wrote at that time, before this sandbox was started: Meta does not forget windows over a restart of ours. */
  rememberWord(address: string, atMs: number, phoneNumberId?: string): void;
  /** One POST about an accepted message. */
  postStatus(message: Accepted, status: StatusName, more?: Partial<Omit<StatusReport, "status">>): Promise<number>;
  /** Anything else that Meta tells: account updates, echoes, calls. With a number the metadata goes with it. */
  postChange(change: { field: string; value: Wire; wabaId?: string; phoneNumberId?: string }): Promise<number>;
  /** What somebody wrote to a customer in the Business app. */
  postEcho(to: string, text: string, more?: { phoneNumberId?: string; atMs?: number }): Promise<Written>;
  addTemplate(template: Omit<NewTemplate, "wabaId"> & { wabaId?: string }): Template;
  changeTemplate(id: string, change: TemplateChange): void;
  templates(wabaId?: string): readonly Template[];
  /** What Graph accepted, oldest first: the last `ledgerMax`. */
  ledger(): readonly Accepted[];
  counts(): ReturnType<Ledger["counts"]>;
  /** Scripted faults, one for each of the next sends. */
  failNext(...faults: Fault[]): void;
  fail(...rules: FaultRule[]): void;
  clearFaults(): void;
  waitingFaults(): number;
  /** How webhooks go out from now on. */
  conduct(change: Partial<Conduct>): void;
  /** Posts what was withheld; answers how many updates. */
  release(): number;
  heldWebhooks(): number;
  stop(): Promise<void>;
};

const codeMs = 30_000;

export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { nowMs, identity = {} } = options;
  let origin = "";
  const world = createWorld(options, () => origin);
  const { accounts, people, ledger, templates, webhooks, statuses } = world;
  const own: SandboxNumber = {
    wabaId: identity.wabaId ?? "100000000000001",
    phoneNumberId: identity.phoneNumberId ?? "200000000000002",
    displayPhoneNumber: identity.displayPhoneNumber ?? "972550000000",
    accessToken: identity.accessToken ?? newToken(),
  };
  const addNumber: Sandbox["addNumber"] = (number = {}) => {
    const fresh: SandboxNumber = {
      wabaId: number.wabaId ?? newNumericId(),
      phoneNumberId: number.phoneNumberId ?? newNumericId(),
      displayPhoneNumber: number.displayPhoneNumber ?? `97255${newNumericId().slice(-7)}`,
      accessToken: number.accessToken ?? newToken(),
    };
    const isNewAccount = accounts.account(fresh.wabaId) === undefined;
    accounts.add(fresh, number);
    if (isNewAccount) for (const template of sampleTemplates(fresh.wabaId)) templates.put(template);
    return fresh;
  };
  addNumber(own);

  const numberOf = (phoneNumberId = own.phoneNumberId): PhoneNumber => {
    const number = accounts.number(phoneNumberId);
    if (number === undefined) throw new Error(`The sandbox has no number ${phoneNumberId}`);
    return number;
  };
  const tokenOf = (value: string): Token => {
    const token = accounts.token(value);
    if (token === undefined) throw new Error("The sandbox issued no such token");
    return token;
  };

  const server = createServer((request, response) => {
    answerGraph(world, request, response).catch((error: unknown) => {
      options.log({ what: "request to the sandbox's Graph", error });
      response.destroy();
    });
  });
  // A connection that is closed under a request would look like one of the scripted faults.
  server.keepAliveTimeout = limits.httpKeepAliveMs;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = `http://127.0.0.1:${portOf(server.address())}`;

  return {
    ...own,
    graphUrl: origin,
    appId: world.appId,
    addNumber,
    number: numberOf,
    numbers: () => accounts.numbers(),
    setRates({ perSecond, hasPairRate, phoneNumberId }) {
      const numbers = phoneNumberId === undefined ? accounts.numbers() : [numberOf(phoneNumberId)];
      for (const number of numbers) {
        if (perSecond !== undefined) accounts.setThroughput(number, perSecond);
        if (hasPairRate !== undefined) number.hasPairRate = hasPairRate;
      }
    },
    addGroup(participants, phoneNumberId) {
      const id = `SANDBOXGROUP_${newNumericId()}`;
      world.groups.set(id, {
        id,
        phoneNumberId: numberOf(phoneNumberId).phoneNumberId,
        participants: participants.map((one) => people.find(one)),
      });
      return id;
    },
    issueToken: ({ wabaIds, expiresAtMs = null, ...more }) =>
      accounts.issueToken({ value: newToken(), wabaIds: new Set(wabaIds), expiresAtMs, ...more }).value,
    account(wabaId = own.wabaId) {
      const account = accounts.account(wabaId);
      if (account === undefined) throw new Error(`The sandbox has no account ${wabaId}`);
      return account;
    },
    expireToken(token, atMs) {
      tokenOf(token).expiresAtMs = atMs;
    },
    revokeToken(token) {
      tokenOf(token).isRevoked = true;
    },
    issueCode(wabaIds, redirectUri = "") {
      const code = randomBytes(16).toString("hex");
      world.codes.set(code, { wabaIds, redirectUri, expiresAtMs: nowMs() + codeMs });
      return code;
    },
    sendCustomerMessage: ({ phoneNumberId, ...writing }) => writeAsCustomer(world, numberOf(phoneNumberId), writing),
    phone: (digits, phoneNumberId) => openPhone(world, numberOf(phoneNumberId), digits),
    rememberWord(address, atMs, phoneNumberId) {
      const pair = people.pair(numberOf(phoneNumberId).phoneNumberId, people.find(address));
      pair.lastWordMs = Math.max(pair.lastWordMs, atMs);
    },
    postStatus: (message, status, more = {}) => webhooks.post(statuses.report(fateOf(world, message), { status, atMs: nowMs(), ...more })),
    postChange({ field, value, wabaId = own.wabaId, phoneNumberId }) {
      const number = phoneNumberId === undefined ? null : numberOf(phoneNumberId);
      return webhooks.post({ wabaId: number?.wabaId ?? wabaId, number, field, value });
    },
    async postEcho(to, text, { phoneNumberId, atMs = nowMs() } = {}) {
      const number = numberOf(phoneNumberId);
      const person = people.find(to);
      const waMessageId = newWaMessageId();
      const address = person.phone === null || person.hidesPhone ? {} : { to: person.phone };
      const echo = {
        from: number.displayPhoneNumber,
        ...address,
        to_user_id: person.userId,
        id: waMessageId,
        timestamp: String(Math.floor(atMs / 1000)),
        type: "text",
        text: { body: text },
      };
      const change = { wabaId: number.wabaId, number, field: "smb_message_echoes", value: { message_echoes: [echo] } };
      return { waMessageId, status: await webhooks.post(change) };
    },
    addTemplate: (template) => templates.put({ wabaId: own.wabaId, ...template }),
    changeTemplate: (id, change) => templates.change(id, change),
    templates: (wabaId = own.wabaId) => templates.list(wabaId),
    ledger: () => ledger.accepted(),
    counts: () => ledger.counts(),
    failNext: (...faults) => world.faults.add(faults.map((fault) => ({ fault }))),
    fail: (...rules) => world.faults.add(rules),
    clearFaults: () => world.faults.clear(),
    waitingFaults: () => world.faults.waiting(),
    conduct: (change) => webhooks.conduct(change),
    release: () => webhooks.release(),
    heldWebhooks: () => webhooks.held(),
    async stop() {
      statuses.stop();
      templates.stop();
      webhooks.stop();
      server.closeAllConnections();
      if (!server.listening) return;
      server.close();
      await once(server, "close");
    },
  };
}

function newToken(): string {
  return `sandbox-${randomBytes(24).toString("hex")}`;
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new Error("The sandbox has no port");
  return address.port;
}
