/** The parts of the settings, who sees them, and where their code is. */
import {
  Activity,
  AppWindow,
  Building2,
  CircleUserRound,
  KeyRound,
  Reply,
  ScrollText,
  ShieldCheck,
  Tag,
  Users,
  Webhook,
  type LucideIcon,
} from "lucide-react";
import { lazy, type ComponentType } from "react";
import type { Scope } from "../../../src/contract/tenants.ts";
import type { TextKey } from "../texts/keys.ts";

export type Section = { id: string; text: TextKey; icon: LucideIcon; needs: Scope; isOfPerson?: true; Part: ComponentType };

export const sections: readonly Section[] = [
  {
    id: "account",
    text: "settings_account",
    icon: CircleUserRound,
    needs: "read",
    Part: lazy(async () => ({ default: (await import("./account.tsx")).Account })),
  },
  {
    id: "business",
    text: "settings_business",
    icon: Building2,
    needs: "read",
    Part: lazy(async () => ({ default: (await import("./business.tsx")).Business })),
  },
  {
    id: "people",
    text: "settings_people",
    icon: Users,
    needs: "read",
    Part: lazy(async () => ({ default: (await import("./people.tsx")).People })),
  },
  {
    id: "labels",
    text: "labels",
    icon: Tag,
    needs: "read",
    Part: lazy(async () => ({ default: (await import("./labels.tsx")).Labels })),
  },
  {
    id: "replies",
    text: "settings_replies",
    icon: Reply,
    needs: "read",
    Part: lazy(async () => ({ default: (await import("./canned-replies.tsx")).CannedReplies })),
  },
  {
    id: "keys",
    text: "settings_keys",
    icon: KeyRound,
    needs: "admin",
    Part: lazy(async () => ({ default: (await import("./keys.tsx")).Keys })),
  },
  {
    id: "apps",
    text: "settings_apps",
    icon: AppWindow,
    needs: "manage",
    Part: lazy(async () => ({ default: (await import("./meta-apps.tsx")).MetaApps })),
  },
  {
    id: "endpoints",
    text: "settings_endpoints",
    icon: Webhook,
    needs: "read",
    Part: lazy(async () => ({ default: (await import("./endpoints.tsx")).Endpoints })),
  },
  {
    id: "privacy",
    text: "settings_privacy",
    icon: ShieldCheck,
    needs: "manage",
    Part: lazy(async () => ({ default: (await import("./privacy.tsx")).Privacy })),
  },
  {
    id: "audit",
    text: "settings_audit",
    icon: ScrollText,
    needs: "admin",
    Part: lazy(async () => ({ default: (await import("./audit.tsx")).Audit })),
  },
  {
    id: "usage",
    text: "settings_usage",
    icon: Activity,
    needs: "read",
    Part: lazy(async () => ({ default: (await import("./usage.tsx")).Usage })),
  },
];
