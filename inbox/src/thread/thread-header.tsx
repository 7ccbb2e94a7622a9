import { ArrowLeft, Check, MailOpen, MoonStar, MoreHorizontal, RotateCcw, ShieldCheck, Tag, UserRound } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import type { Conversation } from "../../../src/contract/conversations.ts";
import { can } from "../app/session.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { nameOf } from "../conversations/names.ts";
import { useConversationDeeds } from "../team/deeds.ts";
import { AssignMenu } from "../team/assign-menu.tsx";
import { useConnections } from "../team/connections.ts";
import { LabelMenu } from "../team/label-menu.tsx";
import { useLabels } from "../team/labels.ts";
import { LabelChip } from "../team/label-chip.tsx";
import { PersonAvatar } from "../team/person-avatar.tsx";
import { Avatar, Bdi, Phone } from "../ui/bits.tsx";
import { Button, IconButton } from "../ui/button.tsx";
import { Menu, MenuItem, MenuLabel, MenuLine } from "../ui/menu.tsx";
import { WindowBadge } from "./window-badge.tsx";

const ContactPrivacyDialog = lazy(async () => ({
  default: (await import("../settings/contact-privacy-dialog.tsx")).ContactPrivacyDialog,
}));

export function ThreadHeader({
  conversation,
  canSend,
  isAssigning,
  onAssigning,
  onBack,
  onDone,
  isContactOpen,
  onContact,
}: {
  conversation: Conversation;
  canSend: boolean;
  isAssigning: boolean;
  onAssigning: (isOpen: boolean) => void;
  onBack: () => void;
  onDone: () => void;
  isContactOpen: boolean;
  onContact: () => void;
}) {
  const text = useText();
  const deeds = useConversationDeeds(conversation);
  const labels = useLabels().filter(({ id }) => conversation.labelIds.includes(id));
  const connections = useConnections();
  const number = connections.find(({ id }) => id === conversation.connectionId);
  const name = nameOf(conversation, text(conversation.group === null ? "unknown_contact" : "group"));
  const { contact } = conversation;
  const { session } = useWorkspace();
  // By whom it is about: the head stays when another conversation is opened.
  const [privacyOf, setPrivacyOf] = useState<string | null>(null);
  return (
    <header className="flex min-h-16 shrink-0 items-center gap-2.5 border-b border-line bg-panel px-2 py-1.5 sm:px-4">
      <IconButton label={text("back")} onClick={onBack} className="sm:hidden">
        <ArrowLeft size={20} aria-hidden className="directional" />
      </IconButton>
      <Avatar name={name} seed={conversation.id} size={38} />
      <div className="flex min-w-0 grow flex-col">
        <h1 className="min-w-0 text-base leading-tight font-semibold">
          <button
            type="button"
            onClick={onContact}
            aria-expanded={isContactOpen}
            aria-keyshortcuts="I"
            title={text("contact")}
            className="block max-w-full rounded-sm text-start hover:underline"
          >
            <span dir="auto" className="aligned block truncate">
              {name}
            </span>
          </button>
        </h1>
        <p className="flex min-w-0 items-center gap-2 text-xs text-soft">
          {contact?.waId !== null && contact?.waId !== undefined ? <Phone digits={contact.waId} className="shrink-0" /> : null}
          {contact?.username !== null && contact?.username !== undefined ? <Bdi>{`@${contact.username}`}</Bdi> : null}
          {connections.length > 1 && number !== undefined ? (
            <span className="truncate max-lg:hidden">
              {text("via")} <Bdi>{number.verifiedName ?? number.displayPhoneNumber ?? number.phoneNumberId}</Bdi>
            </span>
          ) : null}
          <span className="flex min-w-0 gap-1 overflow-hidden max-md:hidden">
            {labels.map((label) => (
              <LabelChip key={label.id} label={label} />
            ))}
          </span>
        </p>
      </div>
      <WindowBadge window={conversation.window} />
      {canSend ? (
        <>
          <AssignMenu
            conversation={conversation}
            isOpen={isAssigning}
            onOpenChange={onAssigning}
            trigger={
              <IconButton label={text("assign")} aria-keyshortcuts="A" className="max-sm:hidden">
                {conversation.assigneeId === null ? (
                  <UserRound size={19} aria-hidden />
                ) : (
                  <PersonAvatar id={conversation.assigneeId} size={24} />
                )}
              </IconButton>
            }
          />
          <LabelMenu
            conversation={conversation}
            trigger={
              <IconButton label={text("labels")} className="max-sm:hidden">
                <Tag size={18} aria-hidden />
              </IconButton>
            }
          />
          <Menu
            trigger={
              <IconButton label={text("more")}>
                <MoreHorizontal size={19} aria-hidden />
              </IconButton>
            }
          >
            <MenuItem icon={<MailOpen size={16} aria-hidden />} onSelect={deeds.markUnread}>
              {text("mark_unread")}
            </MenuItem>
            <MenuLabel>{text("snooze")}</MenuLabel>
            {deeds.snoozes.map(({ key, untilMs }) => (
              <MenuItem key={key} icon={<MoonStar size={16} aria-hidden />} onSelect={() => deeds.snooze(untilMs)}>
                {text(key)}
              </MenuItem>
            ))}
            {contact !== null && can(session, "admin") ? (
              <>
                <MenuLine />
                <MenuItem icon={<ShieldCheck size={16} aria-hidden />} onSelect={() => setPrivacyOf(contact.id)}>
                  {text("privacy_menu")}
                </MenuItem>
              </>
            ) : null}
          </Menu>
          {contact !== null && privacyOf === contact.id ? (
            <Suspense fallback={null}>
              <ContactPrivacyDialog contact={{ id: contact.id, name }} onClose={() => setPrivacyOf(null)} />
            </Suspense>
          ) : null}
          {conversation.state === "open" ? (
            <Button look="plain" aria-keyshortcuts="E" onClick={onDone} className="max-sm:size-9 max-sm:px-0">
              <Check size={17} aria-hidden />
              <span className="max-sm:sr-only">{text("done")}</span>
            </Button>
          ) : (
            <Button look="plain" onClick={deeds.reopen} className="max-sm:size-9 max-sm:px-0">
              <RotateCcw size={16} aria-hidden className="directional" />
              <span className="max-sm:sr-only">{text("reopen")}</span>
            </Button>
          )}
        </>
      ) : null}
    </header>
  );
}
