import { useId, type ReactNode } from "react";
import { cx } from "./cx.ts";

/** A part of a page under a heading of its own. */
export function Card({
  title,
  actions,
  className,
  children,
}: {
  title: string;
  actions?: ReactNode;
  className?: string;
  children: ReactNode;
}) {
  const id = useId();
  return (
    <section aria-labelledby={id} className={cx("flex min-w-0 flex-col gap-3 rounded-2xl border border-line bg-raised p-4", className)}>
      <div className="flex min-h-8 flex-wrap items-center gap-2">
        <h2 id={id} className="grow text-sm font-semibold">
          {title}
        </h2>
        {actions}
      </div>
      {children}
    </section>
  );
}
