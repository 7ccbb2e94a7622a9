/** Something that is done on the server: whether it is under way, and why it failed. Errors are told in the reader's language. */
import { useCallback, useEffect, useRef, useState } from "react";
import { useText } from "../app/text.tsx";
import { ApiError, Unreachable } from "../data/api.ts";
import { showToast } from "./toast.tsx";

export type Action<Values extends readonly unknown[]> = { run: (...values: Values) => void; isRunning: boolean; error: Error | null };

/** Keeps the error; says nothing by itself. `run` stays the same function. */
export function useAction<Values extends readonly unknown[]>(act: (...values: Values) => Promise<unknown>): Action<Values> {
  const [state, setState] = useState<{ isRunning: boolean; error: Error | null }>({ isRunning: false, error: null });
  const current = useRef(act);
  useEffect(() => {
    current.current = act;
  });
  const run = useCallback((...values: Values) => {
    setState({ isRunning: true, error: null });
    current.current(...values).then(
      () => setState({ isRunning: false, error: null }),
      (error: unknown) => setState({ isRunning: false, error: error instanceof Error ? error : new Error(String(error)) }),
    );
  }, []);
  return { run, ...state };
}

/** Runs a deed and says so when it fails. */
export function useDeed(): (deed: () => Promise<unknown>) => void {
  const text = useText();
  return useCallback(
    (deed) => {
      deed().catch((error: unknown) => {
        if (error instanceof Unreachable) showToast("error", text("error_unreachable"));
        else if (error instanceof ApiError)
          showToast(
            "error",
            error.problem?.code === "forbidden" ? text("error_forbidden") : text("error_refused", { detail: error.message }),
          );
        else throw error;
      });
    },
    [text],
  );
}
