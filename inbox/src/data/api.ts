/** Calls of our own API, with the session's cookie. Every refusal is an `ApiError` with the API's stable code. */
import type { Problem } from "../../../src/contract/problem.ts";
import { noteServerTime } from "./clock.ts";

export class ApiError extends Error {
  readonly status: number;
  readonly problem: Problem | null;

  constructor(status: number, problem: Problem | null) {
    super(problem?.detail ?? `The server answered ${status}`);
    this.name = "ApiError";
    this.status = status;
    this.problem = problem;
  }
}

/** The server was not reached, or had no time: trying again is right. */
export class Unreachable extends Error {}

type Query = Readonly<Record<string, string | number | boolean | null | undefined>>;
export type Call = {
  method?: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  query?: Query;
  body?: unknown;
  form?: FormData;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
};

export type Api = {
  /** What is answered is what the contract says of this path: `Answer` is the caller's word for it. */
  call: <Answer>(path: string, call?: Call) => Promise<Answer>;
  /** Of a file or a stream. */
  url: (path: string, query?: Query) => string;
};

/** `tenantId` null: the session's own. `onSignedOut` hears of every 401. */
export function createApi(options: { tenantId: string | null; onSignedOut: () => void }): Api {
  const url = (path: string, query: Query = {}): string => {
    const search = new URLSearchParams();
    const all = { ...(options.tenantId === null ? {} : { tenantId: options.tenantId }), ...query };
    for (const [name, value] of Object.entries(all)) if (value !== null && value !== undefined) search.set(name, value);
    const text = search.toString();
    return `/api/v1/${path}${text === "" ? "" : `?${text}`}`;
  };
  return {
    url,
    async call<Answer>(path: string, { method = "GET", query, body, form, headers, signal }: Call = {}): Promise<Answer> {
      const answer = await fetch(url(path, query), {
        method,
        headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
        ...(form === undefined ? (body === undefined ? {} : { body: JSON.stringify(body) }) : { body: form }),
        ...(signal === undefined ? {} : { signal }),
        credentials: "same-origin",
      }).catch((error: unknown) => {
        if (signal?.aborted === true) throw error;
        throw new Unreachable("The server was not reached", { cause: error });
      });
      noteServerTime(answer.headers.get("date"));
      if (answer.status === 401) options.onSignedOut();
      if (!answer.ok) throw await refusal(answer);
      // The API answers what its contract says; 204 has no body.
      return (answer.status === 204 ? null : await answer.json()) as Answer;
    },
  };
}

async function refusal(answer: Response): Promise<Error> {
  const problem = (await answer.json().catch(() => null)) as Problem | null;
  if (answer.status === 502 || answer.status === 503 || answer.status === 504) return new Unreachable(problem?.detail ?? "Not available");
  return new ApiError(answer.status, problem);
}
