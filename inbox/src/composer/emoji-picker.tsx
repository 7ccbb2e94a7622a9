import { useState } from "react";
import { useText } from "../app/text.tsx";
import { Input } from "../ui/field.tsx";
import { emojiFor } from "./emoji.ts";

export function EmojiPicker({ onPick }: { onPick: (emoji: string) => void }) {
  const text = useText();
  const [query, setQuery] = useState("");
  const shown = emojiFor(query);
  const [first] = shown;
  return (
    <div className="flex flex-col gap-2">
      <Input
        value={query}
        aria-label={text("emoji_search")}
        placeholder={text("emoji_search")}
        onChange={(event) => setQuery(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || first === undefined) return;
          event.preventDefault();
          onPick(first.symbol);
        }}
      />
      {first === undefined ? <p className="py-2 text-center text-sm text-soft">{text("emoji_none")}</p> : null}
      <div role="group" aria-label={text("emoji")} className="grid max-h-60 grid-cols-8 gap-0.5 overflow-y-auto">
        {shown.map(({ symbol, words }) => (
          <button
            key={symbol}
            type="button"
            title={words.split(" ", 1)[0]}
            onClick={() => onPick(symbol)}
            className="grid size-8 place-items-center rounded-md text-xl hover:bg-hover"
          >
            {symbol}
          </button>
        ))}
      </div>
    </div>
  );
}
