/** A message that did not arrive: the code, what happened, whose fault it is, what to do, and a button that does it. */
import type { Message } from "../../../src/contract/messages.ts";
import { useSentence } from "../app/sentence.ts";
import { useText } from "../app/text.tsx";
import { plain } from "../ui/plain.ts";
import { useFailureWays } from "./failure-ways.ts";
import { useThread } from "./thread-context.tsx";

export function Failure({ message }: { message: Message }) {
  const text = useText();
  const sentenceIn = useSentence();
  const { canSend } = useThread();
  const { error, status } = message;
  const isUnknown = status === "unknown";
  const said = error?.sentences ?? null;
  const what = said === null ? (error?.sentence ?? error?.title ?? text("failed_sentence")) : sentenceIn(said.what);
  const action = said === null ? (error?.actionSentence ?? null) : sentenceIn(said.action);
  const blame = error?.blame ?? null;
  return (
    <div className="mt-1.5 flex flex-col gap-1.5 rounded-lg bg-danger-soft px-2.5 py-2 text-sm text-danger">
      <p dir="auto" className="text-start">
        {isUnknown ? text("unknown_sentence") : plain(what)}
      </p>
      {action === null || isUnknown ? null : (
        <p dir="auto" className="text-start text-ink">
          {plain(action)}
        </p>
      )}
      <p className="flex flex-wrap gap-x-3 text-xs">
        {error?.code === null || error === null ? null : (
          <span>
            {text("error_code")} <bdi dir="ltr">{error.code}</bdi>
          </span>
        )}
        {blame === null ? null : <span>{text("error_blame", { blame })}</span>}
      </p>
      {canSend ? <Ways message={message} /> : null}
    </div>
  );
}

function Ways({ message }: { message: Message }) {
  const text = useText();
  const ways = useFailureWays(message);
  return (
    <div className="flex flex-wrap gap-2">
      {ways.map(({ key, run }) => (
        <button
          key={key}
          type="button"
          // The second half of a double click is no second wish.
          onClick={({ detail }) => {
            if (detail < 2) run();
          }}
          className="min-h-7 rounded-md bg-raised px-2.5 text-[0.82rem] font-medium text-ink shadow-card hover:bg-hover"
        >
          {text(key)}
        </button>
      ))}
    </div>
  );
}
