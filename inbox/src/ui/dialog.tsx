import { Dialog as Radix } from "radix-ui";
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { useText } from "../app/text.tsx";
import { IconButton } from "./button.tsx";
import { cx } from "./cx.ts";

/** A window over the page; Escape and a click beside it close it. */
export function Dialog({
  title,
  isOpen,
  onClose,
  isWide = false,
  children,
}: {
  title: ReactNode;
  isOpen: boolean;
  onClose: () => void;
  isWide?: boolean;
  children: ReactNode;
}) {
  const text = useText();
  return (
    <Radix.Root open={isOpen} onOpenChange={(next) => (next ? undefined : onClose())}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/35" />
        <Radix.Content
          aria-describedby={undefined}
          className={cx(
            "fixed inset-x-3 bottom-3 z-50 mx-auto flex max-h-[90dvh] flex-col rounded-2xl bg-panel text-ink shadow-pop sm:top-[12vh] sm:bottom-auto sm:max-h-[76vh]",
            isWide ? "sm:max-w-2xl" : "sm:max-w-md",
          )}
        >
          <header className="flex items-center gap-2 ps-5 pe-3 pt-3 pb-1">
            <Radix.Title className="grow text-base font-semibold">{title}</Radix.Title>
            <Radix.Close asChild>
              <IconButton label={text("close")}>
                <X size={18} aria-hidden />
              </IconButton>
            </Radix.Close>
          </header>
          <div className="min-h-0 grow overflow-y-auto px-5 pt-1 pb-5">{children}</div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
