/** What Meta sent, to be read by a person: plain text only, left to right, every value in isolation. */
import { Copy } from "lucide-react";
import { useMemo } from "react";
import { useText } from "../app/text.tsx";
import { Button } from "../ui/button.tsx";
import { showToast } from "../ui/toast.tsx";
import { jsonLines, textLines, type JsonLine } from "./json-lines.ts";

/** More lines than a person reads, and than a page should hold. */
const linesMax = 1_500;

export function JsonView({ label, value, copied }: { label: string; value: unknown; /** What is copied, if not this. */ copied?: string }) {
  const lines = useMemo(() => jsonLines(value), [value]);
  return (
    <Box label={label} lineCount={lines.length} copied={copied ?? JSON.stringify(value, null, 2)}>
      {lines.slice(0, linesMax).map((line, index) => (
        <Line key={index} line={line} />
      ))}
    </Box>
  );
}

export function PlainView({ label, text: whole }: { label: string; text: string }) {
  const lines = useMemo(() => textLines(whole), [whole]);
  return (
    <Box label={label} lineCount={lines.length} copied={whole}>
      {lines.slice(0, linesMax).map((line, index) => (
        <span key={index} className="block wrap-anywhere">
          <bdi dir="ltr">{line}</bdi>
        </span>
      ))}
    </Box>
  );
}

function Box({ label, lineCount, copied, children }: { label: string; lineCount: number; copied: string; children: React.ReactNode }) {
  const text = useText();
  const copy = (): void => {
    navigator.clipboard.writeText(copied).then(
      () => showToast("done", text("ops_copied")),
      () => showToast("error", text("ops_copy_failed")),
    );
  };
  return (
    <div className="flex flex-col gap-2">
      <div className="flex items-center gap-2">
        <span className="grow text-xs font-medium text-soft">{label}</span>
        <Button look="quiet" onClick={copy}>
          <Copy size={15} aria-hidden />
          {text("ops_copy")}
        </Button>
      </div>
      <pre
        dir="ltr"
        // It scrolls, so the keyboard must reach it.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        role="region"
        aria-label={label}
        className="max-h-96 overflow-auto rounded-lg border border-line bg-sunken p-3 font-mono text-xs leading-5 whitespace-pre-wrap text-ink"
      >
        {children}
      </pre>
      {lineCount > linesMax ? <p className="text-xs text-soft">{text("ops_json_lines_left", { count: lineCount - linesMax })}</p> : null}
    </div>
  );
}

const looks: Record<JsonLine["kind"], string> = { text: "text-accent", word: "text-amber", bracket: "text-soft" };

function Line({ line: { indent, key, value, kind, hasComma } }: { line: JsonLine }) {
  return (
    <span className="block wrap-anywhere">
      {" ".repeat(indent)}
      {key === null ? null : (
        <>
          <bdi dir="ltr" className="text-read">
            {key}
          </bdi>
          {": "}
        </>
      )}
      <bdi dir="ltr" className={looks[kind]}>
        {value}
      </bdi>
      {hasComma ? "," : ""}
    </span>
  );
}
