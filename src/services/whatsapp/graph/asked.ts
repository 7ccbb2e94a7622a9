/** What became of a question to Graph, as the judges of a connection take it: a limit on calls is no verdict, only a reason to ask later. */
import type { Asked } from "../../../core/connection-health.ts";
import type { GraphAnswer } from "./call.ts";
import type { Wire } from "./wire.ts";

/** `read` answers null for an answer without what was asked for. */
export function askedOf<Facts>(answer: GraphAnswer, read: (value: Wire) => Facts | null): Asked<Facts> {
  switch (answer.kind) {
    case "answered": {
      const facts = read(answer.value);
      return facts === null ? { kind: "unreached", reason: "unusable_answer" } : { kind: "answered", facts };
    }
    case "refused": {
      const { code, retryable, details, title } = answer.error;
      return retryable ? { kind: "unreached", reason: `code_${code}` } : { kind: "refused", code, detail: details ?? title };
    }
    case "unavailable":
      return { kind: "unreached", reason: answer.reason };
    default:
      return answer satisfies never;
  }
}

/** Of a call that only says that it has worked. */
export function readSuccess(value: Wire): true | null {
  return value["success"] === true || value["success"] === "true" ? true : null;
}
