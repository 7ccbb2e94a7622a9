/** Connecting and looking at numbers in the program as a newcomer starts it: its own sandbox plays Meta. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { verdictOf } from "./support/connections.ts";
import { startNewcomer } from "./support/newcomer.ts";

test(
  "In the sandbox a tenant's key connects another number, sees that all is well with it, and what is not",
  { timeout: 240_000 },
  async (t) => {
    const { api, control } = await startNewcomer(t);
    const number = await control("POST", "numbers", {});
    const { wabaId, phoneNumberId, accessToken } = number;
    // From the beginning: the program may look at it by itself at any moment, and is not asked again soon after.
    await control("POST", "states", { phoneNumberId, qualityRating: "RED" });
    const made = await api("POST", "connections", { wabaId, phoneNumberId, accessToken });
    assert.equal(made.status, 201, JSON.stringify(made.json));
    assert.deepEqual(
      made.json.steps.map(({ step, state }: { step: string; state: string }) => `${step} ${state}`),
      ["token done", "subscribe done", "register done", "contacts skipped", "history skipped"],
    );
    const probed = await api("POST", `connections/${made.json.id}/probe`);
    assert.equal(verdictOf(probed.json.health), "problem quality_low");
    const others = probed.json.checks.filter(({ check, state }: { check: string; state: string }) => check !== "quality" && state !== "ok");
    // The demo has heard nothing yet, so there is no rhythm to be silent against.
    assert.deepEqual(
      others.map(({ check }: { check: string }) => check),
      ["silence"],
    );
    const listed = await api("GET", "connections");
    assert.equal(verdictOf(listed.json.data[0].health), "problem quality_low");
    const gone = await api("POST", `connections/${made.json.id}/disconnect`);
    assert.deepEqual([gone.json.state, gone.json.unsubscribed], ["disconnected", true]);
  },
);
