/** The fate of what was accepted: sent, delivered, read, played or failed, each a webhook on its schedule. */
import { readRecord, type Wire } from "../services/whatsapp/graph/wire.ts";
import type { PhoneNumber } from "./accounts.ts";
import type { Change } from "./envelope.ts";
import type { Fault } from "./faults.ts";
import { errorText } from "./graph/error-texts.ts";
import type { Accepted } from "./ledger.ts";
import type { Pair, Person } from "./people.ts";
import { createTimers } from "./timers.ts";
import type { Webhooks } from "./webhooks.ts";

export type StatusName = "sent" | "delivered" | "read" | "played" | "failed";

/** From acceptance, in milliseconds. Null: only when the customer does it. */
export type StatusDelays = { sent: number; delivered: number; read: number | null; played?: number | null };

export type StatusReport = {
  status: StatusName;
  atMs: number;
  /** Of `failed`; 131026 if nothing is said. */
  errorCode?: number;
  /** Of a group. */
  participant?: Person;
};

export type Fate = { message: Accepted; number: PhoneNumber; pair: Pair; participants: readonly Person[] };

export type Statuses = {
  /** Everything that becomes of it, by itself. */
  plan(fate: Fate, fault: Fault | null): void;
  /** Told now, and noted in the ledger. */
  report(fate: Fate, report: StatusReport): Change;
  stop(): void;
};

export function createStatuses(options: {
  webhooks: Webhooks;
  nowMs: () => number;
  random: () => number;
  delaysMs: StatusDelays | null;
  /** By how much of itself each delay may differ; the order stays. */
  jitter: number;
  log: (trouble: { what: string }) => void;
}): Statuses {
  const { webhooks, nowMs, random, delaysMs, jitter, log } = options;
  const timers = createTimers();

  const report: Statuses["report"] = (fate, one) => {
    if (one.participant === undefined) fate.message.reported.push(one.status);
    return { wabaId: fate.number.wabaId, number: fate.number, field: "messages", value: statusValue(fate, one) };
  };
  const at = (delayMs: number, work: () => void): void => {
    if (!timers.later(delayMs, work)) log({ what: "too many statuses wait; one is never posted" });
  };

  return {
    report,
    plan(fate, fault) {
      if (delaysMs === null || fault?.kind === "no_statuses") return;
      const { message, pair, participants } = fate;
      const stretch = 1 + (2 * random() - 1) * jitter;
      const errorCode = failureOf(fate, fault);
      if (errorCode !== null) {
        return at(delaysMs.sent * stretch, () => webhooks.deliver(report(fate, { status: "failed", atMs: nowMs(), errorCode })));
      }
      for (const [status, delayMs] of stepsOf(fate, delaysMs)) {
        at(delayMs * stretch, () => {
          // A customer's own act may have come before, and a block ends it all.
          if (message.reported.includes(status) || (status !== "sent" && pair.isBlocked)) return;
          if (status === "delivered" && message.reported.includes("read")) return;
          const about = status === "sent" || participants.length === 0 ? [undefined] : participants;
          for (const participant of about) {
            webhooks.deliver(report(fate, { status, atMs: nowMs(), ...(participant === undefined ? {} : { participant }) }));
          }
        });
      }
    },
    stop: () => timers.stop(),
  };
}

function failureOf({ pair, participants }: Fate, fault: Fault | null): number | null {
  if (fault?.kind === "fails") return fault.code;
  return participants.length === 0 && !pair.person.isReachable ? 131_026 : null;
}

/** Reactions are only ever sent; only voice is played; who hides receipts is never seen to read. */
function stepsOf({ message, pair }: Fate, delaysMs: StatusDelays): [StatusName, number][] {
  const steps: [StatusName, number][] = [["sent", delaysMs.sent]];
  if (message.body["type"] === "reaction") return steps;
  steps.push(["delivered", delaysMs.delivered]);
  if (!pair.person.showsReceipts || delaysMs.read === null) return steps;
  steps.push(["read", delaysMs.read]);
  const { played } = delaysMs;
  if (isVoice(message) && played !== null && played !== undefined) steps.push(["played", played]);
  return steps;
}

export function isVoice({ body }: Accepted): boolean {
  return body["type"] === "audio" && readRecord(body["audio"])?.["voice"] === true;
}

function statusValue({ message, pair, participants }: Fate, { status, atMs, errorCode = 131_026, participant }: StatusReport): Wire {
  const isFailed = status === "failed";
  const isGroup = message.userId === null;
  const { person } = pair;
  const isToPhone = /^\d+$/.test(message.to);
  const phone = person.phone !== null && (isToPhone || !person.hidesPhone) ? person.phone : null;
  const recipient = isGroup ? groupRecipient(message.to, participant) : personRecipient(person, { phone, isFailed, isToPhone });
  const element = {
    id: message.waMessageId,
    status,
    timestamp: String(Math.floor(atMs / 1000)),
    ...recipient,
    ...(message.callback === null ? {} : { biz_opaque_callback_data: message.callback }),
    ...(isFailed ? { errors: [errorElement(errorCode)] } : {}),
    ...(status === "sent" || status === "delivered" ? { pricing: pricingOf(message, participants.length > 0) } : {}),
  };
  if (isFailed || isGroup) return { statuses: [element] };
  const username = person.hidesPhone && status !== "sent" ? { username: usernameOf(person) } : {};
  const contact = { profile: { name: person.name, ...username }, ...(phone === null ? {} : { wa_id: phone }), user_id: person.userId };
  return { contacts: [contact], statuses: [element] };
}

function personRecipient(person: Person, about: { phone: string | null; isFailed: boolean; isToPhone: boolean }): Wire {
  const byPhone = about.phone === null || (about.isFailed && !about.isToPhone) ? {} : { recipient_id: about.phone };
  return about.isFailed && about.isToPhone ? byPhone : { ...byPhone, recipient_user_id: person.userId };
}

function groupRecipient(groupId: string, participant: Person | undefined): Wire {
  const group = { recipient_id: groupId, recipient_type: "group" };
  if (participant === undefined) return group;
  const phone = participant.phone === null || participant.hidesPhone ? {} : { recipient_participant_id: participant.phone };
  return { ...group, ...phone, recipient_participant_user_id: participant.userId };
}

export function usernameOf(person: Person): string {
  return `user${(person.phone ?? person.userId).slice(-4)}`;
}

function pricingOf({ category }: Accepted, isGroup: boolean): Wire {
  return { billable: true, pricing_model: "PMP", type: "regular", category: isGroup ? `group_${category}` : category };
}

function errorElement(code: number): Wire {
  const { title, details } = errorText(code);
  return {
    code,
    title,
    message: title,
    error_data: { details },
    href: "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes",
  };
}
