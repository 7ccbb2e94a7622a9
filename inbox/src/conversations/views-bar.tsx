/** The views with how many each holds, and the filters. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { ListFilter as FilterIcon } from "lucide-react";
import type { ViewCounts } from "../../../src/contract/inbox.ts";
import type { ConversationsSearch } from "./search-params.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { closingWithinHours, viewNames, type ViewName } from "../data/views.ts";
import { useLabels } from "../team/labels.ts";
import { LabelDot } from "../team/label-chip.tsx";
import { usePeople } from "../team/people.ts";
import { useConnections } from "../team/connections.ts";
import { Bdi, Phone } from "../ui/bits.tsx";
import { IconButton } from "../ui/button.tsx";
import { cx } from "../ui/cx.ts";
import { Menu, MenuItem, MenuLabel, MenuLine } from "../ui/menu.tsx";

export function ViewsBar({ view, search }: { view: ViewName; search: ConversationsSearch }) {
  const text = useText();
  const { api, personId } = useWorkspace();
  const { data: counts } = useQuery({
    queryKey: ["counts"],
    queryFn: () => api.call<ViewCounts>("conversations/counts", { query: { closingWithinHours } }),
  });
  const shown = viewNames.filter((name) => (name === "mine" ? personId !== null : true));
  return (
    <div className="flex items-center gap-1 ps-3 pe-2">
      <div
        role="group"
        aria-label={text("views")}
        className="flex min-w-0 grow [scrollbar-width:none] gap-1 overflow-x-auto py-1.5 pe-4 ltr:mask-r-from-[calc(100%-1.25rem)] rtl:mask-l-from-[calc(100%-1.25rem)]"
      >
        {shown.map((name) => {
          const count = name === "done" ? undefined : counts?.[name];
          return (
            <Link
              key={name}
              to="/inbox/$view"
              params={{ view: name }}
              search={withoutMessage(search)}
              aria-current={name === view ? "true" : undefined}
              className={cx(
                "flex min-h-8 shrink-0 items-center gap-1.5 rounded-full px-3 text-sm outline-offset-[-2px] transition-colors",
                name === view ? "bg-accent-soft font-medium text-accent" : "text-soft hover:bg-hover",
              )}
            >
              {text(`view_${name}`)}
              {count === undefined || count === 0 ? null : (
                <span className={cx("text-xs tabular-nums", name === "closing_soon" && "font-semibold text-amber")}>
                  {counts !== undefined && count >= counts.countMax ? `${counts.countMax - 1}+` : count}
                </span>
              )}
            </Link>
          );
        })}
      </div>
      <FilterMenu view={view} search={search} />
    </div>
  );
}

function withoutMessage({ message: _message, ...search }: ConversationsSearch): ConversationsSearch {
  return search;
}

function FilterMenu({ view, search }: { view: ViewName; search: ConversationsSearch }) {
  const text = useText();
  const navigate = useNavigate();
  const labels = useLabels();
  const people = usePeople();
  const connections = useConnections();
  const { message: _message, ...filters } = search;
  const isOn = Object.keys(filters).length > 0;
  const show = (next: ConversationsSearch): void => void navigate({ to: "/inbox/$view", params: { view }, search: next });
  const toggle = (name: "connectionId" | "labelId" | "assigneeId", id: string): void => {
    const { [name]: before, ...others } = filters;
    show(before === id ? others : { ...others, [name]: id });
  };
  return (
    <Menu
      trigger={
        <IconButton label={text("filters")} isOn={isOn}>
          <FilterIcon size={18} aria-hidden />
        </IconButton>
      }
    >
      <MenuItem
        isChosen={filters.unread === true}
        onSelect={() => show(filters.unread === true ? withoutUnread(filters) : { ...filters, unread: true })}
      >
        {text("filter_unread")}
      </MenuItem>
      {labels.length === 0 ? null : <MenuLabel>{text("labels")}</MenuLabel>}
      {labels.map((label) => (
        <MenuItem
          key={label.id}
          icon={<LabelDot label={label} />}
          isChosen={filters.labelId === label.id}
          onSelect={() => toggle("labelId", label.id)}
        >
          <Bdi>{label.name}</Bdi>
        </MenuItem>
      ))}
      {people.length < 2 ? null : <MenuLabel>{text("assignee")}</MenuLabel>}
      {people.length < 2
        ? null
        : people.map(({ id, name }) => (
            <MenuItem key={id} isChosen={filters.assigneeId === id} onSelect={() => toggle("assigneeId", id)}>
              <Bdi>{name}</Bdi>
            </MenuItem>
          ))}
      {connections.length < 2 ? null : <MenuLabel>{text("number")}</MenuLabel>}
      {connections.length < 2
        ? null
        : connections.map(({ id, displayPhoneNumber, verifiedName, phoneNumberId }) => (
            <MenuItem key={id} isChosen={filters.connectionId === id} onSelect={() => toggle("connectionId", id)}>
              {verifiedName === null ? null : <Bdi className="me-2">{verifiedName}</Bdi>}
              <Phone digits={displayPhoneNumber ?? phoneNumberId} />
            </MenuItem>
          ))}
      {isOn ? (
        <>
          <MenuLine />
          <MenuItem onSelect={() => show({})}>{text("filters_clear")}</MenuItem>
        </>
      ) : null}
    </Menu>
  );
}

function withoutUnread({ unread: _unread, ...search }: ConversationsSearch): ConversationsSearch {
  return search;
}
