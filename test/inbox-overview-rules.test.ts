/** The overview's times and figures, and the address of Meta's dialogue: pure, without a browser. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { dialogueUrl } from "../inbox/src/connect/dialogue-url.ts";
import { axisOf, changeOf, durationText, labelEvery, shareOf } from "../inbox/src/overview/figures.ts";
import { dayOf, daysMax, rangeNames, rangeOf, startOfDay } from "../inbox/src/overview/range.ts";
import { limits } from "../src/limits.ts";

const zones = ["Asia/Jerusalem", "America/New_York", "Asia/Kolkata", "Africa/Cairo", "Pacific/Apia", "UTC"] as const;

test("Days begin by the tenant's clock, also where clocks are put forward or back", () => {
  const at = (day: string, zone: string): string => new Date(startOfDay(day, zone)).toISOString();
  assert.equal(at("2026-11-22", "Asia/Jerusalem"), "2026-11-21T22:00:00.000Z");
  // Summer time begins on the 27th of March 2026, and ends on the 25th of October.
  assert.equal(at("2026-03-27", "Asia/Jerusalem"), "2026-03-26T22:00:00.000Z");
  assert.equal(at("2026-03-28", "Asia/Jerusalem"), "2026-03-27T21:00:00.000Z");
  assert.equal(at("2026-10-25", "Asia/Jerusalem"), "2026-10-24T21:00:00.000Z");
  assert.equal(at("2026-10-26", "Asia/Jerusalem"), "2026-10-25T22:00:00.000Z");
  assert.equal(at("2026-11-22", "Asia/Kolkata"), "2026-11-21T18:30:00.000Z");
  // Midnight itself does not exist here: clocks go from 0 to 1.
  assert.equal(at("2026-04-24", "Africa/Cairo"), "2026-04-23T22:00:00.000Z");
});

test("A day's begin is in that day, and the moment before it is not, in any zone", () => {
  const day = fc.date({ min: new Date("2024-01-01T00:00:00Z"), max: new Date("2027-12-31T00:00:00Z"), noInvalidDate: true });
  fc.assert(
    fc.property(day, fc.constantFrom(...zones), (date, zone) => {
      const name = date.toISOString().slice(0, 10);
      const ms = startOfDay(name, zone);
      assert.equal(dayOf(ms, zone), name);
      assert.ok(dayOf(ms - 1, zone) < name);
    }),
    { numRuns: 300 },
  );
});

test("Named ranges end with the tenant's today, are compared with the same days before, and no range is longer than the server's", () => {
  // Already Monday in Jerusalem.
  const now = { ms: Date.parse("2026-11-22T22:30:00Z"), timeZone: "Asia/Jerusalem" };
  const week = rangeOf({ kind: "week" }, now);
  assert.deepEqual(week, {
    from: "2026-11-16T22:00:00.000Z",
    to: "2026-11-23T22:00:00.000Z",
    interval: "day",
    before: { from: "2026-11-09T22:00:00.000Z", to: "2026-11-16T22:00:00.000Z" },
  });
  assert.deepEqual(
    rangeNames.map((kind) => rangeOf({ kind }, now)?.interval),
    ["hour", "day", "day", "week", "month"],
  );
  assert.equal(rangeOf({ kind: "custom", first: "2026-11-03", last: "2026-11-02" }, now), null);
  assert.equal(rangeOf({ kind: "custom", first: "", last: "2026-11-02" }, now), null);
  assert.equal(rangeOf({ kind: "custom", first: "2026-02-31", last: "2026-11-02" }, now), null);
  assert.ok(daysMax < limits.overviewDaysMax);
  assert.notEqual(rangeOf({ kind: "custom", first: "2025-01-01", last: "2025-12-31" }, now), null);
  assert.equal(rangeOf({ kind: "custom", first: "2025-01-01", last: "2026-01-01" }, now), null);
});

test("An axis holds its greatest value in a few steps of round whole numbers, and labels never crowd", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 5_000_000 }), (greatest) => {
      const { top, ticks } = axisOf(greatest);
      assert.ok(top >= greatest && ticks.at(-1) === top && ticks.length >= 3 && ticks.length <= 6, `${greatest}: ${ticks.join()}`);
      assert.ok(ticks.every((tick) => Number.isInteger(tick)));
    }),
  );
  assert.deepEqual([labelEvery(7, 10), labelEvery(30, 10), labelEvery(31, 10), labelEvery(5, 0)], [1, 3, 4, 5]);
});

test("Times to answer are told in the two greatest units; a share or a change of nothing is none", () => {
  const told = [300, 45_000, 90_000, 3_600_000, 4_800_000, 11 * 3_600_000, 100 * 3_600_000].map((ms) => durationText(ms, "en"));
  assert.deepEqual(told, ["1 sec", "45 sec", "2 min", "1 hr", "1 hr 20 min", "11 hr", "4 days"]);
  assert.match(durationText(180_000, "he-IL"), /\p{Script=Hebrew}/u);
  assert.match(durationText(180_000, "ar-u-nu-latn"), /^3 دقائق$/);
  assert.deepEqual([shareOf(1, 0), shareOf(1, 4), changeOf(3, 2), changeOf(3, 0), changeOf(null, 2)], [null, 0.25, 0.5, null, null]);
});

test("Meta's dialogue is opened at Meta's own address, with everything in the query and nothing that could leave it", () => {
  const signup = { appId: "1&x=2", configId: "3#", graphVersion: "v26.0", state: "a b", expiresAt: "2026-11-22T00:00:00Z" };
  const url = new URL(dialogueUrl(signup, { redirectUri: "https://inbox.example/connect/whatsapp", staysInApp: true }));
  assert.equal(url.origin + url.pathname + url.hash, "https://www.facebook.com/v26.0/dialog/oauth");
  assert.deepEqual(
    [url.searchParams.get("client_id"), url.searchParams.get("config_id"), url.searchParams.get("state")],
    ["1&x=2", "3#", "a b"],
  );
  assert.equal(JSON.parse(url.searchParams.get("extras") ?? "").featureType, "whatsapp_business_app_onboarding");
  const without = new URL(dialogueUrl(signup, { redirectUri: "https://inbox.example/", staysInApp: false }));
  assert.ok(!("featureType" in JSON.parse(without.searchParams.get("extras") ?? "")));
});
