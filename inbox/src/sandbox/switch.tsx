export function Switch({
  label,
  isOn,
  isOff = false,
  onChange,
}: {
  label: string;
  isOn: boolean;
  /** Not to be changed now. */
  isOff?: boolean;
  onChange: (isOn: boolean) => void;
}) {
  return (
    <label className="flex items-start gap-2.5">
      <input
        type="checkbox"
        checked={isOn}
        disabled={isOff}
        onChange={(event) => onChange(event.target.checked)}
        className="mt-0.5 size-4.5 shrink-0 accent-accent"
      />
      <span>{label}</span>
    </label>
  );
}
