/** What stays around every screen: the bar with the screens, the line's state, whose inbox it is. */
import { Link, Outlet, useMatchRoute, useNavigate } from "@tanstack/react-router";
import { Command, FlaskConical, LogOut, Moon, Sun, SunMoon, WifiOff } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useStored } from "../data/store.ts";
import { Avatar, Bdi } from "../ui/bits.tsx";
import { IconButton } from "../ui/button.tsx";
import { cx } from "../ui/cx.ts";
import { Menu, MenuItem, MenuLabel, MenuLine } from "../ui/menu.tsx";
import { locales, useAppearance, type Theme } from "./appearance.tsx";
import { useShortcuts } from "./keyboard.ts";
import { destinations, type Destination } from "./navigation.ts";
import { can } from "./session.ts";
import { useMentionNotices } from "../team/use-mention-notices.ts";
import { signOut } from "./sign-out.ts";
import { useText } from "./text.tsx";
import { useSwitchTenant, useWorkspace } from "./workspace-context.tsx";

const CommandMenu = lazy(async () => ({ default: (await import("./command-menu.tsx")).CommandMenu }));

const KeysSheet = lazy(async () => ({ default: (await import("./keys-sheet.tsx")).KeysSheet }));

export function Frame() {
  const [hasCommands, setHasCommands] = useState(false);
  const [isCommanding, setIsCommanding] = useState(false);
  const openCommands = (): void => {
    setHasCommands(true);
    setIsCommanding(true);
  };
  useMentionNotices();
  const [isOnKeys, setIsOnKeys] = useState(false);
  useShortcuts({ "mod+k": openCommands, "?": () => setIsOnKeys(true) });
  const matchRoute = useMatchRoute();
  const isInThread = matchRoute({ to: "/inbox/$view/$conversationId" }) !== false;
  return (
    <div className="flex h-full flex-col-reverse bg-canvas sm:flex-row">
      <Bar isHiddenOnPhone={isInThread} onCommands={openCommands} />
      <div className="relative flex min-h-0 min-w-0 grow flex-col">
        <LineState />
        <div className="flex min-h-0 min-w-0 grow">
          <Outlet />
        </div>
      </div>
      <Suspense fallback={null}>{isOnKeys ? <KeysSheet onClose={() => setIsOnKeys(false)} /> : null}</Suspense>
      {hasCommands ? (
        <Suspense fallback={null}>
          <CommandMenu isOpen={isCommanding} onClose={() => setIsCommanding(false)} />
        </Suspense>
      ) : null}
    </div>
  );
}

function Bar({ isHiddenOnPhone, onCommands }: { isHiddenOnPhone: boolean; onCommands: () => void }) {
  const text = useText();
  const { session } = useWorkspace();
  return (
    <nav
      aria-label={text("nav")}
      className={cx(
        "z-20 flex shrink-0 items-center justify-around gap-1 border-t border-line bg-canvas px-1 pb-[env(safe-area-inset-bottom)] sm:w-18 sm:flex-col sm:justify-start sm:border-e sm:border-t-0 sm:py-3",
        isHiddenOnPhone && "max-sm:hidden",
      )}
    >
      <img src="/icon.svg" alt="" width={30} height={30} className="mb-2 hidden sm:block" />
      {destinations.map((one) => (can(session, one.needs) ? <BarLink key={one.to} destination={one} /> : null))}
      {session.isSandbox ? (
        <Link
          to="/sandbox"
          title={text("nav_sandbox")}
          activeProps={{ "aria-current": "page", className: "bg-accent-soft font-medium text-accent" }}
          inactiveProps={{ className: "text-soft hover:bg-hover" }}
          className="flex min-h-13 flex-col items-center justify-center gap-0.5 rounded-xl px-2 sm:w-16"
        >
          <FlaskConical size={20} aria-hidden />
          <span className="text-[0.64rem] leading-tight">{text("nav_sandbox")}</span>
        </Link>
      ) : null}
      <span className="grow max-sm:hidden" />
      <IconButton label={text("commands")} onClick={onCommands} className="max-sm:hidden" aria-keyshortcuts="Control+K Meta+K">
        <Command size={19} aria-hidden />
      </IconButton>
      <AccountMenu />
    </nav>
  );
}

function BarLink({ destination: { to, text: key, icon: Icon } }: { destination: Destination }) {
  const text = useText();
  const matchRoute = useMatchRoute();
  const isHere = to === "/" ? matchRoute({ to: "/inbox/$view", fuzzy: true }) !== false : matchRoute({ to, fuzzy: true }) !== false;
  return (
    <Link
      to={to}
      aria-current={isHere ? "page" : undefined}
      className={cx(
        "flex min-h-13 flex-col items-center justify-center gap-0.5 rounded-xl px-2 sm:px-0.5 text-center transition-colors sm:w-16",
        isHere ? "bg-accent-soft font-medium text-accent" : "text-soft hover:bg-hover",
        !isOnPhoneBar(to) && "max-sm:hidden",
      )}
    >
      <Icon size={20} aria-hidden />
      <span className="max-w-full truncate text-[0.64rem] leading-tight">{text(key)}</span>
    </Link>
  );
}

function isOnPhoneBar(to: Destination["to"]): boolean {
  return to === "/" || to === "/overview" || to === "/settings";
}

const themeIcons = { system: SunMoon, light: Sun, dark: Moon } as const;
const languageNames = { he: "עברית", en: "English", ar: "العربية" } as const;

function AccountMenu() {
  const text = useText();
  const workspace = useWorkspace();
  const { session } = workspace;
  const switchTenant = useSwitchTenant();
  const navigate = useNavigate();
  const { locale, setLocale, theme, setTheme } = useAppearance();
  const name = session.person?.name ?? session.tenant?.name ?? "Kesher";
  const open = (tenantId: string): void => {
    switchTenant(tenantId);
    // The next sign-in begins there, too. What is shown does not depend on it.
    workspace.api.call("session/tenant", { method: "POST", body: { tenantId } }).catch(() => undefined);
  };
  return (
    <Menu
      align="end"
      trigger={
        <button type="button" aria-label={text("account_menu")} title={name} className="m-1 rounded-full">
          <Avatar name={name} seed={session.person?.id ?? name} size={34} />
        </button>
      }
    >
      <MenuLabel>
        <Bdi>{name}</Bdi>
        {session.tenant === null ? null : (
          <>
            {" · "}
            <Bdi>{session.tenant.name}</Bdi>
          </>
        )}
      </MenuLabel>
      {session.tenants.length > 1
        ? session.tenants.map((tenant) => (
            <MenuItem key={tenant.id} isChosen={tenant.id === workspace.tenantId} onSelect={() => open(tenant.id)}>
              <Bdi>{tenant.name}</Bdi>
            </MenuItem>
          ))
        : null}
      {/* A phone's bar has no room for these. */}
      <div className="sm:hidden">
        <MenuLine />
        {destinations
          .filter(({ to, needs }) => !isOnPhoneBar(to) && can(session, needs))
          .map(({ to, text: key, icon: Icon }) => (
            <MenuItem key={to} icon={<Icon size={16} aria-hidden />} onSelect={() => void navigate({ to })}>
              {text(key)}
            </MenuItem>
          ))}
      </div>
      <MenuLine />
      {locales.map((one) => (
        <MenuItem key={one} isChosen={one === locale} onSelect={() => setLocale(one)}>
          <span lang={one}>{languageNames[one]}</span>
        </MenuItem>
      ))}
      <MenuLine />
      {(["system", "light", "dark"] satisfies Theme[]).map((one) => {
        const Icon = themeIcons[one];
        return (
          <MenuItem key={one} icon={<Icon size={16} aria-hidden />} isChosen={one === theme} onSelect={() => setTheme(one)}>
            {text(`theme_${one}`)}
          </MenuItem>
        );
      })}
      <MenuLine />
      <MenuItem icon={<LogOut size={16} aria-hidden className="directional" />} onSelect={() => void signOut(workspace)}>
        {text("sign_out")}
      </MenuItem>
    </Menu>
  );
}

/** Says so when what is shown may be old; nothing while all is well. */
function LineState() {
  const text = useText();
  const { store } = useWorkspace();
  const line = useStored(store, "line", "stream") ?? "connecting";
  return (
    <div role="status" className="shrink-0">
      {line === "offline" ? (
        <p className="flex items-center justify-center gap-2 bg-amber-soft px-3 py-1.5 text-sm text-amber">
          <WifiOff size={15} aria-hidden />
          {text("line_offline")}
        </p>
      ) : null}
    </div>
  );
}
