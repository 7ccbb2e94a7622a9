/**
 * What is known of a template, put together from webhooks and lists that arrive in any order. It is kept in groups, each with the time of
 * its word; a group is replaced as a whole and only by a later word. So the result depends on the set of changes alone (I3).
 */
import { templateStatuses, type TemplateStatus } from "../contract/templates.ts";
import type { TemplateShape } from "./template.ts";

/** Why a template has a status. Lists say less than webhooks, so it outlives them; it is told while the status is the same. */
export type StatusCause = { status: TemplateStatus; reason: string | null; pausedUntilMs: number | null };
/** What Meta takes a template to be, and from when on it counts as that. */
export type Correction = { category: string; fromMs: number | null };
/** The texts that a webhook tells of an edit. It is silent about media and about some buttons. */
export type TextEdit = { header: string | null; body: string | null; footer: string | null };

type Groups = {
  waTemplateId: string;
  status: TemplateStatus;
  cause: StatusCause;
  quality: string | null;
  category: { category: string | null; previous: string | null };
  correction: Correction | null;
  shape: TemplateShape;
  edit: TextEdit;
};
const groups = [
  "waTemplateId",
  "status",
  "cause",
  "quality",
  "category",
  "correction",
  "shape",
  "edit",
] as const satisfies readonly (keyof Groups)[];

export type Dated<Value> = { readonly atMs: number; readonly value: Value };
/** How `whatsapp_templates.state` is stored. A group that nobody spoke of is not there. */
export type TemplateState = { readonly [Group in keyof Groups]?: Dated<Groups[Group]> };
/** The groups that one webhook, or one line of a list, speaks of. */
export type TemplateChange = { readonly atMs: number; readonly told: Partial<Groups> };

/** Answers the same object when nothing is new. */
export function advance(state: TemplateState, { atMs, told }: TemplateChange): TemplateState {
  const next: Record<string, Dated<unknown>> = {};
  for (const group of groups) {
    const value = told[group];
    const known = state[group];
    if (value !== undefined && (known === undefined || isLater(group, { atMs, value }, known))) next[group] = { atMs, value };
  }
  // Each group got a value of its own kind two lines above.
  return Object.keys(next).length === 0 ? state : { ...state, ...(next as TemplateState) };
}

/** At one time the later status counts, and of all else the greater text: any rule would do that does not ask which came first. */
function isLater(group: keyof Groups, told: Dated<unknown>, known: Dated<unknown>): boolean {
  if (told.atMs !== known.atMs) return told.atMs > known.atMs;
  const [before, after] = [rankOf(group, known.value), rankOf(group, told.value)];
  return before === after ? orderedText(told.value) > orderedText(known.value) : after > before;
}

function rankOf(group: keyof Groups, value: unknown): number {
  return group === "status" ? templateStatuses.findIndex((status) => status === value) : 0;
}

/** A database may give an object's keys back in another order. */
function orderedText(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

export type TemplateFacts = {
  waTemplateId: string | null;
  status: TemplateStatus;
  reason: string | null;
  pausedUntilMs: number | null;
  quality: string | null;
  category: string | null;
  previousCategory: string | null;
  correctCategory: string | null;
  categoryChangesAtMs: number | null;
  /** Null while no list has told it. */
  shape: TemplateShape | null;
};

export function factsOf(state: TemplateState): TemplateFacts {
  const status = state.status?.value ?? "unknown";
  const cause = state.cause?.value.status === status ? state.cause.value : null;
  const category = state.category?.value.category ?? null;
  const correction = state.correction?.value ?? null;
  // A list may show the correction done before a webhook says so.
  const isPending = correction !== null && correction.category !== category;
  return {
    waTemplateId: state.waTemplateId?.value ?? null,
    status,
    reason: cause?.reason ?? null,
    pausedUntilMs: cause?.pausedUntilMs ?? null,
    quality: state.quality?.value ?? null,
    category,
    previousCategory: state.category?.value.previous ?? null,
    correctCategory: isPending ? correction.category : null,
    categoryChangesAtMs: isPending ? correction.fromMs : null,
    shape: currentShape(state),
  };
}

/** The parts with the texts of a later edit. */
function currentShape({ shape, edit }: TemplateState): TemplateShape | null {
  if (shape === undefined) return null;
  if (edit === undefined || edit.atMs <= shape.atMs) return shape.value;
  const { header, body, footer } = edit.value;
  const kept = shape.value.header?.kind === "text" ? null : shape.value.header;
  return {
    ...shape.value,
    header: header === null ? kept : { kind: "text", text: header },
    body: body ?? shape.value.body,
    footer,
  };
}
