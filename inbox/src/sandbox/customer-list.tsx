import { Plus, X } from "lucide-react";
import { useState } from "react";
import { useText } from "../app/text.tsx";
import { Avatar, Bdi, Phone } from "../ui/bits.tsx";
import { Button, IconButton } from "../ui/button.tsx";
import { cx } from "../ui/cx.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Field, Input } from "../ui/field.tsx";
import type { Customer } from "./customers.ts";

export function CustomerList({
  customers,
  chosen,
  onChoose,
  onAdd,
  onRemove,
}: {
  customers: readonly Customer[];
  chosen: string | null;
  onChoose: (digits: string) => void;
  onAdd: (customer: Customer) => void;
  onRemove: (digits: string) => void;
}) {
  const text = useText();
  const [isAdding, setIsAdding] = useState(false);
  return (
    <nav aria-label={text("sb_customers")} className="flex min-w-0 flex-col gap-2">
      <ul className="flex gap-1 overflow-x-auto p-1 lg:flex-col">
        {customers.map(({ digits, name }) => (
          <li
            key={digits}
            className={cx("group flex shrink-0 items-center rounded-xl", digits === chosen ? "bg-accent-soft" : "hover:bg-hover")}
          >
            <button
              type="button"
              aria-current={digits === chosen}
              onClick={() => onChoose(digits)}
              className="flex min-w-0 grow items-center gap-2.5 px-2.5 py-2 text-start"
            >
              <Avatar name={name} seed={digits} size={34} />
              <span className="flex min-w-0 flex-col">
                <Bdi className="aligned truncate text-sm font-medium">{name}</Bdi>
                <Phone digits={digits} className="aligned text-xs whitespace-nowrap text-soft" />
              </span>
            </button>
            {customers.length > 1 ? (
              <IconButton
                label={text("sb_customer_remove", { name })}
                onClick={() => onRemove(digits)}
                className="size-7 lg:opacity-0 lg:group-hover:opacity-100 lg:focus-visible:opacity-100"
              >
                <X size={14} aria-hidden />
              </IconButton>
            ) : null}
          </li>
        ))}
      </ul>
      <Button look="quiet" className="self-start" onClick={() => setIsAdding(true)}>
        <Plus size={16} aria-hidden />
        {text("sb_customer_add")}
      </Button>
      {isAdding ? <AddCustomer onAdd={onAdd} onClose={() => setIsAdding(false)} /> : null}
    </nav>
  );
}

function AddCustomer({ onAdd, onClose }: { onAdd: (customer: Customer) => void; onClose: () => void }) {
  const text = useText();
  const [name, setName] = useState("");
  const [digits, setDigits] = useState("");
  const isWrong = digits !== "" && !/^\d{5,20}$/.test(digits);
  return (
    <Dialog title={text("sb_customer_add")} isOpen onClose={onClose}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (!/^\d{5,20}$/.test(digits)) return;
          onAdd({ digits, name });
          onClose();
        }}
      >
        <Field
          label={text("sb_customer_name")}
          render={(control) => (
            <Input {...control} required maxLength={100} value={name} onChange={(event) => setName(event.target.value)} />
          )}
        />
        <Field
          label={text("sb_customer_phone")}
          hint={text("sb_customer_phone_wrong")}
          {...(isWrong ? { error: text("sb_customer_phone_wrong") } : {})}
          render={(control) => (
            <Input
              {...control}
              required
              dir="ltr"
              inputMode="numeric"
              value={digits}
              onChange={(event) => setDigits(event.target.value.replaceAll(/\D/g, ""))}
            />
          )}
        />
        <Button look="primary" type="submit">
          {text("sb_customer_add_do")}
        </Button>
      </form>
    </Dialog>
  );
}
