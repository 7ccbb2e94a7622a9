import { Search, X } from "lucide-react";
import { useRef } from "react";
import { useShortcuts } from "../app/keyboard.ts";
import { useText } from "../app/text.tsx";
import { IconButton } from "../ui/button.tsx";
import { directionOf } from "../ui/field.tsx";

export function SearchBox({ query, onChange }: { query: string; onChange: (query: string) => void }) {
  const text = useText();
  const input = useRef<HTMLInputElement>(null);
  useShortcuts({ "/": () => input.current?.focus() });
  return (
    <div
      role="search"
      className="mx-3 mt-3 mb-1 flex h-10 items-center gap-2.5 rounded-xl border border-transparent bg-sunken ps-3 pe-1 focus-within:border-accent focus-within:bg-raised"
    >
      <Search size={17} aria-hidden className="shrink-0 text-faint" />
      <input
        ref={input}
        type="text"
        inputMode="search"
        enterKeyHint="search"
        dir={directionOf(query)}
        value={query}
        aria-label={text("search")}
        placeholder={text("search_hint")}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          onChange("");
          event.currentTarget.blur();
        }}
        className="h-full min-w-0 grow bg-transparent text-[0.95rem] outline-none placeholder:text-faint"
      />
      {query === "" ? null : (
        <IconButton label={text("search_clear")} onClick={() => onChange("")} className="size-8">
          <X size={16} aria-hidden />
        </IconButton>
      )}
    </div>
  );
}
