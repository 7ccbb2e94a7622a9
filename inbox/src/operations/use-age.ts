import { useIntl } from "react-intl";
import { useNow } from "../data/clock.ts";

const units = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
] as const;

/** How long ago: "3 hours ago", by the reader's language and the server's clock. */
export function useAge(): (at: string) => string {
  const { formatRelativeTime } = useIntl();
  const nowMs = useNow(1_000);
  return (at) => {
    const agoMs = Math.max(0, nowMs - Date.parse(at));
    const [unit, ms] = units.find(([, size]) => agoMs >= size) ?? (["second", 1_000] as const);
    return formatRelativeTime(-Math.floor(agoMs / ms), unit, { numeric: "always" });
  };
}
