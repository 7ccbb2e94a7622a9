/** One page for four purposes. What follows `#` is the token of a link; the server says what it is for. Texts are set as text, never as HTML. */
import { texts } from "./texts.js";

/** What was chosen in the inbox, on this browser. */
const chosen = (name) => {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
};
const languages = { he: "עברית", en: "English", ar: "العربية" };
const language =
  [chosen("kesher.locale"), ...navigator.languages.map((name) => name.slice(0, 2))].find((name) => Object.hasOwn(texts, name)) ?? "en";
const words = texts[language];
const say = (key, facts = {}) => words[key].replaceAll(/\{(\w+)\}/g, (_, name) => isolated(facts[name] ?? ""));
const isolated = (text) => `\u2068${text}\u2069`;
const part = (id) => document.getElementById(id);

document.documentElement.lang = language;
document.documentElement.dir = language === "en" ? "ltr" : "rtl";
const theme = chosen("kesher.theme");
if (theme === "light" || theme === "dark") document.documentElement.style.colorScheme = theme;

const fields = {
  name: { type: "text", autocomplete: "name", maxLength: 100 },
  tenantName: { type: "text", autocomplete: "organization", maxLength: 200 },
  email: { type: "email", autocomplete: "username", maxLength: 254, dir: "ltr" },
  password: { type: "password", autocomplete: "current-password", maxLength: 128, dir: "ltr" },
  newPassword: { type: "password", autocomplete: "new-password", minLength: 12, maxLength: 128, dir: "ltr" },
};

const purposes = {
  signIn: { path: "/auth/sign-in", fields: ["email", "password"], body: ({ email, password }) => ({ email, password }) },
  invitation: {
    path: "/auth/invitations/accept",
    fields: ["name", "newPassword"],
    body: ({ name, newPassword }) => ({ name, password: newPassword }),
  },
  reset: { path: "/auth/password/reset", fields: ["newPassword"], body: ({ newPassword }) => ({ password: newPassword }) },
  first_account: {
    path: "/auth/first-account",
    fields: ["name", "email", "newPassword", "tenantName"],
    body: ({ name, email, newPassword, tenantName }) => ({ name, email, password: newPassword, tenantName }),
  },
};

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    credentials: "same-origin",
    ...(body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });
  return { status: answer.status, json: answer.status === 204 ? null : await answer.json().catch(() => null) };
}

function complain({ status, json }) {
  const seconds = json?.retryAfterSeconds ?? 60;
  const key = { 400: "invalid", 401: "wrong", 404: "gone", 429: "tooMany" }[status] ?? "broken";
  part("trouble").textContent = status === 409 ? json.detail : say(key, { minutes: Math.ceil(seconds / 60) });
}

function show(purpose, { token, facts, about, done }) {
  const { path, fields: names, body } = purposes[purpose];
  part("title").textContent = say(purpose, { tenant: facts.tenantName });
  part("about").textContent = about;
  const form = part("form");
  form.replaceChildren(...names.map((name) => field(name)), Object.assign(document.createElement("button"), { textContent: say("send") }));
  form.hidden = false;
  form.onsubmit = async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    part("trouble").textContent = "";
    const given = Object.fromEntries(new FormData(form));
    const answer = await post(path, { ...body(given), ...(token === null ? {} : { token }) }).catch(() => ({ status: 0, json: null }));
    button.disabled = false;
    if (answer.status === 204) await done();
    else complain(answer);
  };
  form.querySelector("input")?.focus();
}

function field(name) {
  const label = document.createElement("label");
  const input = Object.assign(document.createElement("input"), { name, required: true, ...fields[name] });
  label.append(say(name), input);
  if (name === "newPassword") label.append(Object.assign(document.createElement("small"), { textContent: say("passwordHint") }));
  return label;
}

const enter = () => location.replace("/");

/** The page begins anew in another language, with the link that it was opened by. */
function offerLanguages(token) {
  const buttons = Object.entries(languages).map(([name, label]) => {
    const button = Object.assign(document.createElement("button"), { type: "button", lang: name, textContent: label });
    button.setAttribute("aria-pressed", String(name === language));
    button.onclick = () => {
      try {
        localStorage.setItem("kesher.locale", name);
      } catch {
        return;
      }
      if (token !== null) history.replaceState(null, "", `/sign-in#${token}`);
      location.reload();
    };
    return button;
  });
  part("languages").replaceChildren(...buttons);
}

async function start() {
  const token = /^#([A-Za-z0-9_-]{43})$/.exec(location.hash)?.[1] ?? null;
  // The token leaves the address bar, and with it the history.
  if (token !== null) history.replaceState(null, "", "/sign-in");
  offerLanguages(token);
  const error = new URLSearchParams(location.search).get("error");
  const errors = { not_invited: "notInvited", email_not_verified: "notVerified" };
  if (error !== null) part("trouble").textContent = say(errors[error] ?? "broken");
  const options = await fetch("/auth/options").then((answer) => answer.json());
  const link = token === null ? null : await post("/auth/links", { token });
  if (link !== null && link.status !== 200) complain(link);
  const facts = link?.status === 200 ? link.json : {};
  const purpose = facts.purpose ?? "signIn";
  const accept = async () => {
    const answer = await post("/auth/invitations/accept", { token });
    if (answer.status === 204) enter();
    else complain(answer);
  };
  if (purpose === "invitation" && facts.isKnown) {
    // Signed in as the invited person already, or about to be.
    const answer = await post("/auth/invitations/accept", { token });
    if (answer.status === 204) return enter();
    show("signIn", { token: null, facts, about: say("invitationKnown", facts), done: accept });
  } else {
    show(purpose, { token: purpose === "signIn" ? null : token, facts, about: say(`${purpose}About`, facts), done: enter });
  }
  const oidc = part("oidc");
  oidc.textContent = say("oidc");
  oidc.hidden = !options.hasOidc || purpose === "reset" || purpose === "first_account";
  oidc.onclick = async () => {
    const answer = await post("/auth/oidc");
    if (answer.status === 200) location.assign(answer.json.url);
    else complain(answer);
  };
}

start().catch(() => complain({ status: 0, json: null }));
