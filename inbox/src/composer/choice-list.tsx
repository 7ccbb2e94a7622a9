import type { ReactNode } from "react";
import { cx } from "../ui/cx.ts";

type Choice = { readonly id: string };

/** Above the text while something is looked for by typing; the arrows choose, Enter takes. */
export function ChoiceList<One extends Choice>({
  label,
  choices,
  chosen,
  onPick,
  children,
}: {
  label: string;
  choices: readonly One[];
  chosen: number;
  onPick: (one: One) => void;
  children: (one: One) => ReactNode;
}) {
  return (
    <div
      role="listbox"
      tabIndex={-1}
      aria-label={label}
      className="absolute inset-x-3 bottom-full z-10 mb-1 max-h-64 overflow-y-auto rounded-xl border border-line bg-raised p-1 shadow-pop"
    >
      {choices.map((one, index) => (
        <button
          key={one.id}
          type="button"
          role="option"
          aria-selected={index === chosen}
          onClick={() => onPick(one)}
          className={cx("w-full rounded-lg px-3 py-2 text-start text-sm hover:bg-hover", index === chosen && "bg-hover")}
        >
          {children(one)}
        </button>
      ))}
    </div>
  );
}
