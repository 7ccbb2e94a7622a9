import { Copy } from "lucide-react";
import { useRef } from "react";
import { useText } from "../app/text.tsx";
import { Button } from "./button.tsx";
import { Field, Input } from "./field.tsx";
import { showToast } from "./toast.tsx";

/** A value to take along: a key, a link, an id. Where the browser gives no clipboard it is marked, to be copied by hand. */
export function CopyField({ label, value, hint }: { label: string; value: string; hint?: string }) {
  const text = useText();
  const input = useRef<HTMLInputElement>(null);
  const copy = (): void => {
    input.current?.select();
    navigator.clipboard
      .writeText(value)
      .then(() => showToast("done", text("copied")))
      .catch(() => showToast("error", text("copy_by_hand")));
  };
  return (
    <Field
      label={label}
      hint={hint}
      render={(control) => (
        <div className="flex gap-2">
          <Input
            {...control}
            ref={input}
            readOnly
            dir="ltr"
            value={value}
            onFocus={(event) => event.target.select()}
            className="min-w-0 font-mono text-sm"
          />
          <Button onClick={copy} className="shrink-0">
            <Copy size={16} aria-hidden />
            {text("copy")}
          </Button>
        </div>
      )}
    />
  );
}
