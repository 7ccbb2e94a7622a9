/** When customers write: a table whose cells are also a picture. */
import { useIntl } from "react-intl";
import { useFormats, useText } from "../app/text.tsx";
import { Card } from "../ui/card.tsx";

/** A Sunday: what `weeks[0]` is. */
const sunday = Date.UTC(2026, 10, 22);
const dayMs = 86_400_000;

export function Busiest({ weeks }: { weeks: readonly (readonly number[])[] }) {
  const text = useText();
  const formats = useFormats();
  const { formatDate } = useIntl();
  const most = Math.max(1, ...weeks.flat());
  const dayName = (day: number, weekday: "short" | "long"): string => formatDate(sunday + day * dayMs, { weekday, timeZone: "UTC" });
  const hourName = (hour: number): string => `${String(hour).padStart(2, "0")}:00`;
  return (
    <Card title={text("overview_busiest")}>
      <table className="w-full table-fixed border-separate border-spacing-[2px] text-[11px]">
        <caption className="sr-only">{text("overview_busiest")}</caption>
        <thead>
          <tr>
            <th scope="col" className="w-14 text-start font-normal text-faint">
              <span className="sr-only">{text("overview_day")}</span>
            </th>
            {Array.from({ length: 24 }, (_, hour) => (
              <th key={hour} scope="col" className="overflow-visible p-0 text-start font-normal whitespace-nowrap text-faint">
                {hour % 6 === 0 ? <bdi dir="ltr">{hourName(hour)}</bdi> : <span className="sr-only">{hourName(hour)}</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {weeks.map((hours, day) => (
            <tr key={day}>
              <th scope="row" className="truncate pe-1 text-start font-normal text-soft">
                {dayName(day, "short")}
              </th>
              {hours.map((count, hour) => (
                <td
                  key={hour}
                  title={text("overview_busiest_cell", { day: dayName(day, "long"), hour: hourName(hour), count })}
                  className="h-5 rounded-[3px] p-0"
                  style={{
                    backgroundColor: `color-mix(in srgb, var(--accent) ${count === 0 ? 0 : 18 + (count / most) * 82}%, var(--sunken))`,
                  }}
                >
                  <span className="sr-only">{formats.number(count)}</span>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}
