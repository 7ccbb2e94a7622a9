/** The frame of every screen but the conversations: a heading, what can be done, and a column that scrolls. */
import type { ReactNode } from "react";

export function Page({ title, actions, children }: { title: string; actions?: ReactNode; children: ReactNode }) {
  return (
    <main className="flex min-w-0 grow flex-col overflow-y-auto bg-panel">
      <header className="sticky top-0 z-10 flex min-h-14 flex-wrap items-center gap-3 border-b border-line bg-panel/95 px-5 py-2 backdrop-blur">
        <h1 className="grow text-lg font-semibold">{title}</h1>
        {actions}
      </header>
      <div className="mx-auto w-full max-w-5xl grow p-5">{children}</div>
    </main>
  );
}

export type Column<Row> = { title: string; show: (row: Row) => ReactNode; isNumber?: boolean };

/** A table that scrolls sideways in itself where it is too wide. */
export function Table<Row>({
  caption,
  columns,
  rows,
  keyOf,
}: {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
}) {
  return (
    <div className="overflow-x-auto rounded-xl border border-line bg-raised">
      <table className="w-full text-sm">
        <caption className="sr-only">{caption}</caption>
        <thead className="border-b border-line text-soft">
          <tr>
            {columns.map(({ title, isNumber = false }) => (
              <th key={title} scope="col" className={`px-4 py-2.5 font-medium whitespace-nowrap ${isNumber ? "text-end" : "text-start"}`}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} className="border-b border-line last:border-0">
              {columns.map(({ title, show, isNumber = false }) => (
                <td key={title} className={`px-4 py-2.5 align-top ${isNumber ? "text-end tabular-nums" : "text-start"}`}>
                  {show(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
