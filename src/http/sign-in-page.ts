/** The page at `/sign-in`: sign in, accept an invitation, choose a new password, make the first account. The same files for everybody. */
import { readFile } from "node:fs/promises";
import type { Api } from "./route.ts";

const headers = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
    "require-trusted-types-for 'script'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-cache",
};

const files = [
  ["/sign-in", "index.html", "text/html; charset=utf-8"],
  ["/auth/page/sign-in.css", "sign-in.css", "text/css; charset=utf-8"],
  ["/auth/page/sign-in.js", "sign-in.js", "text/javascript; charset=utf-8"],
  ["/auth/page/texts.js", "texts.js", "text/javascript; charset=utf-8"],
] as const;

export async function registerSignInPage(fastify: Api): Promise<void> {
  for (const [path, name, type] of files) {
    const content = await readFile(new URL(`sign-in/${name}`, import.meta.url));
    fastify.get(path, { schema: { hide: true } }, (_, reply) => reply.headers(headers).type(type).send(content));
  }
}
