/** What customers are told who send something that nobody here can handle. */
import { useText, type Values } from "../app/text.tsx";
import type { TextKey } from "../texts/keys.ts";
import { Bdi } from "../ui/bits.tsx";
import { Card } from "../ui/card.tsx";
import { Field, Select, TextArea } from "../ui/field.tsx";
import { Chip, Toggle } from "../ui/toggle.tsx";
import type { PartProps } from "./business.tsx";

const kinds = {
  text: "type_text",
  image: "type_image",
  audio: "type_audio",
  video: "type_video",
  document: "type_document",
  sticker: "type_sticker",
  location: "type_location",
  contacts: "type_contacts",
  order: "type_order",
} as const satisfies Readonly<Record<string, TextKey>>;
const hourS = 3_600;
const intervals = [1, 6, 12, 24, 72, 168].map((hours) => hours * hourS);
const textCharsMax = 1_024;

export function AutoReplyCard({ draft, isDisabled, change, errorAt }: PartProps) {
  const text = useText();
  const others = draft.supportedTypes.filter((type) => !(type in kinds));
  const set = (type: string, isOn: boolean): void =>
    change({ supportedTypes: isOn ? [...draft.supportedTypes, type] : draft.supportedTypes.filter((one) => one !== type) });
  return (
    <Card title={text("auto_reply")}>
      <Toggle
        label={text("auto_reply_enabled")}
        hint={text("auto_reply_enabled_hint")}
        isOn={draft.autoReplyEnabled}
        isDisabled={isDisabled}
        onChange={(autoReplyEnabled) => change({ autoReplyEnabled })}
      />
      <div role="group" aria-label={text("supported_types")} className="flex flex-col gap-2">
        <p className="text-sm font-medium text-soft">{text("supported_types")}</p>
        <div className="flex flex-wrap gap-2">
          {Object.entries(kinds).map(([type, key]) => (
            <Chip key={type} isDisabled={isDisabled} isOn={draft.supportedTypes.includes(type)} onChange={(isOn) => set(type, isOn)}>
              {text(key)}
            </Chip>
          ))}
          {others.map((type) => (
            <Chip key={type} isDisabled={isDisabled} isOn onChange={() => set(type, false)}>
              <Bdi>{type}</Bdi>
            </Chip>
          ))}
        </div>
        <p className="text-xs text-faint">{text("supported_types_hint")}</p>
      </div>
      <Field
        label={text("auto_reply_text")}
        hint={text("auto_reply_text_hint")}
        error={errorAt("autoReplyText")}
        render={(control) => (
          <TextArea
            {...control}
            maxLength={textCharsMax}
            disabled={isDisabled || !draft.autoReplyEnabled}
            placeholder={text("auto_reply_ours")}
            value={draft.autoReplyText}
            onChange={(event) => change({ autoReplyText: event.target.value })}
          />
        )}
      />
      <Field
        label={text("auto_reply_interval")}
        hint={text("auto_reply_interval_hint")}
        error={errorAt("autoReplyInterval")}
        render={(control) => (
          <Select
            {...control}
            className="sm:max-w-60"
            disabled={isDisabled || !draft.autoReplyEnabled}
            value={draft.autoReplyInterval}
            onChange={(event) => change({ autoReplyInterval: Number(event.target.value) })}
          >
            {(intervals.includes(draft.autoReplyInterval) ? intervals : [draft.autoReplyInterval, ...intervals]).map((seconds) => (
              <option key={seconds} value={seconds}>
                {spanText(text, seconds)}
              </option>
            ))}
          </Select>
        )}
      />
    </Card>
  );
}

function spanText(text: (key: TextKey, values?: Values) => string, seconds: number): string {
  if (seconds % (24 * hourS) === 0) return text("span_days", { count: seconds / (24 * hourS) });
  if (seconds % hourS === 0) return text("span_hours", { count: seconds / hourS });
  return text("span_minutes", { count: Math.max(1, Math.round(seconds / 60)) });
}
