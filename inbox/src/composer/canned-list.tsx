import type { CannedReply } from "../../../src/contract/inbox.ts";
import { useText } from "../app/text.tsx";
import { Bdi } from "../ui/bits.tsx";
import { ChoiceList } from "./choice-list.tsx";

/** Above the text while `/…` is typed. */
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
    <ChoiceList label={text("canned")} choices={replies} chosen={chosen} onPick={onPick}>
      {(reply) => (
        <span className="flex items-baseline gap-3">
          <Bdi className="shrink-0 font-medium text-accent">{`/${reply.shortcut}`}</Bdi>
          <span dir="auto" className="aligned min-w-0 grow truncate text-soft">
            {Object.values(reply.texts)[0] ?? ""}
          </span>
        </span>
      )}
    </ChoiceList>
  );
}
