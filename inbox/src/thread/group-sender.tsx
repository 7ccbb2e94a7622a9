import { useQuery } from "@tanstack/react-query";
import type { Contact } from "../../../src/contract/conversations.ts";
import type { Message } from "../../../src/contract/messages.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { contactName } from "../conversations/names.ts";
import { Bdi, shownPhone } from "../ui/bits.tsx";

/** Who of a group wrote: by name where the person is known, asked for once for each of them. */
export function GroupSender({ from }: { from: Message["from"] }) {
  const text = useText();
  const { api } = useWorkspace();
  const by = from === null ? null : from.waId !== null ? { waId: from.waId } : from.userId !== null ? { userId: from.userId } : null;
  const { data } = useQuery({
    queryKey: ["contact", "by", by],
    queryFn: async () => (await api.call<{ data: Contact[] }>("contacts", { query: { ...by, limit: 1 } })).data[0] ?? null,
    enabled: by !== null,
    staleTime: Infinity,
  });
  const address = from?.waId == null ? (from?.userId ?? text("group_member")) : `\u2066${shownPhone(from.waId)}\u2069`;
  const name = data === null || data === undefined ? null : contactName(data);
  return <Bdi className="block text-start text-xs font-semibold text-accent">{name ?? address}</Bdi>;
}
