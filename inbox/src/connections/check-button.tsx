/** The deed that helps against what a check has found, beside it. */
import type { ConnectionCode, ConnectionStepName } from "../../../src/contract/connections.ts";
import { useText } from "../app/text.tsx";
import { Button } from "../ui/button.tsx";

export type CheckActs = {
  isManager: boolean;
  isRunning: boolean;
  giveToken: () => void;
  setUp: (steps: readonly ConnectionStepName[] | null) => void;
  /** The number's account at Meta. */
  managerUrl: string;
};

type Help = { kind: "token" } | { kind: "steps"; steps: readonly ConnectionStepName[] | null } | { kind: "meta" } | null;

const token: Help = { kind: "token" };
const goOn: Help = { kind: "steps", steps: null };
const atMeta: Help = { kind: "meta" };

const helps: Readonly<Record<ConnectionCode, Help>> = {
  token_missing: token,
  token_invalid: token,
  token_foreign_app: token,
  token_scopes: token,
  token_other_account: token,
  token_personal: token,
  token_expires: token,
  token_expires_soon: token,
  number_gone: atMeta,
  number_not_registered: { kind: "steps", steps: ["register"] },
  number_flagged: atMeta,
  number_restricted: atMeta,
  number_banned: atMeta,
  app_not_subscribed: { kind: "steps", steps: ["subscribe"] },
  webhook_elsewhere: null,
  webhook_account_elsewhere: null,
  webhook_unknown: null,
  sending_blocked: atMeta,
  sending_limited: atMeta,
  quality_low: atMeta,
  quality_medium: atMeta,
  name_pending: null,
  name_declined: atMeta,
  name_expired: atMeta,
  on_standby: null,
  silent: null,
  graph_unreachable: null,
  not_reached: null,
  subscribe_refused: goOn,
  register_refused: goOn,
  // The code is asked for among the steps.
  register_wrong_pin: null,
  register_too_often: null,
  contacts_refused: goOn,
  history_refused: goOn,
  sync_too_late: null,
  setup_waits: goOn,
};

export function CheckButton({ code, acts }: { code: ConnectionCode; acts: CheckActs }) {
  const text = useText();
  const help = helps[code];
  if (help === null) return null;
  if (help.kind === "meta") {
    return (
      <a
        href={acts.managerUrl}
        target="_blank"
        rel="noopener noreferrer"
        className="mt-1.5 self-start text-sm font-medium text-accent underline-offset-2 hover:underline"
      >
        {text("to_meta_manager")}
      </a>
    );
  }
  return (
    <Button
      className="mt-1.5 self-start"
      disabled={!acts.isManager || acts.isRunning}
      title={acts.isManager ? undefined : text("needs_manager")}
      onClick={() => (help.kind === "token" ? acts.giveToken() : acts.setUp(help.steps))}
    >
      {text(help.kind === "token" ? "token_replace" : "setup_continue")}
    </Button>
  );
}
