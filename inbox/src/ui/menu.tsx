import { DropdownMenu as Radix } from "radix-ui";
import { Check } from "lucide-react";
import type { ReactNode } from "react";
import { useAppearance } from "../app/appearance.tsx";
import { cx } from "./cx.ts";

export const menuLook =
  "z-50 max-h-(--radix-dropdown-menu-content-available-height) min-w-52 overflow-y-auto rounded-xl border border-line bg-raised p-1 text-sm text-ink shadow-pop";

/** A button's menu. `trigger` is the button. */
export function Menu({
  trigger,
  children,
  align = "end",
  isOpenAtFirst = false,
}: {
  trigger: ReactNode;
  children: ReactNode;
  align?: "start" | "center" | "end";
  isOpenAtFirst?: boolean;
}) {
  const { direction } = useAppearance();
  return (
    <Radix.Root dir={direction} modal={false} defaultOpen={isOpenAtFirst}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content align={align} sideOffset={6} collisionPadding={8} className={menuLook}>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

export function MenuItem({
  icon,
  isChosen,
  isDanger = false,
  onSelect,
  children,
  isDisabled = false,
}: {
  icon?: ReactNode;
  /** Given: the item is one of a choice. */
  isChosen?: boolean;
  isDanger?: boolean;
  isDisabled?: boolean;
  onSelect: () => void;
  children: ReactNode;
}) {
  return (
    <Radix.Item
      onSelect={onSelect}
      disabled={isDisabled}
      {...(isChosen === undefined ? {} : { "aria-current": isChosen })}
      className={cx(
        "flex min-h-9 cursor-default items-center gap-2.5 rounded-lg px-2.5 outline-none data-disabled:opacity-45 data-highlighted:bg-hover",
        isDanger && "text-danger",
      )}
    >
      {icon === undefined ? null : <span className="text-faint">{icon}</span>}
      <span className="grow">{children}</span>
      {isChosen === true ? <Check size={16} className="text-accent" aria-hidden /> : null}
    </Radix.Item>
  );
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return <Radix.Label className="px-2.5 pt-2 pb-1 text-xs font-medium text-faint">{children}</Radix.Label>;
}

export function MenuLine() {
  return <Radix.Separator className="my-1 h-px bg-line" />;
}
