/**
 * The program as a newcomer meets it: `node src/index.ts` without settings, its sandbox, and what it says on the console. The customer's phone is
 * held through the page's session, as the page does it; everything else goes through the key that the console showed.
 */
import assert from "node:assert/strict";
import type { CreateEndpoint, EndpointWithSecret } from "../../src/contract/endpoints.ts";
import type { ChatMessage } from "../../src/sandbox/customer-phone.ts";
import { makeProgram, until, type Program } from "./program.ts";

type Scope = { after(fn: () => Promise<void>): void };
// oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers whose shape they are about to assert.
type Json = any;

export type Newcomer = {
  program: Program;
  phoneNumberId: string;
  /** Of the demo tenant, from the console. */
  key: string;
  /** Our own API with that key. */
  api: (method: string, path: string, body?: object) => Promise<{ status: number; json: Json }>;
  register: (endpoint: CreateEndpoint) => Promise<EndpointWithSecret>;
  phone: (digits: string) => Phone;
  /** The sandbox's own controls. */
  control: (method: string, path: string, body?: object) => Promise<Json>;
  /** `kill -9` where it lives still, and the same again. */
  killAndRestart: () => Promise<void>;
};

export type Phone = {
  digits: string;
  /** Answers Meta's id of it. Rejects when the webhook was not answered with 200. */
  write: (message: object) => Promise<string>;
  chat: () => Promise<ChatMessage[]>;
  seesTyping: () => Promise<boolean>;
};

export async function startNewcomer(t: Scope): Promise<Newcomer> {
  const program = await makeProgram(t, { sandbox: "newcomer" });
  let cookie = "";
  /** The key is shown at the first start only; the link each time. */
  const start = async (): Promise<string | null> => {
    const before = program.output.length;
    await program.start();
    const said = (): string => program.output.slice(before);
    await until("the console shows the link", 60_000, () => /sign in: \S+\n/.test(said()));
    const link = /sign in: (\S+)\n/.exec(said())?.[1] ?? assert.fail("no link");
    const answer = await fetch(link, { redirect: "manual" });
    cookie = (answer.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? "";
    return /shown this once: (\S+)/.exec(said())?.[1] ?? null;
  };
  const key = (await start()) ?? assert.fail("the first start shows a key");
  const phoneNumberId = /phone_number_id (\d+)/.exec(program.output)?.[1] ?? assert.fail("and the number's id");

  const api: Newcomer["api"] = (method, path, body) => program.call(method, path, body, key);
  const control: Newcomer["control"] = async (method, path, body) => {
    const answer = await fetch(`${program.url}/sandbox/control/${path}`, {
      method,
      headers: { cookie, origin: program.url, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const json: Json = await answer.json();
    assert.equal(answer.status, 200, JSON.stringify(json));
    return json;
  };
  return {
    program,
    phoneNumberId,
    key,
    api,
    control,
    async register(endpoint) {
      const { status, json } = await api("POST", "endpoints", endpoint);
      assert.equal(status, 201, JSON.stringify(json));
      return json;
    },
    phone: (digits) => ({
      digits,
      async write(message) {
        const { waMessageId, status } = await control("POST", `phones/${digits}/messages`, message);
        assert.equal(status, 200, "the webhook was not taken");
        return waMessageId;
      },
      chat: async () => (await control("GET", `phones/${digits}/chat`)).messages,
      seesTyping: async () => (await control("GET", `phones/${digits}/chat`)).seesTyping,
    }),
    async killAndRestart() {
      if (program.isAlive()) await program.kill();
      assert.equal(await start(), null, "a key is shown once only");
    },
  };
}
