import type { Scope } from "../../../src/contract/tenants.ts";

export const scopeWords: readonly Scope[] = ["read", "send", "manage", "admin"];

export function isScope(word: string): word is Scope {
  return scopeWords.some((scope) => scope === word);
}
