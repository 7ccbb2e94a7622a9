/**
 * What an error of the database asks for. Unavailability passes by itself and is retried whole, never parked;
 * everything else is blamed on the data, and the batch is cut until the guilty update is found.
 * SQLSTATE classes: https://www.postgresql.org/docs/18/errcodes-appendix.html
 */
export type Failure = "unavailable" | "data";

const unavailableClasses: ReadonlySet<string> = new Set(["08", "25", "40", "53", "57", "58"]);
/** 55P03 lock_not_available; 25P02/25P03 come with an aborted or timed-out transaction; 42501 after a failover to a fresh server does not pass by itself. */
const unavailableStates: ReadonlySet<string> = new Set(["55P03", "55006"]);

/** `sqlState` is null when the error did not come from the server: a socket, a time-out, our own deadline. */
export function classifyFailure(sqlState: string | null): Failure {
  if (sqlState === null) return "unavailable";
  return unavailableClasses.has(sqlState.slice(0, 2)) || unavailableStates.has(sqlState) ? "unavailable" : "data";
}
