import type { ReactNode } from "react";
import type { Conversation } from "../../../src/contract/conversations.ts";
import { useText } from "../app/text.tsx";
import { Bdi } from "../ui/bits.tsx";
import { Menu, MenuItem } from "../ui/menu.tsx";
import { useConversationDeeds } from "./deeds.ts";
import { LabelDot } from "./label-chip.tsx";
import { useLabels } from "./labels.ts";

export function LabelMenu({ conversation, trigger }: { conversation: Conversation; trigger: ReactNode }) {
  const text = useText();
  const labels = useLabels();
  const deeds = useConversationDeeds(conversation);
  return (
    <Menu trigger={trigger}>
      {labels.length === 0 ? <p className="px-2.5 py-2 text-soft">{text("labels_none")}</p> : null}
      {labels.map((label) => (
        <MenuItem
          key={label.id}
          icon={<LabelDot label={label} />}
          isChosen={conversation.labelIds.includes(label.id)}
          onSelect={() => deeds.label(label.id)}
        >
          <Bdi>{label.name}</Bdi>
        </MenuItem>
      ))}
    </Menu>
  );
}
