/** ⌘K: every screen, view and deed by its name, and conversations by the customer's. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import { Languages, ListTree, Moon, Search } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import { useDeferredValue, useState, type ReactNode } from "react";
import type { SearchResult } from "../../../src/contract/search.ts";
import { contactName } from "../conversations/names.ts";
import { viewNames } from "../data/views.ts";
import { directionOf } from "../ui/field.tsx";
import { locales, useAppearance } from "./appearance.tsx";
import { destinations } from "./navigation.ts";
import { can } from "./session.ts";
import { useText } from "./text.tsx";
import { useWorkspace } from "./workspace-context.tsx";

const languageNames = { he: "עברית", en: "English", ar: "العربية" } as const;

export function CommandMenu({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const text = useText();
  const { session, api } = useWorkspace();
  const { setLocale, setTheme, theme } = useAppearance();
  const navigate = useNavigate();
  const [query, setQuery] = useState("");
  const q = useDeferredValue(query.trim());
  const { data } = useQuery({
    queryKey: ["search", "contacts", q],
    queryFn: ({ signal }) => api.call<SearchResult>("search", { query: { q, in: "contacts", limit: 6 }, signal }),
    enabled: isOpen && q.length >= 2,
    placeholderData: (before) => before,
  });
  const run = (act: () => void): void => {
    onClose();
    setQuery("");
    act();
  };
  const item = (key: string, icon: ReactNode, label: string, act: () => void) => (
    <Command.Item
      key={key}
      value={`${label} ${key}`}
      onSelect={() => run(act)}
      className="flex min-h-10 cursor-default items-center gap-3 rounded-lg px-3 text-sm data-[selected=true]:bg-hover"
    >
      <span className="text-faint">{icon}</span>
      <bdi>{label}</bdi>
    </Command.Item>
  );
  const group =
    "**:[[cmdk-group-heading]]:px-3 **:[[cmdk-group-heading]]:pt-2 **:[[cmdk-group-heading]]:pb-1 **:[[cmdk-group-heading]]:text-xs **:[[cmdk-group-heading]]:text-faint";
  return (
    <Radix.Root open={isOpen} onOpenChange={(next) => (next ? undefined : onClose())}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/35" />
        <Radix.Content
          aria-describedby={undefined}
          className="fixed inset-x-3 top-[12vh] z-50 mx-auto max-w-xl rounded-2xl border border-line bg-panel text-ink shadow-pop"
        >
          <Radix.Title className="sr-only">{text("commands")}</Radix.Title>
          <Command label={text("commands")} loop>
            <div className="flex items-center gap-3 border-b border-line px-4">
              <Search size={18} aria-hidden className="text-faint" />
              <Command.Input
                value={query}
                onValueChange={setQuery}
                dir={directionOf(query)}
                placeholder={text("commands_hint")}
                className="h-13 grow bg-transparent outline-none placeholder:text-start placeholder:text-faint"
              />
            </div>
            <Command.List className="max-h-[50vh] overflow-y-auto p-1.5">
              <Command.Empty className="px-3 py-6 text-center text-sm text-soft">{text("search_nothing")}</Command.Empty>
              {data === undefined || q.length < 2 ? null : (
                <Command.Group heading={text("search_people")} className={group} forceMount>
                  {data.contacts.map(({ contact, conversationId }) =>
                    conversationId === null
                      ? null
                      : item(
                          `${contact.id} ${q}`,
                          <Search size={16} aria-hidden />,
                          contactName(contact) ?? text("unknown_contact"),
                          () => {
                            void navigate({ to: "/inbox/$view/$conversationId", params: { view: "all", conversationId } });
                          },
                        ),
                  )}
                </Command.Group>
              )}
              <Command.Group heading={text("views")} className={group}>
                {viewNames.map((view) =>
                  item(
                    `view ${view}`,
                    <ListTree size={16} aria-hidden />,
                    text(`view_${view}`),
                    () => void navigate({ to: "/inbox/$view", params: { view } }),
                  ),
                )}
              </Command.Group>
              <Command.Group heading={text("nav")} className={group}>
                {destinations
                  .filter(({ needs }) => can(session, needs))
                  .map(({ to, text: key, icon: Icon }) =>
                    item(`go ${to}`, <Icon size={16} aria-hidden />, text(key), () => void navigate({ to })),
                  )}
              </Command.Group>
              <Command.Group heading={text("appearance")} className={group}>
                {item("theme", <Moon size={16} aria-hidden />, text(theme === "dark" ? "theme_light" : "theme_dark"), () =>
                  setTheme(theme === "dark" ? "light" : "dark"),
                )}
                {locales.map((locale) =>
                  item(`language ${locale}`, <Languages size={16} aria-hidden />, languageNames[locale], () => setLocale(locale)),
                )}
              </Command.Group>
            </Command.List>
          </Command>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
