import { ArrowLeft, SendHorizontal } from "lucide-react";
import { useState } from "react";
import type { Conversation } from "../../../src/contract/conversations.ts";
import type { UploadedMedia } from "../../../src/contract/media.ts";
import type { Template } from "../../../src/contract/templates.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { contactName } from "../conversations/names.ts";
import { nowMs } from "../data/clock.ts";
import { Badge } from "../ui/bits.tsx";
import { Button, IconButton } from "../ui/button.tsx";
import { Field, Input, inputLook } from "../ui/field.tsx";
import { useDeed } from "../ui/use-action.ts";
import { fileFault, headerFiles } from "./template-files.ts";
import { faultOf, messageOf, placesOf, type FilledIn, type Place } from "./template-fill.ts";
import { TemplatePreview } from "./template-preview.tsx";

export type ChosenFiles = Readonly<Record<string, File>>;

export function TemplateFilling({
  template,
  conversation,
  onBack,
  onSent,
}: {
  template: Template;
  conversation: Conversation;
  onBack: () => void;
  onSent: () => void;
}) {
  const text = useText();
  const { api, sends } = useWorkspace();
  const deed = useDeed();
  const { connectionId, id: conversationId } = conversation;
  const places = placesOf(template);
  const [filled, setFilled] = useState<FilledIn>(() => suggested(places, conversation));
  const [files, setFiles] = useState<ChosenFiles>({});
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const [isSending, setIsSending] = useState(false);
  const faultAt = (place: Place) =>
    place.part === "media" ? fileFault(files[place.key], place.name) : faultOf(place, filled[place.key] ?? "", nowMs());
  const hasFault = places.some((place) => faultAt(place) !== null);

  const send = (): void => {
    setIsSending(true);
    deed(async () => {
      try {
        const mediaIds = Object.fromEntries(
          await Promise.all(Object.entries(files).map(async ([key, file]) => [key, await upload(file)] as const)),
        );
        sends.add({ conversationId, connectionId, body: {}, content: messageOf(template, filled, mediaIds), file: null });
        onSent();
      } finally {
        setIsSending(false);
      }
    });
  };
  const upload = async (file: File): Promise<string> => {
    const form = new FormData();
    form.append("file", file, file.name);
    return (await api.call<UploadedMedia>("media", { method: "POST", query: { connectionId }, form })).id;
  };
  return (
    <form
      className="flex min-h-0 flex-col"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (hasFault) setTouched(new Set(places.map(({ key }) => key)));
        else send();
      }}
    >
      <div className="flex items-center gap-2 px-2 pt-2">
        <IconButton label={text("back")} onClick={onBack}>
          <ArrowLeft size={18} aria-hidden className="directional" />
        </IconButton>
        <bdi dir="ltr" className="min-w-0 grow truncate text-start text-sm font-medium">
          {template.name}
        </bdi>
        <Badge>{template.language}</Badge>
      </div>
      <div className="grid min-h-0 gap-4 overflow-y-auto px-4 py-2 sm:grid-cols-2">
        <div className="flex flex-col gap-3">
          {places.length === 0 ? <p className="text-sm text-soft">{text("template_complete")}</p> : null}
          {places.map((place) => {
            const fault = touched.has(place.key) ? faultAt(place) : null;
            return (
              <PlaceField
                key={place.key}
                place={place}
                value={filled[place.key] ?? ""}
                fault={fault === null ? null : text(fault)}
                onTouched={() => setTouched((before) => new Set([...before, place.key]))}
                onChange={(value) => setFilled((before) => ({ ...before, [place.key]: value }))}
                onFile={(file) =>
                  setFiles((before) => {
                    const { [place.key]: _, ...others } = before;
                    return file === null ? others : { ...others, [place.key]: file };
                  })
                }
              />
            );
          })}
        </div>
        <TemplatePreview template={template} filled={filled} files={files} />
      </div>
      <div className="flex justify-end px-4 pb-3">
        <Button type="submit" look="primary" disabled={hasFault || isSending}>
          <SendHorizontal size={16} aria-hidden className="directional" />
          {text("send_template")}
        </Button>
      </div>
    </form>
  );
}

function PlaceField(props: {
  place: Place;
  value: string;
  fault: string | null;
  onTouched: () => void;
  onChange: (value: string) => void;
  onFile: (file: File | null) => void;
}) {
  const { place, value, fault, onTouched, onChange, onFile } = props;
  const text = useText();
  const label =
    place.card === null ? labelOf(place, text) : `${text("template_card", { number: place.card + 1 })} · ${labelOf(place, text)}`;
  return (
    <Field
      label={label}
      hint={place.part === "media" ? text(headerFiles[place.name]?.hint ?? "template_file") : undefined}
      error={fault}
      render={(control) =>
        place.part === "media" ? (
          <input
            {...control}
            type="file"
            accept={headerFiles[place.name]?.types.join(",")}
            onChange={(event) => {
              onFile(event.target.files?.[0] ?? null);
              onTouched();
            }}
            className={`${inputLook} py-2`}
          />
        ) : (
          <Input
            {...control}
            {...(place.part === "offer" ? { type: "datetime-local", dir: "ltr" } : {})}
            {...(place.part === "location" && place.index < 2 ? { inputMode: "decimal", dir: "ltr" } : {})}
            value={value}
            onBlur={onTouched}
            onChange={(event) => onChange(event.target.value)}
          />
        )
      }
    />
  );
}

const locationLabels = { latitude: "latitude", longitude: "longitude", name: "place_name", address: "place_address" } as const;

function labelOf({ part, name, buttonKind }: Place, text: ReturnType<typeof useText>): string {
  switch (part) {
    case "media":
      return text("template_file");
    case "offer":
      return text("template_offer_ends");
    case "location":
      // `placesOf` makes no other.
      return text(locationLabels[name as keyof typeof locationLabels]);
    case "button":
      return text(buttonKind === "url" ? "template_link_end" : "template_code", { button: name });
    case "header":
    case "body":
      return /^\d+$/.test(name) ? text("template_place", { number: name }) : name.replaceAll("_", " ");
    default:
      return part satisfies never;
  }
}

/** Names are the customer's own, where the template asks for a name. */
function suggested(places: readonly Place[], { contact }: Conversation): FilledIn {
  const name = contact === null ? null : contactName(contact);
  return Object.fromEntries(
    places.flatMap(({ key, part, name: asked }) => (name !== null && part === "body" && /name/i.test(asked) ? [[key, name]] : [])),
  );
}
