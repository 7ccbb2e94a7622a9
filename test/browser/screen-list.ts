/** Every screen of the inbox and the dialogs that one meets most, with the way to it: for the pictures, and for Axe. */
import type { BrowserContext, Page } from "playwright-core";
import { demoPhones, type DemoIds } from "./demo-data.ts";
import { waitMs } from "./sandbox.ts";
import { wordsOf, type Language, type Say } from "./words.ts";

export type Look = { language: Language; theme: "light" | "dark"; device: "desktop" | "phone" };
export type Screen = {
  name: string;
  path: (ids: DemoIds) => string;
  /** Waited for before the picture. */
  ready: string;
  prepare?: (page: Page, say: Say) => Promise<void>;
  isMain?: true;
};

const opened = (key: string) => async (page: Page) => {
  await page.keyboard.press(key);
  await page.getByRole("dialog").waitFor();
};
const bubble = "[data-testid=thread] article";
const sections = ["account", "business", "people", "labels", "replies", "keys", "apps", "endpoints", "privacy", "audit", "usage"];
export const screens: readonly Screen[] = [
  { name: "inbox-list", path: () => "inbox/all", ready: "[data-testid=conversation-list] li", isMain: true },
  { name: "inbox-thread", path: ({ noa }) => `inbox/all/${noa}`, ready: `${bubble} img`, isMain: true },
  { name: "inbox-thread-arabic", path: ({ mariam }) => `inbox/all/${mariam}`, ready: bubble },
  { name: "inbox-failed", path: ({ failed }) => `inbox/all/${failed}`, ready: "[data-status=failed]", isMain: true },
  { name: "inbox-window-closed", path: ({ closed }) => `inbox/all/${closed}`, ready: "[data-testid=template-picker] button", isMain: true },
  {
    name: "inbox-template-filled",
    path: ({ closed }) => `inbox/all/${closed}`,
    ready: "[data-testid=template-picker] button",
    prepare: async (page) => {
      await page.getByTestId("template-picker").getByText("appointment_reminder").first().click();
      await page.getByTestId("template-picker").getByRole("textbox").first().fill("אורי");
    },
  },
  { name: "inbox-commands", path: ({ noa }) => `inbox/all/${noa}`, ready: `${bubble} img`, prepare: opened("Control+k") },
  {
    name: "inbox-timeline",
    path: ({ failed }) => `inbox/all/${failed}`,
    ready: "[data-status=failed]",
    prepare: async (page, say) => {
      const last = page.locator(bubble).last();
      await last.hover();
      await last.getByRole("button", { name: say("message_menu") }).click();
      await page.getByRole("menuitem", { name: say("timeline") }).click();
      await page.getByRole("dialog").waitFor();
    },
  },
  { name: "overview", path: () => "overview", ready: "main [role=img]", isMain: true },
  { name: "connections", path: () => "connections", ready: "main ul a" },
  { name: "connection", path: ({ connection }) => `connections/${connection}`, ready: "[data-check]" },
  {
    name: "connection-new",
    path: () => "connections",
    ready: "main ul a",
    prepare: async (page) => {
      await page.locator("main header button").last().click();
      await page.getByRole("dialog").waitFor();
    },
  },
  { name: "templates", path: () => "templates", ready: "main ul button" },
  {
    name: "template",
    path: () => "templates",
    ready: "main ul button",
    prepare: async (page) => {
      await page.getByRole("button", { name: "order_update" }).first().click();
      await page.getByRole("dialog").waitFor();
    },
  },
  { name: "parked", path: () => "parked", ready: "main li" },
  { name: "deliveries", path: () => "parked/deliveries", ready: "[data-delivery-id]" },
  { name: "platform", path: () => "parked/platform", ready: "main section, main dl, main ul" },
  { name: "platform-audit", path: () => "parked/audit", ready: "main section, main ul" },
  { name: "tenants", path: () => "parked/tenants", ready: "main li, main table" },
  { name: "sandbox", path: () => "sandbox", ready: "[data-testid=phone] li" },
  ...sections.map((section): Screen => ({ name: `settings-${section}`, path: () => `settings/${section}`, ready: "main section" })),
  { name: "sign-in", path: () => "sign-in", ready: "form, main" },
];

/** Opens it and waits until nothing is still on its way. */
export async function showScreen(page: Page, screen: Screen, to: { url: string; ids: DemoIds; language: Language }): Promise<void> {
  await page.goto(`${to.url}/${screen.path(to.ids)}`);
  await page.locator(screen.ready).first().waitFor({ timeout: waitMs });
  await screen.prepare?.(page, wordsOf(to.language));
  await page.locator(".animate-pulse").first().waitFor({ state: "detached" });
  await page.evaluate("document.fonts.ready.then(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))");
}

/** The sandbox's screen begins with the customers of the florist's day. */
export async function keepDemoPhones(context: BrowserContext): Promise<void> {
  await context.addInitScript(`try { localStorage.setItem("kesher.sandbox.customers", ${JSON.stringify(demoPhones)}) } catch {}`);
}
