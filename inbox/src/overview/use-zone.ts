/** How the overview's times are written: by the tenant's clock, whatever this machine's is. */
import { useMemo } from "react";
import { useIntl } from "react-intl";
import type { Overview } from "../../../src/contract/overview.ts";

export type Zone = { short: (at: string) => string; long: (at: string) => string };

export function useZone({ timeZone, interval }: Pick<Overview, "timeZone" | "interval">): Zone {
  const { locale } = useIntl();
  return useMemo(() => {
    const format = (options: Intl.DateTimeFormatOptions) => {
      const made = new Intl.DateTimeFormat(locale, { timeZone, ...options });
      return (at: string): string => made.format(new Date(at));
    };
    switch (interval) {
      case "hour":
        return {
          short: format({ hour: "2-digit", minute: "2-digit" }),
          long: format({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }),
        };
      case "day":
        return { short: format({ day: "numeric", month: "numeric" }), long: format({ weekday: "long", day: "numeric", month: "long" }) };
      case "week":
        return { short: format({ day: "numeric", month: "numeric" }), long: format({ day: "numeric", month: "long", year: "numeric" }) };
      case "month":
        return { short: format({ month: "short" }), long: format({ month: "long", year: "numeric" }) };
      default:
        return interval satisfies never;
    }
  }, [locale, timeZone, interval]);
}
