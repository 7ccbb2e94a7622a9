/**
 * The log: JSON lines on stdout. Fields are chosen one by one in `events.ts`; the redaction here is only the second net. Bodies, names,
 * phone numbers and tokens never come here, and of errors only what cannot carry them.
 */
import { pino, type DestinationStream, type Logger } from "pino";
import { limits } from "../limits.ts";
import type { LogLevel } from "../config.ts";

export type Log = Logger;

const neverLogged = [
  "accessToken",
  "appSecret",
  "authorization",
  "body",
  "cookie",
  // Of a request, by libraries that log for themselves: @fastify/multipart does at `trace`.
  "headers",
  "password",
  "phone",
  "profileName",
  "secret",
  "text",
  "token",
  "waId",
];

/** `destination` is stdout unless given. */
export function createLog(level: LogLevel, destination?: DestinationStream): Log {
  const options = {
    level,
    base: { process: process.pid },
    // Whoever hands an error over as it is, the HTTP layer for one: pino's own way would print all of its fields.
    serializers: { err: loggedError },
    redact: { paths: neverLogged.flatMap((name) => [name, `*.${name}`]), censor: "[kept out]" },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

function loggedError(error: unknown): ErrorFacts & { stack?: string } {
  const frames = error instanceof Error ? error.stack?.split("\n").filter((line) => /^\s+at /.test(line)) : undefined;
  return { ...errorFacts(error), ...(frames === undefined ? {} : { stack: frames.join("\n") }) };
}

export type ErrorFacts = {
  name: string;
  /** SQLSTATE, or the system's code. */
  code?: string;
  severity?: string;
  routine?: string;
  constraint?: string;
  table?: string;
  message?: string;
  /** Where it was thrown: file and line, without the message. */
  at?: string;
};

/**
 * What may be said about an error. Messages and details of PostgreSQL quote values, those of JSON.parse quote the body: left out.
 * Other messages are ours or the system's; long runs of digits in them are masked all the same.
 */
export function errorFacts(error: unknown): ErrorFacts {
  if (!(error instanceof Error)) return { name: typeof error };
  const facts: ErrorFacts = { name: error.name };
  const fields = new Map<string, unknown>(Object.entries(error));
  for (const name of ["code", "severity", "routine", "constraint", "table"] as const) {
    const value = fields.get(name);
    if (typeof value === "string") facts[name] = value.slice(0, limits.logMessageCharsMax);
  }
  const quotesValues = facts.severity !== undefined || error instanceof SyntaxError;
  if (!quotesValues) facts.message = error.message.replaceAll(/\d{7,}/g, "#").slice(0, limits.logMessageCharsMax);
  const at = error.stack?.split("\n").find((line) => /^\s+at /.test(line));
  if (at !== undefined) facts.at = at.trim().slice(3, limits.logMessageCharsMax);
  return facts;
}
