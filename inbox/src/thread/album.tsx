import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { useStored } from "../data/store.ts";
import { Time } from "../ui/bits.tsx";
import { cx } from "../ui/cx.ts";
import { bubbleLook } from "./bubble.tsx";
import { fieldsOf } from "./fields.ts";
import { mediaFactsOf, Picture, Video } from "./media.tsx";
import { useThread } from "./thread-context.tsx";
import { Ticks } from "./ticks.tsx";

const shownMax = 4;

/** Pictures that came together, as one. */
export function Album({ ids, isFirst }: { ids: readonly string[]; isFirst: boolean }) {
  const text = useText();
  const { store } = useWorkspace();
  const last = useStored(store, "message", ids.at(-1) ?? "");
  if (last === undefined) return null;
  const isOurs = last.direction === "outbound";
  const more = ids.length - shownMax;
  return (
    <article
      aria-label={text("album", { count: ids.length })}
      className={cx("flex flex-col px-3 sm:px-6", isOurs ? "items-end" : "items-start", isFirst ? "pt-2" : "pt-0.5")}
    >
      <div className={cx(bubbleLook, isOurs ? "bg-out" : "bg-in")}>
        <div className="grid w-72 max-w-full grid-cols-2 gap-1">
          {ids.slice(0, shownMax).map((id, index) => (
            <Tile key={id} id={id} more={index === shownMax - 1 ? more : 0} />
          ))}
        </div>
        <p className="mt-0.5 flex items-center justify-end gap-1 text-[0.7rem] text-faint">
          <Time at={last.waTimestamp} as="clock" />
          {isOurs ? <Ticks message={last} /> : null}
        </p>
      </div>
    </article>
  );
}

function Tile({ id, more }: { id: string; more: number }) {
  const text = useText();
  const { store } = useWorkspace();
  const { showMedia } = useThread();
  const message = useStored(store, "message", id);
  if (message === undefined) return null;
  const content = fieldsOf(message.content);
  const facts = mediaFactsOf(content);
  const shown = { facts, onOpen: () => showMedia(id), className: "h-32 w-full" };
  return (
    <span className="relative">
      {content["kind"] === "video" ? <Video {...shown} label={text("kind_video")} /> : <Picture {...shown} label={text("kind_image")} />}
      {more > 0 ? (
        <span
          className="pointer-events-none absolute inset-0 grid place-items-center rounded-lg bg-black/50 text-xl font-semibold text-white"
          dir="ltr"
        >
          +{more}
        </span>
      ) : null}
    </span>
  );
}
