import type { ComponentProps, ReactNode } from "react";
import { cx } from "./cx.ts";

type Look = "primary" | "plain" | "quiet" | "danger";
const looks: Record<Look, string> = {
  primary: "bg-accent text-accent-ink hover:bg-accent-strong",
  plain: "border border-line bg-raised text-ink hover:bg-hover",
  quiet: "text-soft hover:bg-hover hover:text-ink",
  danger: "bg-danger-soft text-danger hover:brightness-95",
};

export function Button({ look = "plain", className, ...rest }: ComponentProps<"button"> & { look?: Look }) {
  return (
    <button
      type="button"
      {...rest}
      className={cx(
        "inline-flex min-h-9 items-center justify-center gap-2 rounded-lg px-3 text-sm font-medium transition-colors select-none disabled:opacity-50",
        looks[look],
        className,
      )}
    />
  );
}

/** A button that is an icon: `label` is what a screen reader says and what hovering shows. */
export function IconButton({
  label,
  isOn,
  className,
  children,
  ...rest
}: ComponentProps<"button"> & { label: string; isOn?: boolean; children: ReactNode }) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      {...(isOn === undefined ? {} : { "aria-pressed": isOn })}
      {...rest}
      className={cx(
        "inline-grid size-9 shrink-0 place-items-center rounded-lg text-soft transition-colors hover:bg-hover hover:text-ink disabled:opacity-40",
        isOn === true && "bg-accent-soft text-accent",
        className,
      )}
    >
      {children}
    </button>
  );
}
