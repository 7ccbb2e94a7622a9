/** What of the platform's state somebody must look at, the gravest first: so that who is on call sees in seconds what is wrong. */
import { findingCodes, type Finding, type FindingCode, type PlatformState } from "../contract/platform.ts";
import { limits } from "../limits.ts";

type Facts = Omit<PlatformState, "findings" | "version">;

export function platformFindings(facts: Facts): Finding[] {
  const { at, inbound, parked, outbound, forwarding, connections, tenants, nodes } = facts;
  const atMs = Date.parse(at);
  const ageMs = (time: string | null): number => (time === null ? 0 : atMs - Date.parse(time));
  const found: Finding[] = [];
  const tell = (code: FindingCode, state: Finding["state"], count: number | null, since: string | null): void => {
    found.push({ code, state, count, since });
  };
  const late = (code: FindingCode, { count, oldestAt }: { count: number; oldestAt: string | null }): void => {
    const waitedMs = ageMs(oldestAt);
    if (waitedMs > limits.platformLateMs) tell(code, waitedMs > limits.platformVeryLateMs ? "problem" : "warning", count, oldestAt);
  };

  late("inbound_late", inbound);
  late("sends_late", outbound);
  late("forwards_late", forwarding);
  if (!nodes.some(({ isAlive }) => isAlive)) tell("no_sender", "problem", null, null);
  const crashed = parked.find(({ reason }) => reason === "crashed_worker");
  if (crashed !== undefined) tell("parked_crashed", "problem", crashed.count, crashed.oldestAt);
  const others = parked.filter((one) => one !== crashed);
  const aside = others.reduce((sum, { count }) => sum + count, 0);
  if (aside > 0) tell("parked", "warning", aside, others.map(({ oldestAt }) => oldestAt).toSorted()[0] ?? null);
  if (connections.failing > 0) tell("connections_failing", "problem", connections.failing, connections.list[0]?.since ?? null);
  if (connections.connected > 0 && inbound.lastAt !== null && ageMs(inbound.lastAt) > limits.platformSilentMs) {
    tell("inbound_silent", "warning", null, inbound.lastAt);
  }
  if (outbound.pausedNumbers > 0) tell("sending_paused", "warning", outbound.pausedNumbers, null);
  if (forwarding.pausedEndpoints > 0) tell("endpoints_paused", "warning", forwarding.pausedEndpoints, null);
  if (tenants.quotaSpent > 0) tell("quotas_spent", "warning", tenants.quotaSpent, null);
  return found.toSorted((a, b) => rankOf(a) - rankOf(b));
}

function rankOf({ code, state }: Finding): number {
  return findingCodes.indexOf(code) + (state === "problem" ? 0 : findingCodes.length);
}
