import { useIntl } from "react-intl";
import { languageNames } from "./languages.ts";
import { useNow } from "../data/clock.ts";
import { useText } from "../app/text.tsx";
import { Field, Input, Select } from "../ui/field.tsx";
import type { PartProps } from "./business.tsx";

const minuteMs = 60_000;
const zones = Intl.supportedValuesOf("timeZone");

export function IdentityFields({ draft, isDisabled, change, errorAt }: PartProps) {
  const text = useText();
  const intl = useIntl();
  const nowMs = useNow(minuteMs);
  const locales = Object.keys(languageNames);
  const nowThere = (): string | undefined => {
    try {
      const at = intl.formatTime(nowMs, { timeZone: draft.timeZone, hour: "2-digit", minute: "2-digit" });
      return text("time_zone_now", { at });
    } catch {
      // A zone that this browser does not know.
      return undefined;
    }
  };
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      <div className="sm:col-span-2">
        <Field
          label={text("business_name")}
          error={errorAt("name")}
          render={(control) => (
            <Input
              {...control}
              required
              maxLength={200}
              disabled={isDisabled}
              value={draft.name}
              onChange={(event) => change({ name: event.target.value })}
            />
          )}
        />
      </div>
      <Field
        label={text("business_language")}
        hint={text("business_language_hint")}
        error={errorAt("locale")}
        render={(control) => (
          <Select {...control} disabled={isDisabled} value={draft.locale} onChange={(event) => change({ locale: event.target.value })}>
            {(locales.includes(draft.locale) ? locales : [draft.locale, ...locales]).map((locale) => (
              <option key={locale} value={locale} lang={locale}>
                {languageNames[locale] ?? locale}
              </option>
            ))}
          </Select>
        )}
      />
      <Field
        label={text("time_zone")}
        hint={nowThere()}
        error={errorAt("timeZone")}
        render={(control) => (
          <Select
            {...control}
            dir="ltr"
            disabled={isDisabled}
            value={draft.timeZone}
            onChange={(event) => change({ timeZone: event.target.value })}
          >
            {(zones.includes(draft.timeZone) ? zones : [draft.timeZone, ...zones]).map((zone) => (
              <option key={zone} value={zone}>
                {zone.replaceAll("_", " ")}
              </option>
            ))}
          </Select>
        )}
      />
    </div>
  );
}
