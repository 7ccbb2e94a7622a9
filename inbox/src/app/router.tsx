/**
 * The screens and their paths. A screen is loaded when it is first opened; the conversations come with the first load. To add one: a file in
 * `screens/`, a route here, a line in `navigation.ts`.
 */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { ConversationsScreen } from "../conversations/conversations-screen.tsx";
import { searchOf } from "../conversations/search-params.ts";
import { Frame } from "./frame.tsx";
import { NotFound } from "./not-found.tsx";

const root = createRootRoute({ component: Frame, notFoundComponent: NotFound });
const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: () => {
    // The router's own way of saying so.
    // oxlint-disable-next-line typescript/only-throw-error
    throw redirect({ to: "/inbox/$view", params: { view: "all" } });
  },
});
const list = createRoute({ getParentRoute: () => root, path: "/inbox/$view", component: ConversationsScreen, validateSearch: searchOf });
const thread = createRoute({
  getParentRoute: () => root,
  path: "/inbox/$view/$conversationId",
  component: ConversationsScreen,
  validateSearch: searchOf,
});
const screen = <const Path extends string>(path: Path, load: () => Promise<{ Screen: () => React.ReactNode }>) =>
  createRoute({ getParentRoute: () => root, path, component: lazyRouteComponent(load, "Screen") });

const tree = root.addChildren([
  home,
  list,
  thread,
  screen("/overview", () => import("../screens/overview.tsx")),
  screen("/connections", () => import("../screens/connections.tsx")),
  screen("/connections/$connectionId", () => import("../screens/connection.tsx")),
  screen("/templates", () => import("../screens/templates.tsx")),
  screen("/parked", () => import("../screens/parked.tsx")),
  screen("/parked/deliveries", () => import("../screens/deliveries.tsx")),
  screen("/parked/platform", () => import("../screens/platform.tsx")),
  screen("/parked/audit", () => import("../screens/platform-audit.tsx")),
  screen("/parked/tenants", () => import("../screens/tenants.tsx")),
  screen("/sandbox", () => import("../screens/sandbox.tsx")),
  screen("/settings", () => import("../screens/settings.tsx")),
  screen("/settings/$section", () => import("../screens/settings.tsx")),
]);

export const router = createRouter({ routeTree: tree, defaultPreload: "intent", scrollRestoration: false });

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
