/** Everything that is set once: on a wide screen beside its list, on a phone one after the other. */
import { Link, useParams } from "@tanstack/react-router";
import { ChevronLeft } from "lucide-react";
import { Suspense } from "react";
import { can } from "../app/session.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { sections, type Section } from "../settings/sections.ts";
import { cx } from "../ui/cx.ts";
import { ListSkeleton } from "../ui/list-frame.tsx";
import { Page } from "../ui/page.tsx";

export function Screen() {
  const text = useText();
  const { session } = useWorkspace();
  const { section: chosen } = useParams({ strict: false });
  const mine = sections.filter(({ needs }) => can(session, needs));
  const section = mine.find(({ id }) => id === chosen) ?? mine[0];
  if (section === undefined) return null;
  const isChosen = section.id === chosen;
  return (
    <div className="flex min-w-0 grow bg-panel">
      <nav
        aria-label={text("nav_settings")}
        className={cx("w-full shrink-0 overflow-y-auto p-3 md:w-56 md:border-e md:border-line", isChosen && "max-md:hidden")}
      >
        <p className="px-3 pt-1.5 pb-3 text-lg font-semibold">{text("nav_settings")}</p>
        <ul className="flex flex-col gap-0.5">
          {mine.map((one) => (
            <SectionLink key={one.id} section={one} isHere={one === section} isMarkedOnPhone={isChosen} />
          ))}
        </ul>
      </nav>
      <div className={cx("flex min-w-0 grow", !isChosen && "max-md:hidden")}>
        <Page
          title={text(section.text)}
          actions={
            <Link to="/settings" className="flex min-h-9 items-center gap-1 rounded-lg px-2 text-sm text-soft hover:bg-hover md:hidden">
              <ChevronLeft size={17} aria-hidden className="directional" />
              {text("settings_all")}
            </Link>
          }
        >
          <Suspense fallback={<ListSkeleton />}>
            <div className="flex max-w-3xl flex-col gap-4 pb-10">
              <section.Part key={section.id} />
            </div>
          </Suspense>
        </Page>
      </div>
    </div>
  );
}

function SectionLink({
  section: { id, text: key, icon: Icon },
  isHere,
  isMarkedOnPhone,
}: {
  section: Section;
  isHere: boolean;
  isMarkedOnPhone: boolean;
}) {
  const text = useText();
  return (
    <li>
      <Link
        to="/settings/$section"
        params={{ section: id }}
        {...(isHere ? { "aria-current": "page" as const } : {})}
        className={cx(
          "flex min-h-10 items-center gap-3 rounded-xl px-3 text-sm transition-colors",
          isHere ? "md:bg-accent-soft md:font-medium md:text-accent" : "text-soft hover:bg-hover hover:text-ink",
          isHere && !isMarkedOnPhone && "max-md:text-soft max-md:hover:bg-hover",
        )}
      >
        <Icon size={18} aria-hidden />
        {text(key)}
      </Link>
    </li>
  );
}
