/** Asks the server what a statement would answer, without running it: Parse, Describe, Sync of the extended protocol. */
import type pg from "pg";

/** `origin` is the column of a table that the field shows as it is, else null. */
export type Field = { name: string; oid: number; origin: { table: number; column: number } | null };

type Described = { name: string; dataTypeID: number; tableID: number; columnID: number };

/** The part of `pg`'s session that a message of our own needs (pg/lib/connection.js and client.js, 8.23). */
type Wire = {
  parse(message: { name: string; text: string; types: readonly number[] }): void;
  describe(message: { type: "S"; name: string }): void;
  sync(): void;
};

/** Rejects with the server's error. */
export function describeStatement(client: pg.Client, text: string): Promise<Field[]> {
  const { promise, resolve, reject } = Promise.withResolvers<Field[]>();
  let fields: Field[] = [];
  const exchange = {
    submit(wire: Wire): null {
      wire.parse({ name: "", text, types: [] });
      wire.describe({ type: "S", name: "" });
      wire.sync();
      return null;
    },
    handleRowDescription(message: { fields: readonly Described[] }): void {
      fields = message.fields.map(({ name, dataTypeID, tableID, columnID }) => ({
        name,
        oid: dataTypeID,
        origin: tableID === 0 ? null : { table: tableID, column: columnID },
      }));
    },
    // After an error `pg` waits for the server's ReadyForQuery by itself.
    handleError(error: Error): void {
      reject(error);
    },
    handleReadyForQuery(): void {
      resolve(fields);
    },
  };
  // `pg` accepts whatever has `submit`; its types know only its own queries.
  client.query(exchange as unknown as pg.Submittable & Wire);
  return promise;
}
