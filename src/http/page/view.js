/** Pieces of the page, made of elements and text nodes only. */
import { eventNames, kinds, texts, ticks } from "./texts.js";

const dayMs = 86_400_000;

export function conversationItem(conversation, { language, isChosen, onChoose }) {
  const words = texts[language];
  const name = nameOf(conversation, language);
  const button = element("button", "conversation", [
    element("span", `avatar hue${hueOf(conversation.id)}`, [firstLetter(name)]),
    element("bdi", "who", [name]),
    timeElement(conversation.lastMessageAt, language),
    element("bdi", "preview", [plain(conversation.lastMessagePreview ?? "")]),
    conversation.unreadCount > 0 ? element("span", "unread", [String(conversation.unreadCount)]) : element("span", "", []),
    element("span", "left", [
      element("span", "window", []),
      progress(),
      element("span", "counts", [`${conversation.inboundCount} ${words.received} · ${conversation.outboundCount} ${words.sentCount}`]),
    ]),
  ]);
  button.type = "button";
  button.dataset.conversationId = conversation.id;
  button.setAttribute("aria-current", String(isChosen));
  button.addEventListener("click", () => onChoose(conversation.id));
  return element("li", "", [button]);
}

export function nameOf({ contact, group }, language) {
  const words = texts[language];
  if (contact === null) return plain(group?.subject ?? words.group);
  return plain(contact.profileName ?? contact.username ?? contact.waId ?? words.unknownContact);
}

export function messageItem(message, language) {
  const words = texts[language];
  const label =
    message.type === "text" ? [] : [element("span", "kind", [kinds[message.type]?.[language === "he" ? 0 : 1] ?? message.type])];
  const body = element("p", "", [message.revokedAt ? words.revoked : plain(contentText(message.content))]);
  body.dir = "auto";
  const meta = [
    ...(message.reactions ?? []).map((reaction) => element("bdi", "reactions", [reaction.emoji])),
    ...(message.origin === "automatic" ? [element("span", "", [words.automatic])] : []),
    ...(message.editedAt ? [element("span", "", [words.edited])] : []),
    timeElement(message.waTimestamp, language),
    ...(message.direction === "outbound" ? [tick(message.status, language)] : []),
  ];
  const problem = message.error === null || message.error === undefined ? [] : [problemOf(message.error)];
  return element("li", `message ${message.direction === "outbound" ? "outbound" : "inbound"}`, [
    ...label,
    body,
    ...problem,
    element("div", "meta", meta),
  ]);
}

export function eventItem(event, language) {
  return element("li", "", [
    element("span", "seq", [`#${event.seq}`]),
    element("span", "", [eventNames[event.type]?.[language === "he" ? 0 : 1] ?? event.type]),
    timeElement(event.at, language, true),
  ]);
}

/** Hours, minutes and seconds; the digits stay left to right. */
export function windowText(leftMs, language) {
  if (leftMs <= 0) return texts[language].windowClosed;
  const seconds = Math.floor(leftMs / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${texts[language].windowLeft} \u2066${parts.map((part) => String(part).padStart(2, "0")).join(":")}\u2069`;
}

function tick(status, language) {
  const [sign, hebrew, english] = ticks[status] ?? [status, status, status];
  const mark = element("span", `tick ${status}`, [sign]);
  mark.title = language === "he" ? hebrew : english;
  mark.setAttribute("role", "img");
  mark.setAttribute("aria-label", mark.title);
  return mark;
}

function problemOf(error) {
  const line = element("p", "problem", [error.sentence ?? error.title ?? String(error.code)]);
  line.dir = "auto";
  return line;
}

/** What a message says, whatever its kind; nothing here is trusted to have the right shape. */
function contentText(content) {
  const found = content ?? {};
  const shared = Array.isArray(found.contacts) ? found.contacts.map((contact) => contact?.name ?? contact?.phones?.[0]?.phone ?? "") : [];
  const items = Array.isArray(found.items) ? found.items.map((item) => `${item?.quantity ?? ""} × ${item?.productRetailerId ?? ""}`) : [];
  const place = found.kind === "location" ? [found.name, found.address, `${found.latitude}, ${found.longitude}`] : [];
  const error = Array.isArray(found.errors) ? [found.errors[0]?.details ?? found.errors[0]?.title] : [];
  const parts = [found.body, found.caption, found.filename, found.text, found.title, found.description, found.emoji, found.unsupportedType];
  return [...parts, ...place, ...shared, ...items, ...error].filter((part) => typeof part === "string" && part !== "").join("\n");
}

/** Without the marks that turn the order of letters round: `invoice\u202Efdp.exe` would look like a PDF. */
function plain(text) {
  return text.replaceAll(/[\u202a-\u202e\u2066-\u2069]/g, "");
}

function timeElement(iso, language, withSeconds = false) {
  const time = element("time", "when", []);
  if (typeof iso !== "string") return time;
  const at = new Date(iso);
  const isToday = at.toDateString() === new Date().toDateString();
  const clock = { hour: "2-digit", minute: "2-digit", ...(withSeconds ? { second: "2-digit" } : {}) };
  time.dateTime = iso;
  time.textContent = at.toLocaleString(
    language === "he" ? "he-IL" : "en-GB",
    isToday ? clock : { day: "numeric", month: "short", ...clock },
  );
  return time;
}

function progress() {
  const bar = document.createElement("progress");
  bar.max = dayMs;
  bar.value = 0;
  bar.setAttribute("aria-hidden", "true");
  return bar;
}

function firstLetter(name) {
  const letter = new Intl.Segmenter().segment(name.replace(/^[^\p{L}\p{N}]+/u, "")).containing(0);
  return letter?.segment.toUpperCase() ?? "•";
}

function hueOf(id) {
  let sum = 0;
  for (const letter of id) sum += letter.charCodeAt(0);
  return sum % 6;
}

function element(name, className, children) {
  const made = document.createElement(name);
  if (className !== "") made.className = className;
  made.append(...children);
  return made;
}
