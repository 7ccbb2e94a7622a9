import { Pencil, Reply, SendHorizontal, X } from "lucide-react";
import { useEffect, useState } from "react";
import { useText } from "../app/text.tsx";
import { Bdi } from "../ui/bits.tsx";
import { IconButton } from "../ui/button.tsx";
import { Input, Select } from "../ui/field.tsx";
import type { Bubble } from "./chat.ts";
import { kindKey, menuKinds } from "./kinds.ts";

/** What the words are about. */
export type Aim = { kind: "reply" | "edit"; bubble: Bubble };
/** Kinds that answer something that the business sent. */
const answers: ReadonlySet<string> = new Set(["button", "button_reply", "list_reply", "flow_reply"]);

export function PhoneComposer({
  types,
  aim,
  onAimless,
  target,
  onWrite,
}: {
  types: readonly string[];
  aim: Aim | null;
  onAimless: () => void;
  /** What an answer by a tap answers, if nothing is chosen. */
  target: Bubble | null;
  onWrite: (body: object, done: () => void) => void;
}) {
  const text = useText();
  const [kind, setKind] = useState("text");
  const [words, setWords] = useState("");
  useEffect(() => {
    if (aim?.kind === "edit") setWords(aim.bubble.words);
  }, [aim]);
  const isEdit = aim?.kind === "edit";
  const type = isEdit ? "edit" : kind;
  const about = aim?.bubble ?? (answers.has(type) ? target : null);
  const isEmpty = (type === "text" || type === "edit") && words.trim() === "";
  const send = (): void => {
    if (isEmpty) return;
    onWrite(
      {
        type,
        ...(words === "" ? {} : { text: words }),
        ...(about === null ? {} : { targetWaMessageId: about.waMessageId }),
      },
      () => {
        setWords("");
        onAimless();
      },
    );
  };
  return (
    <form
      className="flex flex-col gap-2 border-t border-line p-3"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {aim === null ? null : (
        <div className="flex items-center gap-2 text-xs text-soft">
          {isEdit ? <Pencil size={14} aria-hidden /> : <Reply size={14} aria-hidden className="directional" />}
          <span className="flex min-w-0 grow gap-1.5">
            <span className="shrink-0">{text(isEdit ? "sb_phone_editing" : "sb_phone_replying")}</span>
            <Bdi className="truncate">{aim.bubble.words}</Bdi>
          </span>
          <IconButton label={text("close")} className="size-6" onClick={onAimless}>
            <X size={14} aria-hidden />
          </IconButton>
        </div>
      )}
      <div className="flex items-center gap-2">
        <Input
          aria-label={text("sb_phone_write")}
          placeholder={text("sb_phone_write")}
          value={words}
          maxLength={4_096}
          onChange={(event) => setWords(event.target.value)}
        />
        <button
          type="submit"
          aria-label={text("sb_phone_send")}
          title={text("sb_phone_send")}
          disabled={isEmpty}
          className="grid size-10 shrink-0 place-items-center rounded-full bg-accent text-accent-ink disabled:opacity-40"
        >
          <SendHorizontal size={18} aria-hidden className="directional" />
        </button>
      </div>
      {isEdit ? null : (
        <Select aria-label={text("sb_phone_kind")} className="h-8 text-sm" value={kind} onChange={(event) => setKind(event.target.value)}>
          {types
            .filter((one) => !menuKinds.has(one))
            .map((one) => (
              <option key={one} value={one}>
                {text(kindKey(one))}
              </option>
            ))}
        </Select>
      )}
    </form>
  );
}
