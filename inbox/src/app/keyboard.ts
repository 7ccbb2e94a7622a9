/** Keys that work anywhere on the screen. Single letters wait while somebody types. */
import { useEffect, useRef } from "react";

export type Shortcuts = Readonly<Record<string, (event: KeyboardEvent) => void>>;

/** By key, as `j`, `mod+k` (Control, or Command on a Mac), `shift+?`. The letter is the key's place on a Latin keyboard, so that Hebrew and Arabic ones work. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const current = useRef(shortcuts);
  useEffect(() => {
    current.current = shortcuts;
  });
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.isComposing || event.altKey) return;
      const mod = event.ctrlKey || event.metaKey;
      if (!mod && isTyping(event.target)) return;
      const run = current.current[`${mod ? "mod+" : ""}${letterOf(event)}`];
      if (run === undefined) return;
      event.preventDefault();
      run(event);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}

function letterOf(event: KeyboardEvent): string {
  return /^Key([A-Z])$/.exec(event.code)?.[1]?.toLowerCase() ?? event.key;
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return (
    target.isContentEditable || /^(?:input|textarea|select)$/i.test(target.tagName) || target.closest("[role=dialog],[role=menu]") !== null
  );
}
