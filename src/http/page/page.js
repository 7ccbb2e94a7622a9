/**
 * The page of the sandbox: conversations, messages and what happens, live. Everything a customer wrote is hostile: it enters the page
 * only as text (`textContent`), in isolation (`bdi`, `dir=auto`).
 */
import { conversationItem, eventItem, messageItem, nameOf, windowText } from "./view.js";
import { eventNames, kinds, texts } from "./texts.js";

const activityShownMax = 200;
const refreshDelayMs = 120;

const state = {
  language: localStorage.getItem("language") === "en" ? "en" : "he",
  /** As the API gives them, each with `closesAt`: when the window closes by this machine's clock. */
  conversations: [],
  messages: [],
  events: [],
  chosenId: null,
  isLive: false,
};
const byId = (id) => document.getElementById(id);
const text = (name) => texts[state.language][name];

start();

function start() {
  const saved = byId("form");
  for (const name of ["name", "from"]) {
    const before = sessionStorage.getItem(name);
    if (before !== null) saved.elements[name].value = before;
  }
  byId("language").addEventListener("click", () => {
    state.language = state.language === "he" ? "en" : "he";
    localStorage.setItem("language", state.language);
    byId("sent").textContent = "";
    showLanguage();
  });
  byId("form").addEventListener("submit", (event) => {
    event.preventDefault();
    void sendAsCustomer(event.currentTarget);
  });
  showLanguage();
  void showSandbox();
  void refresh();
  listen();
  setInterval(showWindows, 1000);
}

function listen() {
  const stream = new EventSource("/api/v1/activity/stream");
  stream.addEventListener("open", () => setLive(true));
  stream.addEventListener("error", () => setLive(false));
  for (const type of Object.keys(eventNames)) {
    stream.addEventListener(type, (message) => {
      const event = JSON.parse(message.data);
      state.events.unshift({ seq: message.lastEventId, type, at: event.createdAt, conversationId: event.conversationId });
      state.events.length = Math.min(state.events.length, activityShownMax);
      showActivity();
      refreshSoon();
    });
  }
}

function setLive(isLive) {
  state.isLive = isLive;
  showLive();
  if (isLive) refreshSoon();
}

let timer = null;
/** Many events make one refresh. */
function refreshSoon() {
  timer ??= setTimeout(() => {
    timer = null;
    void refresh();
  }, refreshDelayMs);
}

async function refresh() {
  const list = await get("/api/v1/conversations?limit=50");
  if (list === null) return;
  const now = Date.now();
  state.conversations = list.data.map((one) => ({ ...one, closesAt: one.window.isOpen ? now + one.window.remainingMs : 0 }));
  state.chosenId ??= state.conversations[0]?.id ?? null;
  showConversations();
  const chosenId = state.chosenId;
  if (chosenId === null) return;
  const messages = await get(`/api/v1/conversations/${encodeURIComponent(chosenId)}/messages?limit=100`);
  // Another conversation may have been chosen meanwhile.
  if (messages === null || state.chosenId !== chosenId) return;
  state.messages = messages.data.toReversed();
  showMessages();
}

async function get(url) {
  try {
    const response = await fetch(url, { headers: { accept: "application/json" } });
    if (response.status === 401) byId("sent").textContent = text("signInAgain");
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

async function showSandbox() {
  const sandbox = await get("/sandbox");
  if (sandbox === null) return;
  const select = byId("form").elements.type;
  for (const type of sandbox.types) select.append(new Option("", type));
  byId("sandbox").hidden = false;
  showLanguage();
}

async function sendAsCustomer(form) {
  const fields = new FormData(form);
  for (const name of ["name", "from"]) sessionStorage.setItem(name, fields.get(name));
  const target = state.messages.findLast((message) => message.waMessageId !== null);
  const refersToOther = ["reaction", "reaction_removed", "button", "button_reply", "list_reply", "flow_reply", "edit", "revoke"].includes(
    fields.get("type"),
  );
  const body = {
    type: fields.get("type"),
    from: fields.get("from"),
    name: fields.get("name"),
    hidesPhone: fields.get("hidesPhone") === "on",
    ...(fields.get("text") === "" ? {} : { text: fields.get("text") }),
    ...(refersToOther && target !== undefined ? { targetWaMessageId: target.waMessageId } : {}),
  };
  try {
    const response = await fetch("/sandbox/messages", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    byId("sent").textContent = response.ok ? text("sent") : `${text("notSent")} (${response.status})`;
    byId("sent").classList.toggle("problem", !response.ok);
    if (response.ok) form.elements.text.value = "";
  } catch {
    byId("sent").textContent = text("offline");
  }
}

function showLanguage() {
  const isHebrew = state.language === "he";
  document.documentElement.lang = state.language;
  document.documentElement.dir = isHebrew ? "rtl" : "ltr";
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  byId("language").textContent = text("otherLanguage");
  byId("language").lang = isHebrew ? "en" : "he";
  for (const option of byId("form").elements.type.options) {
    option.textContent = kinds[option.value]?.[isHebrew ? 0 : 1] ?? option.value;
  }
  showLive();
  showConversations();
  showMessages();
  showActivity();
}

function showLive() {
  byId("live").textContent = text(state.isLive ? "live" : "offline");
  byId("live").classList.toggle("on", state.isLive);
}

function showConversations() {
  // Focus is kept on the conversation that has it, since the list is made anew.
  const focusedId = document.activeElement?.dataset?.conversationId;
  const items = state.conversations.map((conversation) =>
    conversationItem(conversation, { language: state.language, isChosen: conversation.id === state.chosenId, onChoose: choose }),
  );
  byId("conversations").replaceChildren(...items);
  if (focusedId !== undefined) document.querySelector(`[data-conversation-id="${CSS.escape(focusedId)}"]`)?.focus();
  showWindows();
}

function choose(conversationId) {
  state.chosenId = conversationId;
  state.messages = [];
  showConversations();
  showMessages();
  void refresh();
}

function showMessages() {
  const list = byId("messages");
  const wasAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  list.replaceChildren(...state.messages.map((message) => messageItem(message, state.language)));
  if (wasAtEnd) list.scrollTop = list.scrollHeight;
  const chosen = state.conversations.find((conversation) => conversation.id === state.chosenId);
  byId("thread-name").textContent = chosen === undefined ? "" : nameOf(chosen, state.language);
  showWindows();
}

function showActivity() {
  byId("activity").replaceChildren(...state.events.map((event) => eventItem(event, state.language)));
}

/** Each second: the clock of every window that is on the page. */
function showWindows() {
  const now = Date.now();
  for (const conversation of state.conversations) {
    const leftMs = Math.max(0, conversation.closesAt - now);
    const item = document.querySelector(`[data-conversation-id="${CSS.escape(conversation.id)}"]`);
    const places = [item?.querySelector(".window"), conversation.id === state.chosenId ? byId("thread-window") : null];
    for (const place of places) {
      if (place === null || place === undefined) continue;
      place.textContent = windowText(leftMs, state.language);
      place.classList.toggle("closed", leftMs === 0);
      place.classList.toggle("soon", leftMs > 0 && leftMs < 3_600_000);
    }
    const bar = item?.querySelector("progress");
    if (bar) bar.value = leftMs;
  }
}
