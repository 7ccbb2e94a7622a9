/** What stands in the form for a business, and what of it differs from what is stored. */
import type { ChangeTenant, Tenant } from "../../../src/contract/tenants.ts";

export type Draft = {
  name: string;
  locale: string;
  timeZone: string;
  supportedTypes: readonly string[];
  autoReplyEnabled: boolean;
  autoReplyInterval: number;
  /** Empty: ours. */
  autoReplyText: string;
  /** A line for each word. Null: ours again. */
  optOutWords: string | null;
  optInWords: string | null;
  /** Empty: nothing is said. */
  optOutReply: string;
};

export function draftOf(tenant: Tenant): Draft {
  const { name, locale, timeZone, supportedTypes, autoReplyEnabled, autoReplyInterval } = tenant;
  return {
    name,
    locale,
    timeZone,
    supportedTypes,
    autoReplyEnabled,
    autoReplyInterval,
    autoReplyText: tenant.autoReplyText ?? "",
    optOutWords: tenant.optOutWords.join("\n"),
    optInWords: tenant.optInWords.join("\n"),
    optOutReply: tenant.optOutReply ?? "",
  };
}

/** Only what was changed: two people at once undo nothing of each other's. */
export function changesOf(tenant: Tenant, draft: Draft): ChangeTenant {
  const before = draftOf(tenant);
  const changes: ChangeTenant = {};
  if (draft.name !== before.name) changes.name = draft.name;
  if (draft.locale !== before.locale) changes.locale = draft.locale;
  if (draft.timeZone !== before.timeZone) changes.timeZone = draft.timeZone;
  if (!isSameSet(draft.supportedTypes, before.supportedTypes)) changes.supportedTypes = [...draft.supportedTypes];
  if (draft.autoReplyEnabled !== before.autoReplyEnabled) changes.autoReplyEnabled = draft.autoReplyEnabled;
  if (draft.autoReplyInterval !== before.autoReplyInterval) changes.autoReplyInterval = draft.autoReplyInterval;
  if (draft.autoReplyText !== before.autoReplyText) changes.autoReplyText = orNull(draft.autoReplyText);
  if (draft.optOutReply !== before.optOutReply) changes.optOutReply = orNull(draft.optOutReply);
  for (const field of ["optOutWords", "optInWords"] as const) {
    const words = draft[field];
    if (words === null) changes[field] = null;
    else if (!isSameSet(linesOf(words), tenant[field])) changes[field] = linesOf(words);
  }
  return changes;
}

function orNull(words: string): string | null {
  return words.trim() === "" ? null : words;
}

function linesOf(words: string): string[] {
  return words
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one) => b.includes(one));
}
