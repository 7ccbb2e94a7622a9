/** The screens that the frame's bar leads to, and who sees them. */
import { Cable, ChartColumn, FileText, MessagesSquare, OctagonPause, Settings, type LucideIcon } from "lucide-react";
import type { Scope } from "../../../src/contract/tenants.ts";
import type { TextKey } from "../texts/keys.ts";

export type Destination = {
  to: "/" | "/overview" | "/connections" | "/templates" | "/parked" | "/settings";
  text: TextKey;
  icon: LucideIcon;
  needs: Scope;
};

export const destinations: readonly Destination[] = [
  { to: "/", text: "nav_conversations", icon: MessagesSquare, needs: "read" },
  { to: "/overview", text: "nav_overview", icon: ChartColumn, needs: "read" },
  { to: "/connections", text: "nav_connections", icon: Cable, needs: "read" },
  { to: "/templates", text: "nav_templates", icon: FileText, needs: "read" },
  { to: "/parked", text: "nav_parked", icon: OctagonPause, needs: "manage" },
  { to: "/settings", text: "nav_settings", icon: Settings, needs: "read" },
];
