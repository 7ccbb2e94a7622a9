import { Link } from "@tanstack/react-router";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";

const tabs = [
  ["/parked/platform", "platform"],
  ["/parked", "ops_parked_updates"],
  ["/parked/deliveries", "ops_deliveries"],
  ["/parked/tenants", "ops_tenants"],
  ["/parked/audit", "settings_audit"],
] as const;

/** Between the screens of what came from Meta. All but the parked updates are the operator's alone. */
export function OperationsTabs() {
  const text = useText();
  const { session } = useWorkspace();
  if (!session.isOperator) return null;
  return (
    <nav aria-label={text("ops_title")} className="-mx-1 mb-4 flex gap-1 overflow-x-auto p-1">
      {tabs.map(([to, key]) => (
        <Link
          key={to}
          to={to}
          activeOptions={{ exact: true }}
          activeProps={{ "aria-current": "page", className: "bg-accent-soft text-accent" }}
          inactiveProps={{ className: "text-soft hover:bg-hover" }}
          className="inline-flex min-h-9 items-center rounded-lg px-3 text-sm font-medium whitespace-nowrap"
        >
          {text(key)}
        </Link>
      ))}
    </nav>
  );
}
