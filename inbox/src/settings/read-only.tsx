import { Lock } from "lucide-react";
import { useText } from "../app/text.tsx";

/** Why nothing can be changed here. */
export function ReadOnlyNote() {
  const text = useText();
  return (
    <p className="flex items-center gap-2 rounded-xl bg-sunken px-4 py-2.5 text-sm text-soft">
      <Lock size={15} aria-hidden />
      {text("settings_readonly")}
    </p>
  );
}
