/**
 * What webhooks tell of a template. They name it by id, name and language; none has a time of its own, so that of its entry counts
 * (Meta's webhook reference, read 2026-11).
 */
import type { TemplateStatus } from "../../../../contract/templates.ts";
import { normaliseLanguage, templateStatusOf } from "../../../../core/template.ts";
import type { TemplateChange } from "../../../../core/template-state.ts";
import type { LocatedUpdate } from "../updates.ts";
import { readId, readName, readRecord, readText, readTimeMs, readWord, type Wire } from "../wire.ts";

/** A template is found by name and language; by Meta's id when one of them is missing. */
export type NamedChange = { name: string | null; language: string | null; waTemplateId: string | null; change: TemplateChange };

/** Null for what speaks of no template, or says nothing that is kept. `atMs`: when Meta sent it, as far as that is known. */
export function decodeTemplateChange(located: LocatedUpdate, atMs: number): NamedChange | null {
  const read = readers[located.field];
  const value = readRecord(readRecord(located.element)?.["value"]);
  if (read === undefined || value === null) return null;
  const told = read(value, atMs);
  if (told === null) return null;
  const waTemplateId = readWholeId(value["message_template_id"]);
  const name = readName(value["message_template_name"]);
  const language = readWord(value["message_template_language"]);
  if (waTemplateId === null && (name === null || language === null)) return null;
  return {
    name,
    language: language === null ? null : normaliseLanguage(language),
    waTemplateId,
    change: { atMs, told: { ...(waTemplateId === null ? {} : { waTemplateId }), ...told } },
  };
}

type Told = TemplateChange["told"];

const readers: Readonly<Record<string, (value: Wire, atMs: number) => Told | null>> = {
  message_template_status_update: readStatusUpdate,
  message_template_quality_update: readQualityUpdate,
  template_category_update: readCategoryUpdate,
  template_correct_category_detection: readCategoryDetection,
  message_template_components_update: readEdit,
};

/** It comes as a number. One above 2^53 has lost digits and would be another template's. */
function readWholeId(value: unknown): string | null {
  return typeof value === "number" ? (Number.isSafeInteger(value) ? String(value) : null) : readId(value);
}

const hourMs = 60 * 60 * 1_000;
/** The third time it is disabled instead (Meta's page on pausing, 2026-10). */
const pauseMs: Readonly<Record<string, number>> = { FIRST_PAUSE: 3 * hourMs, SECOND_PAUSE: 6 * hourMs };

function readStatusUpdate(value: Wire, atMs: number): Told | null {
  const status = readStatus(readWord(value["event"]));
  if (status === null) return null;
  const title = readWord(readRecord(value["other_info"])?.["title"]) ?? "";
  const pause = status === "paused" ? pauseMs[title] : undefined;
  return { status, cause: { status, reason: reasonOf(value), pausedUntilMs: pause === undefined ? null : atMs + pause } };
}

function reasonOf(value: Wire): string | null {
  return (
    readReason(value["reason"]) ??
    readName(readRecord(value["rejection_info"])?.["reason"]) ??
    readName(readRecord(value["other_info"])?.["description"])
  );
}

/** `NONE` stands for nothing. */
export function readReason(value: unknown): string | null {
  const reason = readName(value);
  return reason === "NONE" ? null : reason;
}

/** Meta's word as ours; null for none. A word that is new is `unknown`: nobody can say whether such a template may be sent. */
export function readStatus(word: string | null): TemplateStatus | null {
  if (word === null) return null;
  const status = word.toLowerCase();
  if (status === "reinstated" || status === "unarchived") return "approved";
  return templateStatusOf(status);
}

function readQualityUpdate(value: Wire): Told | null {
  const quality = readWord(value["new_quality_score"]);
  return quality === null ? null : { quality };
}

/** A notice names the category that it has as new, and the one that it will have as correct. What is done has nothing to correct. */
function readCategoryUpdate(value: Wire): Told | null {
  const category = readWord(value["new_category"]);
  const correct = readWord(value["correct_category"]);
  const fromMs = readTimeMs(value["category_update_timestamp"]);
  if (correct !== null) return { correction: { category: correct, fromMs } };
  if (category === null) return null;
  return { category: { category, previous: readWord(value["previous_category"]) }, correction: null };
}

function readCategoryDetection(value: Wire): Told | null {
  const category = readWord(value["correct_category"]);
  return category === null ? null : { correction: { category, fromMs: null } };
}

function readEdit(value: Wire): Told {
  const header = readText(value["message_template_title"]);
  const body = readText(value["message_template_element"]);
  return { edit: { header, body, footer: readText(value["message_template_footer"]) } };
}
