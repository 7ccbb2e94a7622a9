import { frame } from "./frame.ts";
import { firstSteps } from "./first-steps.ts";
import { metaApps } from "./meta-apps.ts";
import { platform } from "./platform.ts";
import { templateForm } from "./template-form.ts";
import { templates } from "./templates.ts";
import { connections } from "./connections.ts";
import { conversation } from "./conversation.ts";
import { overview } from "./overview.ts";
import { operations } from "./operations.ts";
import { sandbox } from "./sandbox.ts";
import { settings } from "./settings.ts";
import { access } from "./settings-access.ts";
import { settingsData } from "./settings-data.ts";
import { auditActions } from "./settings-audit.ts";
import { thread } from "./thread.ts";

/** Hebrew is written first; the other languages have its keys. */
export const he = {
  ...frame,
  ...templates,
  ...firstSteps,
  ...metaApps,
  ...platform,
  ...templateForm,
  ...connections,
  ...overview,
  ...operations,
  ...sandbox,
  ...settings,
  ...access,
  ...settingsData,
  ...auditActions,
  ...thread,
  ...conversation,
};
