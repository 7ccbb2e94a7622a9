/** Files in a thread. Their places have a size before the bytes are here, so nothing moves when they come. */
import { Download, FileText, ImageOff, Loader, Play } from "lucide-react";
import { useRef, useState } from "react";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { can } from "../app/session.ts";
import { Bdi } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { cx } from "../ui/cx.ts";
import { plainLine, safeHref } from "../ui/plain.ts";
import { showToast } from "../ui/toast.tsx";
import { useDeed } from "../ui/use-action.ts";
import { fieldsOf, numberOf, textOf, type Fields } from "./fields.ts";

export type MediaFacts = {
  mediaId: string | null;
  state: string | null;
  fileName: string | null;
  mimeType: string | null;
  bytes: number | null;
  link: string | null;
};

export function mediaFactsOf(content: Fields): MediaFacts {
  const media = fieldsOf(content["media"]);
  return {
    mediaId: textOf(content["mediaId"]) ?? textOf(media["mediaId"]),
    // What was uploaded here is here.
    state: textOf(content["mediaState"]) ?? (textOf(media["mediaId"]) === null ? null : "stored"),
    fileName: textOf(content["filename"]),
    mimeType: textOf(content["mimeType"]),
    bytes: numberOf(content["mediaBytes"]),
    link: textOf(content["url"]) ?? textOf(media["link"]),
  };
}

export function useMediaUrl(): (mediaId: string) => string {
  const { api } = useWorkspace();
  return (mediaId) => api.url(`media/${mediaId}`);
}

const box = "relative grid place-items-center overflow-hidden rounded-lg bg-black/5 dark:bg-white/6";

export function Picture({ facts, label, onOpen, className }: { facts: MediaFacts; label: string; onOpen: () => void; className?: string }) {
  const urlOf = useMediaUrl();
  const [isBroken, setIsBroken] = useState(false);
  const size = className ?? "h-56 w-72 max-w-full";
  if (facts.mediaId === null || facts.state !== "stored" || isBroken) return <Missing facts={facts} className={size} />;
  return (
    <button type="button" onClick={onOpen} aria-label={label} className={cx(box, size)}>
      <img
        src={urlOf(facts.mediaId)}
        alt={label}
        loading="lazy"
        decoding="async"
        onError={() => setIsBroken(true)}
        className="size-full object-cover"
      />
    </button>
  );
}

/** A picture that opens in a window of its own. */
export function HeaderPicture({ facts, label }: { facts: MediaFacts; label: string }) {
  const urlOf = useMediaUrl();
  if (facts.mediaId === null) return <Missing facts={facts} className="h-40 w-72 max-w-full" />;
  return (
    <a href={urlOf(facts.mediaId)} target="_blank" rel="noopener noreferrer" className={cx(box, "h-40 w-72 max-w-full")}>
      <img src={urlOf(facts.mediaId)} alt={label} loading="lazy" className="size-full object-cover" />
    </a>
  );
}

export function Video({ facts, label, onOpen, className }: { facts: MediaFacts; label: string; onOpen: () => void; className?: string }) {
  const urlOf = useMediaUrl();
  const size = className ?? "h-56 w-72 max-w-full";
  if (facts.mediaId === null || facts.state !== "stored") return <Missing facts={facts} className={size} />;
  return (
    <button type="button" onClick={onOpen} aria-label={label} className={cx(box, size)}>
      <video src={urlOf(facts.mediaId)} preload="metadata" muted tabIndex={-1} className="size-full object-cover" />
      <span className="absolute grid size-12 place-items-center rounded-full bg-black/55 text-white">
        <Play size={22} fill="currentColor" aria-hidden />
      </span>
    </button>
  );
}

export function Sticker({ facts, label }: { facts: MediaFacts; label: string }) {
  const urlOf = useMediaUrl();
  if (facts.mediaId === null || facts.state !== "stored") return <Missing facts={facts} className="size-36" />;
  return <img src={urlOf(facts.mediaId)} alt={label} loading="lazy" className="size-36 object-contain" />;
}

const speeds = [1, 1.5, 2] as const;

/** The browser's own player: it works with every keyboard and screen reader. */
export function Sound({ facts, label }: { facts: MediaFacts; label: string }) {
  const text = useText();
  const urlOf = useMediaUrl();
  const [speedAt, setSpeedAt] = useState(0);
  const player = useRef<HTMLAudioElement>(null);
  if (facts.mediaId === null || facts.state !== "stored") return <Missing facts={facts} className="h-14 w-72 max-w-full" />;
  const next = (): void => {
    const at = (speedAt + 1) % speeds.length;
    setSpeedAt(at);
    if (player.current !== null) player.current.playbackRate = speeds[at] ?? 1;
  };
  return (
    <div className="flex w-76 max-w-full items-center gap-1.5">
      <audio
        ref={player}
        dir="ltr"
        controls
        preload="metadata"
        aria-label={label}
        src={urlOf(facts.mediaId)}
        className="h-11 min-w-0 grow"
      />
      <button
        type="button"
        onClick={next}
        title={text("playback_speed")}
        className="w-9 rounded-full bg-black/6 py-1 text-xs font-medium text-soft dark:bg-white/10"
        dir="ltr"
      >
        {speeds[speedAt]}×
      </button>
    </div>
  );
}

/** `PDF`, by the name's end, else by Meta's word. */
function shortType({ fileName, mimeType }: MediaFacts): string | null {
  const end = /\.([a-z0-9]{1,5})$/i.exec(plainLine(fileName ?? ""))?.[1];
  return end?.toUpperCase() ?? mimeType?.split(";", 1)[0] ?? null;
}

export function Document({ facts }: { facts: MediaFacts }) {
  const text = useText();
  const formats = useFormats();
  const urlOf = useMediaUrl();
  const name = plainLine(facts.fileName ?? "") || text("kind_document");
  const isHere = facts.mediaId !== null && facts.state === "stored";
  const body = (
    <>
      <FileText size={26} aria-hidden className="shrink-0 text-soft" />
      <span className="flex min-w-0 grow flex-col text-start">
        <Bdi className="line-clamp-2 text-sm font-medium wrap-anywhere">{name}</Bdi>
        <span className="text-start text-xs text-soft">
          <bdi>{shortType(facts)}</bdi>
          {facts.bytes === null ? null : (
            <>
              {" · "}
              <bdi>{formats.bytes(facts.bytes)}</bdi>
            </>
          )}
        </span>
      </span>
      {isHere ? <Download size={18} aria-hidden className="shrink-0 text-soft" /> : null}
    </>
  );
  const look = "flex w-72 max-w-full items-center gap-3 rounded-lg bg-black/5 p-3 dark:bg-white/6";
  if (!isHere)
    return (
      <div>
        <div className={look}>{body}</div>
        <Missing facts={facts} className="w-72 max-w-full" />
      </div>
    );
  return (
    <a
      href={urlOf(facts.mediaId ?? "")}
      download={name}
      aria-label={text("download_file", { name })}
      className={cx(look, "hover:bg-black/8 dark:hover:bg-white/10")}
    >
      {body}
    </a>
  );
}

/** Why a file is not here, and what can be done. */
function Missing({ facts, className }: { facts: MediaFacts; className: string }) {
  const text = useText();
  const { api, session } = useWorkspace();
  const deed = useDeed();
  const { mediaId, state, link } = facts;
  const href = mediaId === null && link !== null ? safeHref(link) : null;
  if (href !== null)
    return (
      <a href={href} target="_blank" rel="noopener noreferrer nofollow" className="text-read underline wrap-anywhere">
        <bdi>{href}</bdi>
      </a>
    );
  const isComing = state === "pending";
  const askAgain = (): void =>
    deed(async () => {
      await api.call(`media/${mediaId ?? ""}/fetch`, { method: "POST" });
      showToast("done", text("media_refetch"));
    });
  return (
    <div className={cx(box, "content-center gap-1.5 p-2 text-center text-xs text-soft", className)}>
      {isComing ? <Loader size={20} aria-hidden className="animate-spin" /> : <ImageOff size={20} aria-hidden />}
      <span>
        {text(isComing ? "media_pending" : state === "expired" ? "media_expired" : state === "refused" ? "media_refused" : "media_failed")}
      </span>
      {state === "failed" && mediaId !== null && can(session, "manage") ? (
        <Button className="min-h-7 text-xs" onClick={askAgain}>
          {text("fetch_again")}
        </Button>
      ) : null}
    </div>
  );
}
