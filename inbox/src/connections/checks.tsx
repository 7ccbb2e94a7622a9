/** Every check of a number: what is wrong first, with its sentence and what to do; what is well in a few words. */
import type { ConnectionCheck, ConnectionStatus } from "../../../src/contract/connections.ts";
import { useSentence } from "../app/sentence.ts";
import { useFormats, useText } from "../app/text.tsx";
import { fieldsOf, listOf, textOf } from "../thread/fields.ts";
import { Bdi, Time } from "../ui/bits.tsx";
import { Card } from "../ui/card.tsx";
import { qualityKey } from "../templates/words.ts";
import { CheckButton, type CheckActs } from "./check-button.tsx";
import { CheckIcon } from "./health-badge.tsx";

const gravity = ["problem", "warning", "unknown", "ok"] as const;

export function Checks({ status: { checks }, acts }: { status: ConnectionStatus; acts: CheckActs }) {
  const text = useText();
  const sorted = checks.toSorted((a, b) => gravity.indexOf(a.state) - gravity.indexOf(b.state));
  return (
    <Card title={text("checks")}>
      {sorted.length === 0 ? <p className="text-sm text-soft">{text("checks_none")}</p> : null}
      <ul aria-live="polite" className="grid gap-x-6 sm:grid-cols-2">
        {sorted.map((check) => (
          <CheckLine key={check.check} check={check} acts={acts} />
        ))}
      </ul>
    </Card>
  );
}

function CheckLine({ check, acts }: { check: ConnectionCheck; acts: CheckActs }) {
  const text = useText();
  const inLanguage = useSentence();
  const { state, sentence, action } = check;
  const isTroubled = state === "problem" || state === "warning";
  return (
    <li
      data-check={check.check}
      data-state={state}
      className={isTroubled ? "flex gap-3 border-b border-line py-3 sm:col-span-2" : "flex items-start gap-3 border-b border-line py-2.5"}
    >
      <CheckIcon state={state} className="mt-px" />
      <div className="flex min-w-0 grow flex-col gap-0.5 text-sm">
        <span className="flex flex-wrap items-baseline gap-x-2">
          <span className={isTroubled ? "font-semibold" : ""}>{text(`check_${check.check}`)}</span>
          <span className="sr-only">{text(`health_${state}`)}</span>
          <Value check={check} />
        </span>
        {sentence === null ? null : <span className={isTroubled ? "" : "text-xs text-faint"}>{inLanguage(sentence)}</span>}
        {action === null || !isTroubled ? null : <span className="text-soft">{inLanguage(action)}</span>}
        {isTroubled ? <MetasWords check={check} /> : null}
        {isTroubled ? <Since at={check.since} /> : null}
        {isTroubled && check.code !== null ? <CheckButton code={check.code} acts={acts} /> : null}
      </div>
    </li>
  );
}

function Since({ at }: { at: string }) {
  const text = useText();
  const [before = "", after = ""] = text("check_since", { at: "\u0001" }).split("\u0001");
  return (
    <span className="text-xs text-faint">
      {before}
      <Time at={at} />
      {after}
    </span>
  );
}

/** What the state alone does not tell. */
function Value({ check }: { check: ConnectionCheck }) {
  const shown = useValue(check);
  const text = useText();
  if (shown !== null) return <Bdi className="min-w-0 wrap-anywhere text-soft">{shown}</Bdi>;
  return check.state === "unknown" ? <span className="text-faint">{text("check_unknown")}</span> : null;
}

function useValue({ check, state, data }: ConnectionCheck): string | null {
  const text = useText();
  const formats = useFormats();
  const facts = fieldsOf(data);
  const value = textOf(facts["value"]);
  switch (check) {
    case "token_expiry": {
      const expiresAt = textOf(facts["expiresAt"]);
      if (expiresAt !== null) return text("value_until", { at: formats.full(expiresAt) });
      return state === "ok" ? text("value_never_expires") : null;
    }
    case "silence": {
      const lastSeenAt = textOf(facts["lastSeenAt"]);
      return lastSeenAt === null ? null : formats.list(lastSeenAt);
    }
    case "quality": {
      const key = qualityKey(value);
      return key === null ? value : text(key);
    }
    case "messaging_limit":
      return value === null ? null : limitText(value, { unlimited: text("value_unlimited"), number: formats.number });
    case "throughput": {
      const pace = value === null ? undefined : paces.get(value);
      return pace === undefined ? value : text("sending_pace_value", { count: formats.number(pace) });
    }
    case "name":
      return textOf(facts["name"]) ?? value;
    case "webhook":
      return value;
    case "registration":
    case "sending":
    case "setup":
    case "token":
    case "subscription":
    case "ownership":
    case "graph":
      // What is well needs no word of Meta's, and what is not has its sentence.
      return null;
    default:
      return check satisfies never;
  }
}

/** Meta's levels of throughput, as messages a second (developer pages as of October 2026). */
const paces: ReadonlyMap<string, number> = new Map([
  ["STANDARD", 80],
  ["HIGH", 1_000],
]);

/** `TIER_1K` → 1,000 customers a day; as it is where it is another word. */
function limitText(value: string, words: { unlimited: string; number: (value: number) => string }): string {
  if (value === "TIER_UNLIMITED" || value === "UNLIMITED") return words.unlimited;
  const [, digits, thousands] = /^TIER_(\d+)(K?)$/.exec(value) ?? [];
  return digits === undefined ? value : words.number(Number(digits) * (thousands === "K" ? 1_000 : 1));
}

/** Reasons in Meta's own words: of a refusal, or of what limits sending. */
function MetasWords({ check: { data } }: { check: ConnectionCheck }) {
  const facts = fieldsOf(data);
  const expected = textOf(facts["expected"]);
  const reasons = listOf(facts["entities"]).flatMap((one) => listOf(fieldsOf(one)["reasons"]).flatMap((reason) => textOf(reason) ?? []));
  const words = [textOf(facts["detail"]), ...reasons, expected === null ? null : `→ ${expected}`].filter((word) => word !== null);
  if (words.length === 0) return null;
  return (
    <ul className="flex flex-col gap-0.5 text-xs text-soft">
      {words.map((word, index) => (
        <li key={index}>
          <Bdi className="wrap-anywhere">{word}</Bdi>
        </li>
      ))}
    </ul>
  );
}
