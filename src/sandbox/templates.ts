/** The message templates of an account: what is sent must match one that is approved. Changes are told by webhooks, as Meta does. */
import { limits } from "../limits.ts";
import { readList, readRecord, type Wire } from "../services/whatsapp/graph/wire.ts";
import type { Webhooks } from "./webhooks.ts";
import { newNumericId } from "./random.ts";
import { createTimers } from "./timers.ts";

export type TemplateStatus = "APPROVED" | "PENDING" | "REJECTED" | "PAUSED" | "DISABLED" | "IN_APPEAL" | "ARCHIVED";
export type Template = {
  id: string;
  wabaId: string;
  name: string;
  language: string;
  category: string;
  status: TemplateStatus;
  parameterFormat: "POSITIONAL" | "NAMED";
  components: readonly Wire[];
  quality: "GREEN" | "YELLOW" | "RED" | "UNKNOWN";
  rejectedReason: string;
};
export type NewTemplate = Pick<Template, "wabaId" | "name" | "language"> &
  Partial<Pick<Template, "category" | "status" | "parameterFormat" | "components">>;

export type TemplateChange =
  | { status: TemplateStatus; reason?: string }
  | { quality: Template["quality"] }
  | { category: string }
  | { components: readonly Wire[] };

export type Templates = {
  /** As it is; nothing is told. Throws where name and language are taken. */
  put(template: NewTemplate): Template;
  /** Pending, approved or rejected after the review time, and told so. */
  submit(template: NewTemplate): Template;
  /** Changed content is reviewed again. */
  edit(template: Template, change: Partial<Pick<Template, "components" | "category" | "parameterFormat">>): void;
  /** Done by Meta; posts the webhook that goes with it. */
  change(id: string, change: TemplateChange): void;
  remove(template: Template): void;
  get(id: string): Template | undefined;
  find(wabaId: string, name: string, language: string): Template | undefined;
  list(wabaId: string): readonly Template[];
  stop(): void;
};

/** `reviewMs` null: pending until somebody decides. */
export function createTemplates(options: { webhooks: Webhooks; reviewMs: number | null }): Templates {
  const { webhooks, reviewMs } = options;
  const byId = new Map<string, Template>();
  const byKey = new Map<string, Template>();
  const timers = createTimers();
  const keyOf = ({ wabaId, name, language }: Pick<Template, "wabaId" | "name" | "language">): string => `${wabaId} ${name} ${language}`;

  const tell = (template: Template, field: string, value: Wire): void => {
    webhooks.deliver({ wabaId: template.wabaId, number: null, field, value: { ...identityOf(template), ...value } });
  };
  const change = (id: string, what: TemplateChange): void => {
    const template = byId.get(id);
    if (template === undefined) throw new Error(`No template ${id}`);
    if ("status" in what) {
      template.status = what.status;
      template.rejectedReason = what.status === "REJECTED" ? (what.reason ?? "INCORRECT_CATEGORY") : "NONE";
      tell(template, "message_template_status_update", { event: what.status, reason: what.reason ?? "NONE" });
    } else if ("quality" in what) {
      const before = template.quality;
      template.quality = what.quality;
      tell(template, "message_template_quality_update", { previous_quality_score: before, new_quality_score: what.quality });
    } else if ("category" in what) {
      const before = template.category;
      template.category = what.category;
      tell(template, "template_category_update", { previous_category: before, new_category: what.category });
    } else {
      template.components = what.components;
      tell(template, "message_template_components_update", componentTexts(what.components));
    }
  };
  const review = (template: Template): void => {
    template.status = "PENDING";
    if (reviewMs === null) return;
    timers.later(reviewMs, () => {
      if (byId.get(template.id)?.status !== "PENDING") return;
      change(template.id, isOutOfBounds(template) ? { status: "REJECTED", reason: "INVALID_FORMAT" } : { status: "APPROVED" });
    });
  };
  const put = (fresh: NewTemplate): Template => {
    const template: Template = { ...usual, ...fresh, id: newNumericId() };
    if (byKey.has(keyOf(template))) throw new Error(`There is a template ${template.name} in ${template.language}`);
    if (byId.size >= limits.sandboxTemplatesMax) throw new Error("Too many templates");
    byId.set(template.id, template);
    byKey.set(keyOf(template), template);
    return template;
  };

  return {
    put,
    submit(fresh) {
      const template = put(fresh);
      review(template);
      return template;
    },
    edit(template, more) {
      Object.assign(template, more);
      review(template);
    },
    change,
    remove(template) {
      byId.delete(template.id);
      byKey.delete(keyOf(template));
    },
    get: (id) => byId.get(id),
    find: (wabaId, name, language) => byKey.get(keyOf({ wabaId, name, language })),
    list: (wabaId) => [...byId.values()].filter((template) => template.wabaId === wabaId),
    stop: () => timers.stop(),
  };
}

/** Of what Meta's review refuses, one that everybody can try: a link into WhatsApp itself. */
function isOutOfBounds({ components }: Template): boolean {
  return /\bwa\.me\//i.test(JSON.stringify(components));
}

const usual = {
  category: "UTILITY",
  status: "APPROVED",
  parameterFormat: "POSITIONAL",
  components: [{ type: "BODY", text: "Hello" }],
  quality: "UNKNOWN",
  rejectedReason: "NONE",
} as const;

/** Meta sends the id as a number, and the language with a dash in some fields. */
function identityOf({ id, name, language }: Template): Wire {
  return { message_template_id: Number(id), message_template_name: name, message_template_language: language };
}

function componentTexts(components: readonly Wire[]): Wire {
  const textOf = (type: string): unknown => components.find((component) => component["type"] === type)?.["text"];
  const buttons = readList(components.find(({ type }) => type === "BUTTONS")?.["buttons"]).map((button) => {
    const { type, text, url, phone_number: phone } = readRecord(button) ?? {};
    return { message_template_button_type: type, message_template_button_text: text, message_template_button_url: url ?? phone };
  });
  return {
    message_template_title: textOf("HEADER"),
    message_template_element: textOf("BODY"),
    message_template_footer: textOf("FOOTER"),
    ...(buttons.length === 0 ? {} : { message_template_buttons: buttons }),
  };
}

/** What a new account has: one without parameters, as at Meta, and one of each kind. */
export function sampleTemplates(wabaId: string): NewTemplate[] {
  return [
    {
      wabaId,
      name: "hello_world",
      language: "en_US",
      components: [
        { type: "HEADER", format: "TEXT", text: "Hello World" },
        { type: "BODY", text: "Welcome and congratulations!! This message demonstrates your ability to send a message." },
        { type: "FOOTER", text: "WhatsApp Business Platform sample message" },
      ],
    },
    {
      wabaId,
      name: "appointment_reminder",
      language: "he",
      components: [
        { type: "BODY", text: "שלום {{1}}, מזכירים את התור שלך ב-{{2}}.", example: { body_text: [["דנה", "10:00"]] } },
        {
          type: "BUTTONS",
          buttons: [
            { type: "QUICK_REPLY", text: "מאשרת" },
            { type: "QUICK_REPLY", text: "לבטל" },
          ],
        },
      ],
    },
    {
      wabaId,
      name: "order_update",
      language: "en",
      parameterFormat: "NAMED",
      components: [
        { type: "HEADER", format: "IMAGE", example: { header_handle: ["sample"] } },
        {
          type: "BODY",
          text: "Hi {{name}}, your order {{order}} is on its way.",
          example: {
            body_text_named_params: [
              { param_name: "name", example: "Dana" },
              { param_name: "order", example: "17" },
            ],
          },
        },
        { type: "BUTTONS", buttons: [{ type: "URL", text: "Track", url: "https://example.com/o/{{1}}", example: ["17"] }] },
      ],
    },
  ];
}
