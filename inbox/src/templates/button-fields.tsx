import { Plus, Trash2 } from "lucide-react";
import { useText } from "../app/text.tsx";
import { Button, IconButton } from "../ui/button.tsx";
import { Field, Input } from "../ui/field.tsx";
import { Menu, MenuItem } from "../ui/menu.tsx";
import type { DraftTrouble } from "./draft-trouble.ts";
import { buttonKinds, newButton, type DraftButton } from "./draft.ts";

/** Meta's, as `src/limits.ts` has it. */
const buttonsMax = 10;

export function ButtonFields({
  buttons,
  onChange,
  trouble,
}: {
  buttons: readonly DraftButton[];
  onChange: (buttons: readonly DraftButton[]) => void;
  trouble: DraftTrouble;
}) {
  const text = useText();
  const add = (kind: DraftButton["kind"]): void => {
    const id = Math.max(-1, ...buttons.map((one) => one.id)) + 1;
    onChange([...buttons, newButton(id, kind)]);
  };
  const faults = trouble.at("buttons");
  return (
    <fieldset className="flex min-w-0 flex-col gap-3">
      <legend className="mb-2 text-sm font-medium text-soft">{text("draft_buttons")}</legend>
      {buttons.map((button, index) => (
        <OneButton
          key={button.id}
          button={button}
          field={`buttons.${index}`}
          trouble={trouble}
          onChange={(change) => onChange(buttons.map((one) => (one === button ? { ...one, ...change } : one)))}
          onRemove={() => onChange(buttons.filter((one) => one !== button))}
        />
      ))}
      {faults === undefined ? null : <p className="text-xs text-danger">{faults}</p>}
      {buttons.length >= buttonsMax ? null : (
        <Menu
          trigger={
            <Button look="quiet" className="self-start">
              <Plus size={15} aria-hidden />
              {text("draft_add_button")}
            </Button>
          }
        >
          {buttonKinds.map((kind) => (
            <MenuItem key={kind} onSelect={() => add(kind)}>
              {text(`draft_button_${kind}`)}
            </MenuItem>
          ))}
        </Menu>
      )}
    </fieldset>
  );
}

function OneButton({
  button,
  field,
  trouble,
  onChange,
  onRemove,
}: {
  button: DraftButton;
  field: string;
  trouble: DraftTrouble;
  onChange: (change: Partial<DraftButton>) => void;
  onRemove: () => void;
}) {
  const text = useText();
  const { kind, url } = button;
  const input = (name: "text" | "url" | "phone" | "example", label: string, isLtr = false) => (
    <Field
      label={label}
      error={trouble.at(`${field}.${name}`)}
      render={(control) => (
        <Input
          {...control}
          {...(isLtr ? { dir: "ltr" } : {})}
          value={button[name]}
          onChange={(event) => onChange({ [name]: event.target.value })}
        />
      )}
    />
  );
  const fault = trouble.at(field);
  return (
    <div className="flex flex-col gap-3 rounded-xl border border-line p-3">
      <div className="flex items-center gap-2">
        <span className="grow text-sm font-medium">{text(`draft_button_${kind}`)}</span>
        <IconButton label={text("draft_remove_button")} onClick={onRemove}>
          <Trash2 size={16} aria-hidden />
        </IconButton>
      </div>
      {kind === "copy_code" ? null : input("text", text("draft_button_text"))}
      {kind === "url" ? input("url", text("draft_button_address"), true) : null}
      {kind === "url" && url.includes("{{") ? input("example", text("draft_button_example"), true) : null}
      {kind === "phone_number" ? input("phone", text("draft_button_phone"), true) : null}
      {kind === "copy_code" ? input("example", text("draft_button_code"), true) : null}
      {fault === undefined ? null : <p className="text-xs text-danger">{fault}</p>}
    </div>
  );
}
