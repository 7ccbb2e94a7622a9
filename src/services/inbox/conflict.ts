import { Rejection } from "../../core/rejection.ts";
import { sqlStateOf } from "../../db/sql-state.ts";

/** What a unique key refuses is a conflict of two people, not a fault. The transaction is over with it. */
export async function orConflict<T>(work: Promise<T>, detail: string): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (sqlStateOf(error) === "23505") throw new Rejection("conflict", 409, detail);
    throw error;
  }
}
