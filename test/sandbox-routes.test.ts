import assert from "node:assert/strict";
import { TypeBoxValidatorCompiler, type TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import Fastify from "fastify";
import { test } from "node:test";
import { registerProblems } from "../src/http/problems.ts";
import { registerSandboxRoutes } from "../src/http/sandbox-routes.ts";
import { createControl } from "../src/sandbox/control.ts";
import { customerMessageTypes } from "../src/sandbox/customer.ts";
import { startSandboxRig } from "./support/sandbox-rig.ts";

test("A session opens the customer's phone and the ledger; without it, or from another site, nothing is done", async (t) => {
  const { sandbox } = await startSandboxRig(t);
  const fastify = Fastify().setValidatorCompiler(TypeBoxValidatorCompiler).withTypeProvider<TypeBoxTypeProvider>();
  registerProblems(fastify);
  await registerSandboxRoutes(fastify, {
    isSignedIn: ({ headers }) => headers.cookie === "kesher_session=yes",
    sandbox: {
      types: customerMessageTypes,
      control: createControl(sandbox),
    },
  });
  t.after(() => fastify.close());
  const call = async (method: "GET" | "POST", path: string, headers: Record<string, string> = {}, payload?: object) => {
    const answer = await fastify.inject({
      method,
      url: `/sandbox/control/${path}`,
      headers,
      ...(payload === undefined ? {} : { payload }),
    });
    return { status: answer.statusCode, json: answer.json() };
  };
  const signedIn = { cookie: "kesher_session=yes" };
  const write = { type: "voice", text: "hi" };
  assert.equal((await call("GET", "ledger")).status, 401);
  assert.equal((await call("POST", "phones/972501234567/messages", { "sec-fetch-site": "same-origin" }, write)).status, 401);
  assert.equal((await call("POST", "phones/972501234567/messages", { ...signedIn, "sec-fetch-site": "cross-site" }, write)).status, 403);
  assert.equal(sandbox.counts().written, 0);
  const own = { ...signedIn, "sec-fetch-site": "same-origin" };
  assert.equal((await call("POST", "phones/972501234567/messages", own, { type: "audio" })).status, 200);
  const chat = await call("GET", "phones/972501234567/chat", signedIn);
  assert.deepEqual(
    chat.json.messages.map(({ type, direction }: { type: string; direction: string }) => [type, direction]),
    [["audio", "fromCustomer"]],
  );
  assert.equal((await call("GET", "ledger?limit=1", signedIn)).json.written, 1);
});
