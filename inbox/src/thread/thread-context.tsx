/** What the bubbles of a thread can ask of its composer. */
import { createContext, useContext } from "react";
import type { Conversation } from "../../../src/contract/conversations.ts";
import type { Message } from "../../../src/contract/messages.ts";
import type { WaitingSend } from "../../../src/contract/sends.ts";

export type ThreadContext = {
  conversation: Conversation;
  canSend: boolean;
  replyTo: (message: Message) => void;
  /** Puts a text into the composer, to be changed and sent again. */
  compose: (text: string) => void;
  openTemplates: () => void;
  /** Lets a file be chosen. */
  attach: () => void;
  showContact: () => void;
  /** What still waits for its time or for the customer's word, by the message's id. */
  waiting: ReadonlyMap<string, WaitingSend>;
  showTimeline: (messageId: string) => void;
  /** Shows a file large. */
  showMedia: (messageId: string) => void;
  goTo: (messageId: string) => void;
};

const Context = createContext<ThreadContext | null>(null);
export const ThreadProvider = Context.Provider;

export function useThread(): ThreadContext {
  const thread = useContext(Context);
  if (thread === null) throw new Error("There is no ThreadProvider");
  return thread;
}
