/** What stands in a thread, top to bottom: days, messages, albums of pictures that came together, notes, and what is still being sent. */
import type { Note } from "../../../src/contract/inbox.ts";
import type { Message } from "../../../src/contract/messages.ts";
import type { PendingSend } from "../data/sends.ts";
import { fieldsOf } from "./fields.ts";

export type ThreadItem =
  | { kind: "day"; key: string; at: string }
  /** `isFirst` and `isLast` of a run by the same side: only its last bubble has a tail. */
  | { kind: "message"; key: string; id: string; isFirst: boolean; isLast: boolean }
  | { kind: "album"; key: string; ids: readonly string[]; isFirst: boolean; isLast: boolean }
  | { kind: "note"; key: string; note: Note }
  | { kind: "pending"; key: string; pending: PendingSend };

const albumGapMs = 60_000;
const runGapMs = 5 * 60_000;
const albumMax = 30;

export function threadItems(messages: readonly Message[], notes: readonly Note[], pending: readonly PendingSend[]): ThreadItem[] {
  const items: ThreadItem[] = [];
  // The day that was begun last, in this machine's time: [from, to).
  let [dayFromMs, dayToMs] = [0, 0];
  let noteAt = 0;
  // Notes before the first message that is here belong to a part that was not read.
  const begin = messages[0]?.waTimestamp ?? "";
  while (noteAt < notes.length && (notes[noteAt]?.createdAt ?? "") < begin) noteAt += 1;
  const openDay = (at: string): void => {
    const atMs = Date.parse(at);
    if (atMs >= dayFromMs && atMs < dayToMs) return;
    const day = new Date(atMs);
    dayFromMs = new Date(day.getFullYear(), day.getMonth(), day.getDate()).getTime();
    dayToMs = new Date(day.getFullYear(), day.getMonth(), day.getDate() + 1).getTime();
    items.push({ kind: "day", key: `day ${at.slice(0, 10)} ${day.toDateString()}`, at });
  };
  const notesUntil = (at: string): void => {
    for (let note = notes[noteAt]; note !== undefined && note.createdAt < at; note = notes[noteAt]) {
      openDay(note.createdAt);
      items.push({ kind: "note", key: note.id, note });
      noteAt += 1;
    }
  };

  for (let at = 0; at < messages.length; at += 1) {
    const message = messages[at];
    if (message === undefined) continue;
    notesUntil(message.waTimestamp);
    openDay(message.waTimestamp);
    const album = albumAt(messages, at);
    const last = messages[at + album.length - 1] ?? message;
    const run = { isFirst: !isOneRun(messages[at - 1], message), isLast: !isOneRun(last, messages[at + album.length]) };
    if (album.length > 1) items.push({ kind: "album", key: message.id, ids: album, ...run });
    else items.push({ kind: "message", key: message.id, id: message.id, ...run });
    at += album.length - 1;
  }
  notesUntil("\uffff");
  for (const one of pending) items.push({ kind: "pending", key: one.key, pending: one });
  return items;
}

/** The ids of the pictures that came together from here on; one id where it is an ordinary message. */
function albumAt(messages: readonly Message[], at: number): string[] {
  const first = messages[at];
  if (first === undefined || !isPicture(first)) return first === undefined ? [] : [first.id];
  const ids = [first.id];
  let before = first;
  for (let next = messages[at + 1]; next !== undefined && ids.length < albumMax; next = messages[at + ids.length]) {
    if (!isPicture(next) || next.direction !== first.direction || gapMs(before, next) > albumGapMs) break;
    ids.push(next.id);
    before = next;
  }
  return ids;
}

function isPicture({ content, revokedAt, error, replyTo, reactions }: Message): boolean {
  const { kind, caption } = fieldsOf(content);
  const isBare = caption === undefined || caption === null || caption === "";
  return (
    (kind === "image" || kind === "video") && isBare && revokedAt === null && error === null && replyTo === null && reactions.length === 0
  );
}

function isOneRun(a: Message | undefined, b: Message | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  const isSameSide = a.direction === b.direction && a.from?.waId === b.from?.waId;
  return isSameSide && a.type !== "system" && b.type !== "system" && gapMs(a, b) < runGapMs;
}

function gapMs(a: Message, b: Message): number {
  return Date.parse(b.waTimestamp) - Date.parse(a.waTimestamp);
}
