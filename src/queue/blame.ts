/** Whose fault a failed batch is: the database's, which passes by itself, or the data's, which must be found and set aside. */
import { classifyFailure } from "../core/failure.ts";
import { LinkError } from "../db/pool.ts";
import { sqlStateOf } from "../db/sql-state.ts";

/** An error without a SQLSTATE on a living link is our own: the data led to it, so it counts as the data's fault. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof LinkError) return true;
  const sqlState = sqlStateOf(error);
  return sqlState !== null && classifyFailure(sqlState) === "unavailable";
}

/** query_canceled (by a time-out), out_of_memory (also of the lock table), statement_too_complex. */
const ambiguousStates: ReadonlySet<string> = new Set(["57014", "53200", "54001"]);

/** A statement that is too slow, or that needs more memory or locks than there are, may be the data's doing. */
export function mayBeTheData(error: unknown): boolean {
  return ambiguousStates.has(sqlStateOf(error) ?? "");
}

/** The server's message may quote a customer's text, so only its kind is kept. */
export function detailOf(error: unknown): string {
  const sqlState = sqlStateOf(error);
  if (sqlState !== null) return `The database refused it with SQLSTATE ${sqlState}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : "An error of no kind";
}
