/** Why messages failed, the most frequent first: the sentence, whose fault it is, what to do and where. */
import { Link } from "@tanstack/react-router";
import { CircleCheck } from "lucide-react";
import type { Overview } from "../../../src/contract/overview.ts";
import { useSentence } from "../app/sentence.ts";
import { useFormats, useText } from "../app/text.tsx";
import { Badge } from "../ui/bits.tsx";
import { Card } from "../ui/card.tsx";

type Failure = Overview["failures"][number];

const ofConnections: ReadonlySet<string | null> = new Set([
  "replace_token",
  "grant_permission",
  "register_number",
  "change_account_settings",
  "complete_payment",
  "improve_quality",
  "add_test_recipient",
]);
const ofTemplates: ReadonlySet<string | null> = new Set(["change_template", "use_template"]);

export function Failures({ failures }: { failures: readonly Failure[] }) {
  const text = useText();
  return (
    <Card title={text("overview_failures")}>
      {failures.length === 0 ? (
        <p className="flex items-center gap-2 text-sm text-soft">
          <CircleCheck size={17} aria-hidden className="text-accent" />
          {text("overview_failures_none")}
        </p>
      ) : (
        <ul className="flex flex-col divide-y divide-line">
          {failures.map((failure) => (
            <FailureLine key={failure.code ?? "none"} failure={failure} />
          ))}
        </ul>
      )}
    </Card>
  );
}

function FailureLine({ failure: { code, count, blame, sentence, action, actionSentence } }: { failure: Failure }) {
  const text = useText();
  const formats = useFormats();
  const sentenceIn = useSentence();
  const link = "text-sm font-medium text-accent underline-offset-2 hover:underline";
  return (
    <li className="flex gap-4 py-3 first:pt-0 last:pb-0">
      <span className="w-12 shrink-0 text-end text-lg font-semibold tabular-nums">{formats.number(count)}</span>
      <div className="flex min-w-0 flex-col items-start gap-1">
        <p className="text-sm">{sentence === null ? text("overview_failure_unknown") : sentenceIn(sentence)}</p>
        {actionSentence === null ? null : <p className="text-sm text-soft">{sentenceIn(actionSentence)}</p>}
        <p className="flex flex-wrap items-center gap-2 text-xs text-faint">
          {code === null ? null : <bdi>{text("overview_failure_code", { code: String(code) })}</bdi>}
          {blame === null ? null : <Badge>{text("error_blame", { blame })}</Badge>}
          {ofConnections.has(action) ? (
            <Link to="/connections" className={link}>
              {text("to_connections")}
            </Link>
          ) : null}
          {ofTemplates.has(action) ? (
            <Link to="/templates" className={link}>
              {text("to_templates")}
            </Link>
          ) : null}
        </p>
      </div>
    </li>
  );
}
