/**
 * SQL is written by hand beside its table and registered here by name, so that one test can prepare every statement
 * against the migrated database and hold its columns against the row that the code expects.
 */
const columnOids = {
  bool: [16],
  bytes: [17],
  bigint: [20, 1700],
  int: [21, 23],
  text: [25, 1043, 19],
  json: [114, 3802],
  time: [1184],
  uuid: [2950],
  uuids: [2951],
  texts: [1009],
} as const;

type Columns = {
  bool: boolean;
  bytes: Buffer;
  bigint: number;
  int: number;
  text: string;
  json: unknown;
  time: number;
  uuid: string;
  uuids: string[];
  texts: string[];
};
export type Column = keyof Columns;
/** `?` marks a column that may be null. */
export type RowSpec = Readonly<Record<string, Column | `${Column}?`>>;
export type RowOf<Spec extends RowSpec> = {
  [Name in keyof Spec]: Spec[Name] extends `${infer Base extends Column}?`
    ? Columns[Base] | null
    : Spec[Name] extends Column
      ? Columns[Spec[Name]]
      : never;
};

/** A parameter: arrays come from `arrays.ts` as Buffers; times as ISO text. */
export type Value = string | number | boolean | null | Buffer | readonly string[];

export type Statement<Row> = { readonly name: string; readonly text: string; readonly spec: RowSpec; readonly row?: Row };

const registered = new Map<string, Statement<unknown>>();

/**
 * `name` is unique and becomes the name of the prepared statement. Times are read as milliseconds since 1970,
 * bigint as a number (all of ours stay below 2^53).
 */
export function statement<const Spec extends RowSpec>(name: string, text: string, spec: Spec): Statement<RowOf<Spec>> {
  if (registered.has(name)) throw new Error(`Two statements are called ${name}`);
  const made: Statement<RowOf<Spec>> = { name, text, spec };
  registered.set(name, made);
  return made;
}

/** For the test that prepares them all. */
export function registeredStatements(): readonly Statement<unknown>[] {
  return [...registered.values()];
}

export function oidsOf(column: Column): readonly number[] {
  return columnOids[column];
}

/** ISO text of a time in milliseconds, the form in which a single time is passed. */
export function time(atMs: number): string;
export function time(atMs: number | null): string | null;
export function time(atMs: number | null): string | null {
  return atMs === null ? null : new Date(atMs).toISOString();
}
