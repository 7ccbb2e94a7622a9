/** What the address says of the list. An address is a stranger's too: what does not fit is left out. */
import { viewNames, type ListFilter, type ViewName } from "../data/views.ts";

export type ConversationsSearch = Omit<ListFilter, "view"> & {
  /** A message to show in its place. */
  message?: string;
};

const isUuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;
const uuidOf = (value: unknown): string | undefined => (typeof value === "string" && isUuid.test(value) ? value : undefined);

export function searchOf(search: Record<string, unknown>): ConversationsSearch {
  const [connectionId, labelId, assigneeId, message] = ["connectionId", "labelId", "assigneeId", "message"].map((name) =>
    uuidOf(search[name]),
  );
  return {
    ...(connectionId === undefined ? {} : { connectionId }),
    ...(labelId === undefined ? {} : { labelId }),
    ...(assigneeId === undefined ? {} : { assigneeId }),
    ...(message === undefined ? {} : { message }),
    ...(search["unread"] === true ? { unread: true } : {}),
  };
}

export function viewOf(word: string | undefined): ViewName {
  return viewNames.find((name) => name === word) ?? "all";
}
