import { ChevronDown } from "lucide-react";
import { useId, type ComponentProps, type ReactNode } from "react";
import { cx } from "./cx.ts";

export const inputLook =
  "w-full rounded-lg border border-line bg-raised px-3 text-[0.95rem] text-ink placeholder:text-faint focus-visible:border-accent focus-visible:outline-offset-0 aria-invalid:border-danger";

/** A label, its control, and what is said about it. The control gets its ids from `render`. */
export function Field({
  label,
  hint,
  error,
  render,
}: {
  label: ReactNode;
  hint?: ReactNode;
  error?: ReactNode;
  render: (control: { id: string; "aria-describedby"?: string; "aria-invalid"?: true }) => ReactNode;
}) {
  const id = useId();
  const said = error ?? hint;
  const hasError = error !== undefined && error !== null;
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="text-sm font-medium text-soft">
        {label}
      </label>
      {render({
        id,
        ...(said === undefined || said === null ? {} : { "aria-describedby": `${id}-said` }),
        ...(hasError ? { "aria-invalid": true as const } : {}),
      })}
      {said === undefined || said === null ? null : (
        <p id={`${id}-said`} className={cx("text-xs", hasError ? "text-danger" : "text-faint")}>
          {said}
        </p>
      )}
    </div>
  );
}

/** Empty, it has the page's direction, so that the hint stands where writing begins; then that of what is written. */
export function directionOf(value: unknown): "auto" | undefined {
  return value === undefined || value === "" ? undefined : "auto";
}

export function Input({ className, ...rest }: ComponentProps<"input">) {
  return <input dir={directionOf(rest.value)} autoComplete="off" {...rest} className={cx(inputLook, "h-10", className)} />;
}

export function TextArea({ className, ...rest }: ComponentProps<"textarea">) {
  return <textarea dir={directionOf(rest.value)} rows={3} {...rest} className={cx(inputLook, "py-2", className)} />;
}

/** The browser's own list: works with every keyboard and screen reader, and needs no style that the policy forbids. */
export function Select({ className, ...rest }: ComponentProps<"select">) {
  return (
    <span className={cx("relative block h-10 w-full", className)}>
      <select {...rest} className={cx(inputLook, "h-full appearance-none ps-3 pe-9")} />
      <ChevronDown size={16} aria-hidden className="pointer-events-none absolute inset-y-0 end-3 my-auto text-faint" />
    </span>
  );
}
