/** The WhatsApp service's public face. */
export {
  getConversation,
  getConversationById,
  incrementMessageCount,
  isConversationWindowOpen,
  isWindowOpen,
  openConversationWindow,
} from "./conversations.ts";
export type { Conversation, PeerKey } from "./conversations.ts";
