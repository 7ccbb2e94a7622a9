import {
  Ban,
  Check,
  CheckCheck,
  CircleAlert,
  CornerUpRight,
  Eye,
  MoreVertical,
  Pencil,
  Play,
  Reply,
  SmilePlus,
  Trash2,
} from "lucide-react";
import { useFormats, useText } from "../app/text.tsx";
import { Bdi } from "../ui/bits.tsx";
import { cx } from "../ui/cx.ts";
import { Menu, MenuItem, MenuLine } from "../ui/menu.tsx";
import { plain } from "../ui/plain.ts";
import type { Bubble, Tap } from "./chat.ts";
import { kindKey } from "./kinds.ts";

export type PhoneActs = {
  reply: (bubble: Bubble) => void;
  edit: (bubble: Bubble) => void;
  /** Null takes it back. */
  react: (bubble: Bubble, emoji: string | null) => void;
  remove: (bubble: Bubble) => void;
  play: (bubble: Bubble) => void;
  readTo: (bubble: Bubble) => void;
  tap: (bubble: Bubble, tap: Tap) => void;
};

const emojis = ["👍", "❤️", "😂", "😮", "🙏"];

export function PhoneBubble({ bubble, quoted, acts }: { bubble: Bubble; quoted: Bubble | null; acts: PhoneActs }) {
  const text = useText();
  const formats = useFormats();
  const isOwn = bubble.direction === "fromCustomer";
  const reactions = [bubble.reactions.fromCustomer, bubble.reactions.fromBusiness].filter((one) => one !== null);
  const sentAt = new Date(bubble.atMs).toISOString();
  return (
    <li
      data-direction={bubble.direction}
      className={cx("group flex max-w-[86%] items-start gap-0.5", isOwn ? "flex-row-reverse self-end" : "self-start")}
    >
      <div className={cx("flex min-w-0 flex-col gap-1 rounded-2xl px-3 py-1.5 text-sm shadow-card", isOwn ? "bg-out" : "bg-in")}>
        {quoted === null ? null : (
          <span className="flex items-center gap-1 border-s-2 border-accent ps-2 text-xs text-soft">
            <CornerUpRight size={12} aria-hidden className="directional shrink-0" />
            <Bdi className="truncate">{quoted.words === "" ? text(kindKey(quoted.type)) : quoted.words}</Bdi>
          </span>
        )}
        {bubble.isRevoked ? (
          <span className="flex items-center gap-1.5 text-soft italic">
            <Ban size={14} aria-hidden />
            {text("sb_phone_deleted")}
          </span>
        ) : (
          <>
            {bubble.type === "text" ? null : <span className="text-xs font-medium text-soft">{text(kindKey(bubble.type))}</span>}
            {bubble.words === "" ? null : (
              <span dir="auto" className="wrap-anywhere whitespace-pre-wrap">
                {plain(bubble.words)}
              </span>
            )}
            {bubble.taps.map((tap) => (
              <button
                key={tap.title}
                type="button"
                onClick={() => acts.tap(bubble, tap)}
                className="rounded-lg bg-black/4 py-1.5 text-sm font-medium text-read hover:bg-black/8 dark:bg-white/6"
              >
                <Bdi>{tap.title}</Bdi>
              </button>
            ))}
          </>
        )}
        <span className="flex items-center gap-1 self-end text-[0.7rem] text-soft">
          {bubble.isEdited ? <span>{text("sb_phone_edited")}</span> : null}
          <time dateTime={sentAt} className="tabular-nums">
            {formats.clock(sentAt)}
          </time>
          <Told bubble={bubble} />
        </span>
        {reactions.length === 0 ? null : (
          <span className="-mb-3 self-end rounded-full bg-raised px-1.5 text-sm shadow-card">{reactions.join(" ")}</span>
        )}
      </div>
      {bubble.isRevoked ? null : <BubbleMenu bubble={bubble} acts={acts} />}
    </li>
  );
}

/** Of the customer's own: whether the business read it. Of the business's: what it was told of this phone. */
function Told({ bubble: { direction, reported } }: { bubble: Bubble }) {
  const text = useText();
  if (direction === "fromCustomer") {
    const isRead = reported.includes("read");
    return (
      <span
        role="img"
        data-status={isRead ? "read" : "sent"}
        aria-label={text(isRead ? "sb_phone_seen_by_business" : "status_sent")}
        className={isRead ? "text-read" : ""}
      >
        {isRead ? <CheckCheck size={14} aria-hidden /> : <Check size={14} aria-hidden />}
      </span>
    );
  }
  const last = (["failed", "played", "read", "delivered", "sent"] as const).find((one) => reported.includes(one));
  if (last === undefined) return null;
  const Icon = last === "failed" ? CircleAlert : last === "sent" ? Check : CheckCheck;
  const isRead = last === "read" || last === "played";
  return (
    <span
      role="img"
      data-status={last}
      aria-label={text(`status_${last}`)}
      title={text(`status_${last}`)}
      className={cx(isRead && "text-read", last === "failed" && "text-danger")}
    >
      <Icon size={14} aria-hidden />
    </span>
  );
}

function BubbleMenu({ bubble, acts }: { bubble: Bubble; acts: PhoneActs }) {
  const text = useText();
  const isOwn = bubble.direction === "fromCustomer";
  const hasReacted = bubble.reactions.fromCustomer !== null;
  return (
    <Menu
      align={isOwn ? "end" : "start"}
      trigger={
        <button
          type="button"
          aria-label={text("sb_phone_message_menu")}
          className="mt-1 grid size-6 shrink-0 place-items-center rounded-full text-soft opacity-60 group-hover:opacity-100 hover:bg-hover focus-visible:opacity-100"
        >
          <MoreVertical size={15} aria-hidden />
        </button>
      }
    >
      <MenuItem icon={<Reply size={15} aria-hidden className="directional" />} onSelect={() => acts.reply(bubble)}>
        {text("sb_phone_reply")}
      </MenuItem>
      {emojis.map((emoji) => (
        <MenuItem key={emoji} icon={<SmilePlus size={15} aria-hidden />} onSelect={() => acts.react(bubble, emoji)}>
          {text("sb_phone_react")} {emoji}
        </MenuItem>
      ))}
      {hasReacted ? <MenuItem onSelect={() => acts.react(bubble, null)}>{text("sb_phone_unreact")}</MenuItem> : null}
      <MenuLine />
      {isOwn ? (
        <>
          {bubble.type === "text" ? (
            <MenuItem icon={<Pencil size={15} aria-hidden />} onSelect={() => acts.edit(bubble)}>
              {text("sb_phone_edit")}
            </MenuItem>
          ) : null}
          <MenuItem icon={<Trash2 size={15} aria-hidden />} isDanger onSelect={() => acts.remove(bubble)}>
            {text("sb_phone_delete")}
          </MenuItem>
        </>
      ) : (
        <>
          <MenuItem icon={<Eye size={15} aria-hidden />} onSelect={() => acts.readTo(bubble)}>
            {text("sb_phone_read")}
          </MenuItem>
          {bubble.type === "audio" ? (
            <MenuItem icon={<Play size={15} aria-hidden />} onSelect={() => acts.play(bubble)}>
              {text("sb_phone_play")}
            </MenuItem>
          ) : null}
        </>
      )}
    </Menu>
  );
}
