import pg from "pg";

/** The SQLSTATE of an error that the server reported; null for everything else. */
export function sqlStateOf(error: unknown): string | null {
  return error instanceof pg.DatabaseError ? (error.code ?? null) : null;
}
