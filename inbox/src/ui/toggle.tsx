import { useId, type ReactNode } from "react";
import { cx } from "./cx.ts";

/** On or off, with its label beside it; a real checkbox underneath. */
export function Toggle({
  label,
  hint,
  isOn,
  isDisabled = false,
  onChange,
}: {
  label: ReactNode;
  hint?: ReactNode;
  isOn: boolean;
  isDisabled?: boolean;
  onChange: (isOn: boolean) => void;
}) {
  const id = useId();
  return (
    <div className="flex items-start gap-3">
      <span className="relative mt-0.5 inline-flex shrink-0">
        <input
          id={id}
          type="checkbox"
          role="switch"
          aria-checked={isOn}
          checked={isOn}
          disabled={isDisabled}
          onChange={(event) => onChange(event.target.checked)}
          {...(hint === undefined ? {} : { "aria-describedby": `${id}-said` })}
          className="peer absolute inset-0 z-1 m-0 cursor-pointer appearance-none rounded-full disabled:cursor-default"
        />
        <span
          aria-hidden
          className={cx(
            "flex h-5.5 w-10 items-center rounded-full p-0.5 transition-colors peer-disabled:opacity-50",
            isOn ? "justify-end bg-accent" : "justify-start bg-faint",
          )}
        >
          <span className="size-4.5 rounded-full bg-panel shadow-card" />
        </span>
      </span>
      <span className="flex min-w-0 flex-col">
        <label htmlFor={id} className="text-sm font-medium">
          {label}
        </label>
        {hint === undefined ? null : (
          <span id={`${id}-said`} className="text-xs text-faint">
            {hint}
          </span>
        )}
      </span>
    </div>
  );
}

/** One of several that may all be chosen. */
export function Chip({
  isOn,
  isDisabled = false,
  onChange,
  children,
}: {
  isOn: boolean;
  isDisabled?: boolean;
  onChange: (isOn: boolean) => void;
  children: ReactNode;
}) {
  return (
    <button
      type="button"
      aria-pressed={isOn}
      disabled={isDisabled}
      onClick={() => onChange(!isOn)}
      className={cx(
        "min-h-8 rounded-full border px-3 text-sm transition-colors disabled:opacity-60",
        isOn ? "border-accent bg-accent-soft font-medium text-accent" : "border-line bg-raised text-soft hover:bg-hover",
      )}
    >
      {children}
    </button>
  );
}
