/** The sandbox's own controls, by which this screen plays the customers. They are this program's and no part of its API. */
export type StatusName = "sent" | "delivered" | "read" | "played" | "failed";
export type ChatMessage = {
  waMessageId: string;
  direction: "fromCustomer" | "fromBusiness";
  type: string;
  content: unknown;
  atMs: number;
  reported: readonly StatusName[];
  replyTo: string | null;
};
export type PersonState = { name: string; hidesPhone: boolean; showsReceipts: boolean; isReachable: boolean; isBlocked: boolean };
export type Chat = { messages: ChatMessage[]; isWindowOpen: boolean; seesTyping: boolean; person: PersonState };
export type SandboxNumber = { phoneNumberId: string; displayPhoneNumber: string };
/** Faults and webhooks that wait. */
export type Waiting = { waiting: number; held: number };
/** `status` is what the program answered the webhook with; 0: it is held back. */
export type Written = { waMessageId: string; status: number };

export class SandboxError extends Error {}

export async function control<Answer>(method: "GET" | "POST" | "DELETE", path: string, body?: object): Promise<Answer> {
  return ask<Answer>(`/sandbox/control/${path}`, {
    method,
    ...(body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });
}

export async function readTypes(): Promise<readonly string[]> {
  return (await ask<{ types: string[] }>("/sandbox/types", {})).types;
}

async function ask<Answer>(path: string, init: RequestInit): Promise<Answer> {
  const answer = await fetch(path, { ...init, credentials: "same-origin" });
  const json = (await answer.json().catch(() => null)) as { error?: string; detail?: string } | null;
  if (!answer.ok) throw new SandboxError(json?.error ?? json?.detail ?? String(answer.status));
  // The sandbox answers what `src/sandbox/control.ts` says.
  return json as Answer;
}
