/** Meta's dialogue, from its opening to the connected number. */
import { useQuery } from "@tanstack/react-query";
import { ExternalLink, LoaderCircle } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import type { CompleteSignup, CreatedConnection, EmbeddedSignup, SignupChoice } from "../../../src/contract/connections.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { dialogueUrl, returnPath } from "../connect/dialogue-url.ts";
import { openDialogue } from "../connect/dialogue.ts";
import { ApiError } from "../data/api.ts";
import { Phone, Skeleton } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { plainLine } from "../ui/plain.ts";
import { useRefusal } from "./problem-of.ts";

type State =
  | { kind: "ready"; trouble: string | null }
  | { kind: "waiting" }
  | { kind: "finishing" }
  | { kind: "choosing"; choice: SignupChoice };

/** Half of what the server gives it: it is asked for anew before it is too old. */
const stateMs = 30 * 60_000;

export function ConnectByMeta({ onConnected }: { onConnected: (connection: CreatedConnection) => void }) {
  const text = useText();
  const { api } = useWorkspace();
  const refusal = useRefusal();
  const [staysInApp, setStaysInApp] = useState(false);
  const [state, setState] = useState<State>({ kind: "ready", trouble: null });
  const abort = useRef(new AbortController());
  useEffect(() => {
    const controller = new AbortController();
    abort.current = controller;
    return () => controller.abort();
  }, []);
  const signup = useQuery({
    queryKey: ["embedded-signup"],
    queryFn: ({ signal }) => api.call<EmbeddedSignup>("connections/embedded-signup", { signal }),
    staleTime: stateMs,
    gcTime: 0,
    retry: false,
  });

  const complete = async (body: CompleteSignup): Promise<void> => {
    setState({ kind: "finishing" });
    try {
      onConnected(await api.call<CreatedConnection>("connections/embedded-signup", { method: "POST", body }));
    } catch (error) {
      const choice = error instanceof ApiError ? error.problem?.choice : undefined;
      if (choice !== undefined) return setState({ kind: "choosing", choice });
      const said = refusal(error instanceof Error ? error : null);
      setState({ kind: "ready", trouble: [said?.sentence, said?.action].filter((part) => typeof part === "string").join(" ") });
    }
  };

  const begin = async (facts: EmbeddedSignup): Promise<void> => {
    const { signal } = abort.current;
    const redirectUri = location.origin + returnPath;
    const ending = openDialogue(dialogueUrl(facts, { redirectUri, staysInApp }), facts.state, signal);
    setState({ kind: "waiting" });
    const end = await ending;
    if (signal.aborted) return;
    switch (end.kind) {
      case "code": {
        const { code, ids } = end;
        const told =
          ids === null
            ? {}
            : { wabaId: ids.wabaId, phoneNumberId: ids.phoneNumberId, portfolioId: ids.portfolioId, isCoexistence: ids.isCoexistence };
        return complete({ state: facts.state, code, redirectUri, ...told });
      }
      case "failed":
        return setState({ kind: "ready", trouble: text("connect_meta_failed", { reason: plainLine(end.reason) }) });
      case "blocked":
      case "cancelled":
        return setState({ kind: "ready", trouble: text(`connect_meta_${end.kind}`) });
      default:
        return end satisfies never;
    }
  };

  if (signup.isError) {
    const isMissing = signup.error instanceof Error && /META_CONFIG_ID/.test(signup.error.message);
    return (
      <p role="alert" className="text-sm text-soft">
        {isMissing ? text("connect_meta_unavailable") : (refusal(signup.error)?.sentence ?? "")}
      </p>
    );
  }
  if (signup.data === undefined) return <Skeleton className="h-28" />;
  const facts = signup.data;
  switch (state.kind) {
    case "ready":
      return (
        <div className="flex flex-col gap-4">
          <p className="text-sm text-soft">{text("connect_meta_hint")}</p>
          <label className="flex items-center gap-2.5 text-sm">
            <input
              type="checkbox"
              checked={staysInApp}
              onChange={(event) => setStaysInApp(event.target.checked)}
              className="size-4 accent-accent"
            />
            {text("connect_meta_app")}
          </label>
          <p role="alert" dir="auto" className="aligned text-sm text-danger empty:hidden">
            {state.trouble}
          </p>
          <Button look="primary" className="self-end" onClick={() => void begin(facts)}>
            <ExternalLink size={16} aria-hidden className="directional" />
            {text("connect_meta_open")}
          </Button>
        </div>
      );
    case "waiting":
    case "finishing":
      return (
        <div role="status" className="flex flex-col items-center gap-3 py-4 text-center">
          <LoaderCircle size={28} aria-hidden className="animate-spin text-accent" />
          <p className="font-medium">{text(state.kind === "waiting" ? "connect_meta_waiting" : "connect_finishing")}</p>
          {state.kind === "waiting" ? (
            <>
              <p className="text-sm text-soft">{text("connect_meta_waiting_hint")}</p>
              <Button
                onClick={() => {
                  abort.current.abort();
                  abort.current = new AbortController();
                  void begin(facts);
                }}
              >
                {text("connect_meta_again")}
              </Button>
            </>
          ) : null}
        </div>
      );
    case "choosing":
      return (
        <fieldset className="flex flex-col gap-2">
          <legend className="mb-2 text-sm font-medium">{text("connect_choose")}</legend>
          {state.choice.numbers.map(({ wabaId, phoneNumberId, displayPhoneNumber }) => (
            <Button
              key={phoneNumberId}
              onClick={() => void complete({ state: facts.state, exchanged: state.choice.exchanged, wabaId, phoneNumberId })}
            >
              <Phone digits={displayPhoneNumber ?? phoneNumberId} />
            </Button>
          ))}
        </fieldset>
      );
    default:
      return state satisfies never;
  }
}
