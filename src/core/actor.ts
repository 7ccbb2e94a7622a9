/** Who did something: for the audit log, and for what people do in the inbox. */
export type Actor = {
  kind: "person" | "api_key" | "operator" | "system";
  /** The person's or the key's id; null for the operator's admin key and for the program itself. */
  id: string | null;
  /** As a reader of the log knows it: an e-mail address, a key's name. */
  name: string;
  /** Where the request came from; null for what the program does by itself. */
  ip: string | null;
  requestId: string | null;
};

/** The program itself: upkeep, probes, what follows from a webhook. */
export const systemActor: Actor = { kind: "system", id: null, name: "Kesher", ip: null, requestId: null };
