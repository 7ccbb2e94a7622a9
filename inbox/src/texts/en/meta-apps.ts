import type { metaApps as hebrew } from "../he/meta-apps.ts";

export const metaApps: Readonly<Record<keyof typeof hebrew, string>> = {
  settings_apps: "Meta app",
  apps_hint:
    "Most businesses use the platform’s app and have nothing to do here. A business with a Meta app of its own gets an address of its own, and only its own secret signs for it.",
  apps_empty: "The platform’s app is used",
  apps_empty_hint: "You can add an app of the business.",
  apps_ask_operator: "To add an app of the business, ask the platform’s operator.",
  app_add: "Add an app",
  app_id: "App ID",
  app_id_hint: "In Meta’s App Dashboard: Settings → Basic.",
  app_secret: "App secret",
  app_secret_hint: "From the same place. Kept encrypted, and never shown again.",
  app_verify_token: "Verify token",
  app_verify_hint: "Is pasted at Meta, beside the address. We chose one that nobody guesses.",
  app_ready: "Now at Meta: WhatsApp → Configuration → Webhook. Paste these two and press Verify and save.",
  app_callback: "Callback URL",
  app_callback_hint: "To paste at Meta: WhatsApp → Configuration → Webhook.",
  app_accounts:
    "{count, plural, =0 {No account is connected by it.} one {1 account is connected by it:} other {# accounts are connected by it:}}",
  app_rotating: "Secret is changing",
  app_rotating_hint: "Two secrets are valid now. Once you have changed it at Meta, finish here, so that the old one signs no more.",
  app_rotate: "Change the secret",
  app_rotate_first:
    "First of two steps: the new secret becomes valid beside the old one, so that no webhook is refused. Then change it at Meta.",
  app_rotate_last: "Last step: write the new secret again. The old one signs no more from then on.",
  app_new_secret: "New secret",
  app_keep_both: "Keep beside the old one",
  app_both: "Both secrets are valid. Change it at Meta now, then finish here.",
  app_finish: "Finish the change",
  app_rotated: "Only the new secret is valid",
  app_remove: "Remove",
  app_remove_title: "Remove the app {id}?",
  app_remove_hint: "Its address answers Meta no more. What has come stays.",
  app_in_use: "An account is still connected by it. Move it to another app first.",
  app_removed: "The app was removed",
};
