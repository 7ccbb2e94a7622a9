/** Small pieces that every screen uses: names and numbers in isolation, times, avatars, placeholders. */
import type { ReactNode } from "react";
import { useFormats } from "../app/text.tsx";
import { cx } from "./cx.ts";
import { plainLine } from "./plain.ts";

/** A name of a stranger, or anything else whose direction is its own. */
export function Bdi({ children, className }: { children: string; className?: string }) {
  return <bdi className={className}>{plainLine(children)}</bdi>;
}

/** A phone number, left to right in every language: `+972 52-123-4567`. */
export function Phone({ digits, className }: { digits: string; className?: string }) {
  return (
    <bdi dir="ltr" className={cx("tabular-nums", className)}>
      {shownPhone(digits)}
    </bdi>
  );
}

export function shownPhone(digits: string): string {
  const only = digits.replaceAll(/\D/g, "");
  const israeli = /^972(\d{1,2})(\d{3})(\d{4})$/.exec(only);
  if (israeli !== null) return `+972 ${israeli[1]}-${israeli[2]}-${israeli[3]}`;
  const american = /^1(\d{3})(\d{3})(\d{4})$/.exec(only);
  if (american !== null) return `+1 ${american[1]}-${american[2]}-${american[3]}`;
  return only === "" ? plainLine(digits) : `+${only}`;
}

/** A moment. `list`: the hour today, else the day; `clock`: the hour; `full`: both, which the others say when the pointer is on them. */
export function Time({ at, as = "list", className }: { at: string | null; as?: "list" | "clock" | "full"; className?: string }) {
  const formats = useFormats();
  if (at === null) return null;
  return (
    <time dateTime={at} onPointerEnter={titled(() => formats.full(at))} className={cx("tabular-nums", className)}>
      {formats[as](at)}
    </time>
  );
}

/** A title that is written when somebody points there: a thread has hundreds that nobody reads. */
export function titled(write: () => string): (event: { currentTarget: HTMLElement }) => void {
  return ({ currentTarget }) => {
    currentTarget.title = write();
  };
}

const hues = ["#2f6f8f", "#7a5195", "#a0522d", "#4b7a3a", "#a23b5c", "#4a5fa5", "#8a6d1d", "#2d7d74"];

export function Avatar({ name, seed, size = 42 }: { name: string; seed: string; size?: number }) {
  let sum = 0;
  for (const letter of seed) sum = (sum * 31 + letter.charCodeAt(0)) % 9_973;
  return (
    <span
      aria-hidden
      className="grid shrink-0 place-items-center rounded-full font-semibold text-white select-none"
      style={{ width: size, height: size, fontSize: size * 0.38, backgroundColor: hues[sum % hues.length] }}
    >
      {initials(name)}
    </span>
  );
}

function initials(name: string): string {
  const letters = plainLine(name)
    .split(" ")
    .flatMap((word) => /[\p{L}\p{N}]/u.exec(word)?.[0] ?? []);
  return letters.length === 0 ? "•" : letters.slice(0, 2).join("").toUpperCase();
}

export function Badge({ children, tone = "plain" }: { children: ReactNode; tone?: "plain" | "accent" | "amber" | "danger" }) {
  const tones = {
    plain: "bg-sunken text-soft",
    accent: "bg-accent-soft text-accent",
    amber: "bg-amber-soft text-amber",
    danger: "bg-danger-soft text-danger",
  };
  return <span className={cx("inline-flex items-center gap-1 rounded-full px-2 py-0.5 text-xs font-medium", tones[tone])}>{children}</span>;
}

export function EmptyState({ icon, title, children }: { icon: ReactNode; title: string; children?: ReactNode }) {
  return (
    <div className="m-auto flex max-w-sm flex-col items-center gap-2 p-8 text-center">
      <span className="mb-1 text-faint">{icon}</span>
      <p className="text-base font-medium text-ink">{title}</p>
      {children === undefined ? null : <div className="text-sm text-soft">{children}</div>}
    </div>
  );
}

export function Skeleton({ className }: { className?: string }) {
  return <span aria-hidden className={cx("block animate-pulse rounded-md bg-sunken", className)} />;
}

export function Key({ children }: { children: string }) {
  return (
    <kbd dir="ltr" className="rounded border border-line bg-sunken px-1.5 py-0.5 font-sans text-[0.7rem] text-soft">
      {children}
    </kbd>
  );
}
