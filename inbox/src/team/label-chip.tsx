import type { Label, LabelColour } from "../../../src/contract/inbox.ts";
import { Bdi } from "../ui/bits.tsx";

/** Readable on light and dark alike: the name stands in ink beside the colour, never in it. */
const labelHues: Record<LabelColour, string> = {
  grey: "#8b8f94",
  red: "#e05252",
  orange: "#e8803a",
  amber: "#d9a51f",
  green: "#4fa34d",
  teal: "#22a093",
  blue: "#3f8fe0",
  indigo: "#6470e0",
  violet: "#9a63dd",
  pink: "#d9589b",
};

export function LabelDot({ label }: { label: Label }) {
  return (
    <span title={label.name} className="inline-block size-2.5 shrink-0 rounded-full" style={{ backgroundColor: labelHues[label.colour] }} />
  );
}

export function LabelChip({ label }: { label: Label }) {
  return (
    <span className="inline-flex max-w-40 items-center gap-1.5 rounded-full bg-sunken px-2 py-0.5 text-xs text-ink">
      <LabelDot label={label} />
      <Bdi className="truncate">{label.name}</Bdi>
    </span>
  );
}
