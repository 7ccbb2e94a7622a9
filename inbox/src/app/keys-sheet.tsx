/** `?`: every key, in one sheet. */
import type { ReactNode } from "react";
import { Key } from "../ui/bits.tsx";
import { Dialog } from "../ui/dialog.tsx";
import type { TextKey } from "../texts/keys.ts";
import { useText } from "./text.tsx";

const groups: readonly { title: TextKey; keys: readonly (readonly [keys: readonly string[], what: TextKey])[] }[] = [
  {
    title: "keys_list",
    keys: [
      [["⌘K", "Ctrl K"], "commands"],
      [["/"], "key_search"],
      [["J"], "key_next"],
      [["K"], "key_before"],
      [["R"], "key_reply"],
      [["E"], "key_done"],
      [["A"], "key_assign"],
      [["I"], "key_contact"],
      [["Esc"], "key_close"],
      [["?"], "key_help"],
    ],
  },
  {
    title: "keys_writing",
    keys: [
      [["Enter"], "key_send"],
      [["Shift Enter"], "key_line"],
      [["/"], "key_canned"],
      [["@"], "key_mention"],
    ],
  },
];

export function KeysSheet({ onClose }: { onClose: () => void }) {
  const text = useText();
  return (
    <Dialog title={text("keys")} isOpen onClose={onClose}>
      <div className="flex flex-col gap-4">
        {groups.map(({ title, keys }) => (
          <section key={title} className="flex flex-col gap-1">
            <h3 className="text-xs font-semibold text-soft">{text(title)}</h3>
            <dl>
              {keys.map(([names, what]) => (
                <Line key={what} names={names}>
                  {text(what)}
                </Line>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}

function Line({ names, children }: { names: readonly string[]; children: ReactNode }) {
  return (
    <div className="flex items-center justify-between gap-3 border-b border-line py-1.5 text-sm last:border-0">
      <dt>{children}</dt>
      <dd className="flex gap-1.5">
        {names.map((name) => (
          <Key key={name}>{name}</Key>
        ))}
      </dd>
    </div>
  );
}
