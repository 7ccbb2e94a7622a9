import type { firstSteps as hebrew } from "../he/first-steps.ts";

export const firstSteps: Readonly<Record<keyof typeof hebrew, string>> = {
  first_title: "First steps",
  first_hide: "Hide the first steps",
  first_done: "(done)",
  first_connect: "Connect a WhatsApp number",
  first_connect_hint: "Through Facebook, or with ids and a token from the App Dashboard.",
  first_message: "Let a first message come",
  first_message_hint: "Write to {number} from your phone. The message appears here.",
  first_message_sandbox: "Write as a customer on the sandbox’s phone. The message appears here.",
  first_message_later: "Once a number is connected, write to it from your phone.",
  first_people: "Invite your team",
  first_people_hint: "Each with a role: owner, admin, agent or viewer.",
  first_replies: "Set the automatic reply (optional)",
  first_replies_hint: "What customers get when they send something that you do not support.",
};
