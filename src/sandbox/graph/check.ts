/** Pieces of Meta's checks of a message: each gives the value, or refuses in Meta's words and names the field. */
import { readRecord, type Wire } from "../../services/whatsapp/graph/wire.ts";
import { GraphRefusal, refuseParameter } from "./answer.ts";

export function needRecord(value: unknown, name: string): Wire {
  const record = readRecord(value);
  if (record === null) throw missing(name);
  return record;
}

/** Between `min` and `max` long. */
export function needList(value: unknown, name: string, [min, max]: readonly [number, number]): readonly unknown[] {
  if (!Array.isArray(value)) throw missing(name);
  if (value.length < min || value.length > max) throw invalid(`${name} must have ${min} to ${max} elements, and has ${value.length}`);
  return value;
}

/** Not empty, up to so many characters. */
export function needText(value: unknown, name: string, charsMax: number): string {
  if (value === undefined || value === null || value === "") throw missing(name);
  if (typeof value !== "string") throw invalid(`${name} must be a string`);
  if (value.length > charsMax) throw refuseParameter(`Param ${name} must be at most ${charsMax} characters long.`);
  return value;
}

/** As `needText`, if it is there. */
export function checkText(value: unknown, name: string, charsMax: number): void {
  if (value !== undefined && value !== null) needText(value, name, charsMax);
}

export function needOneOf(value: unknown, name: string, words: readonly string[]): string {
  if (typeof value !== "string") throw missing(name);
  if (!words.includes(value)) throw refuseParameter(`Param ${name} must be one of {${words.join(", ")}} - got "${value}".`);
  return value;
}

export function needNumber(value: unknown, name: string, [min, max]: readonly [number, number]): number {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number !== "number" || Number.isNaN(number)) throw missing(name);
  if (number < min || number > max) throw invalid(`${name} must be between ${min} and ${max}`);
  return number;
}

export function needUrl(value: unknown, name: string): string {
  const text = needText(value, name, 2_000);
  if (!/^https?:$/.test(URL.parse(text)?.protocol ?? "")) throw refuseParameter(`Param ${name} is not a valid URI.`);
  return text;
}

export function missing(name: string): GraphRefusal {
  return new GraphRefusal(131_008, `Required parameter ${name} is missing`);
}

export function invalid(details: string): GraphRefusal {
  return new GraphRefusal(131_009, details);
}
