import { DropdownMenu as Radix } from "radix-ui";
import { UserRoundX } from "lucide-react";
import type { ReactNode } from "react";
import type { Conversation } from "../../../src/contract/conversations.ts";
import { useAppearance } from "../app/appearance.tsx";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Avatar, Bdi } from "../ui/bits.tsx";
import { MenuItem, menuLook } from "../ui/menu.tsx";
import { useConversationDeeds } from "./deeds.ts";
import { usePeople } from "./people.ts";

/** Opened by its button, and by the key A. */
export function AssignMenu({
  conversation,
  trigger,
  isOpen,
  onOpenChange,
}: {
  conversation: Conversation;
  trigger: ReactNode;
  isOpen: boolean;
  onOpenChange: (isOpen: boolean) => void;
}) {
  const text = useText();
  const { personId } = useWorkspace();
  const { direction } = useAppearance();
  const deeds = useConversationDeeds(conversation);
  const people = usePeople().toSorted((a, b) => Number(b.id === personId) - Number(a.id === personId));
  return (
    <Radix.Root dir={direction} modal={false} open={isOpen} onOpenChange={onOpenChange}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content align="end" sideOffset={6} collisionPadding={8} aria-label={text("assign")} className={menuLook}>
          {people.map(({ id, name }) => (
            <MenuItem
              key={id}
              icon={<Avatar name={name} seed={id} size={22} />}
              isChosen={conversation.assigneeId === id}
              onSelect={() => deeds.assign(id)}
            >
              <Bdi>{name}</Bdi>
              {id === personId ? <span className="ms-1.5 text-faint">({text("you")})</span> : null}
            </MenuItem>
          ))}
          <MenuItem
            icon={<UserRoundX size={18} aria-hidden />}
            isChosen={conversation.assigneeId === null}
            onSelect={() => deeds.assign(null)}
          >
            {text("nobody")}
          </MenuItem>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
