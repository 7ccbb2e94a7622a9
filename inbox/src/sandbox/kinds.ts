import type { TextKey } from "../texts/keys.ts";

const known = {
  text: "sb_kind_w_text",
  image: "sb_kind_w_image",
  audio: "sb_kind_w_audio",
  video: "sb_kind_w_video",
  document: "sb_kind_w_document",
  sticker: "sb_kind_w_sticker",
  location: "sb_kind_w_location",
  contacts: "sb_kind_w_contacts",
  button: "sb_kind_w_button",
  button_reply: "sb_kind_w_button_reply",
  list_reply: "sb_kind_w_list_reply",
  flow_reply: "sb_kind_w_flow_reply",
  order: "sb_kind_w_order",
  unsupported: "sb_kind_w_unsupported",
  unavailable: "sb_kind_w_unavailable",
  system: "sb_kind_w_system",
  interactive: "sb_kind_w_interactive",
  template: "sb_kind_w_template",
} as const satisfies Record<string, TextKey>;

export function kindKey(type: string): TextKey {
  return new Map<string, TextKey>(Object.entries(known)).get(type) ?? "sb_kind_w_other";
}

/** What the customer does to a message that is there: by its menu, not by the list of kinds. */
export const menuKinds: ReadonlySet<string> = new Set(["reaction", "reaction_removed", "edit", "revoke"]);
