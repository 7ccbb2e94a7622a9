import type { CannedReply } from "../../../src/contract/inbox.ts";
import { useText } from "../app/text.tsx";
import { Bdi } from "../ui/bits.tsx";
import { cx } from "../ui/cx.ts";

/** Above the text while `/…` is typed; the arrows choose, Enter takes. */
export function CannedList({
  replies,
  chosen,
  onPick,
}: {
  replies: readonly CannedReply[];
  chosen: number;
  onPick: (reply: CannedReply) => void;
}) {
  const text = useText();
  return (
    <div
      role="listbox"
      tabIndex={-1}
      aria-label={text("canned")}
      className="absolute inset-x-3 bottom-full z-10 mb-1 max-h-64 overflow-y-auto rounded-xl border border-line bg-raised p-1 shadow-pop"
    >
      {replies.map((reply, index) => (
        <button
          key={reply.id}
          type="button"
          role="option"
          aria-selected={index === chosen}
          onClick={() => onPick(reply)}
          className={cx(
            "flex w-full items-baseline gap-3 rounded-lg px-3 py-2 text-start text-sm hover:bg-hover",
            index === chosen && "bg-hover",
          )}
        >
          <Bdi className="shrink-0 font-medium text-accent">{`/${reply.shortcut}`}</Bdi>
          <span dir="auto" className="aligned min-w-0 grow truncate text-soft">
            {Object.values(reply.texts)[0] ?? ""}
          </span>
        </button>
      ))}
    </div>
  );
}
