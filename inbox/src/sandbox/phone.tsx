/** The customer's phone: their chat with the business, and what they can do in it. */
import { useQuery } from "@tanstack/react-query";
import { CheckCheck, Smartphone } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { useText } from "../app/text.tsx";
import { Avatar, Badge, EmptyState, Phone as PhoneNumber, Skeleton } from "../ui/bits.tsx";
import { IconButton } from "../ui/button.tsx";
import { showToast } from "../ui/toast.tsx";
import { ReadTrouble } from "../ui/trouble.tsx";
import { bubblesOf, type Bubble } from "./chat.ts";
import { control, type Chat, type SandboxNumber, type Written } from "./control.ts";
import type { Customer } from "./customers.ts";
import { PhoneBubble, type PhoneActs } from "./phone-bubble.tsx";
import { PhoneComposer, type Aim } from "./phone-composer.tsx";
import { useSandboxDeed, useTold } from "./use-sandbox-deed.ts";

/** The phone has no stream: it looks, on this machine and while it is open. */
const lookMs = 1_000;

export function usePhone(customer: Customer, number: SandboxNumber) {
  return useQuery({
    queryKey: ["sandbox", "chat", customer.digits, number.phoneNumberId],
    queryFn: () => control<Chat>("GET", `phones/${customer.digits}/chat?phoneNumberId=${number.phoneNumberId}`),
    refetchInterval: lookMs,
    staleTime: 0,
  });
}

export function Phone({ customer, number, types }: { customer: Customer; number: SandboxNumber; types: readonly string[] }) {
  const text = useText();
  const deed = useSandboxDeed();
  const told = useTold();
  const { data, isError, refetch } = usePhone(customer, number);
  const [aim, setAim] = useState<Aim | null>(null);
  const bubbles = useMemo(() => bubblesOf(data?.messages ?? []), [data]);
  const act = <Answer,>(verb: string, body: object = {}): Promise<Answer> =>
    control<Answer>("POST", `phones/${customer.digits}/${verb}`, { phoneNumberId: number.phoneNumberId, ...body });
  const write = async (body: object): Promise<void> => told(await act<Written>("messages", { name: customer.name, ...body }));
  const acts: PhoneActs = {
    reply: (bubble) => setAim({ kind: "reply", bubble }),
    edit: (bubble) => setAim({ kind: "edit", bubble }),
    react: (bubble, emoji) =>
      deed(async () => told(await act<Written>("react", { waMessageId: bubble.waMessageId, ...(emoji === null ? {} : { emoji }) }))),
    remove: ({ waMessageId }) => deed(() => write({ type: "revoke", targetWaMessageId: waMessageId })),
    play: ({ waMessageId }) => deed(() => act("play", { waMessageId })),
    readTo: ({ waMessageId }) => deed(() => act("read", { waMessageId })),
    tap: ({ waMessageId }, { kind, title }) => deed(() => write({ type: kind, text: title, targetWaMessageId: waMessageId })),
  };
  const readAll = (): void =>
    deed(async () => {
      const { read } = await act<{ read: number }>("read");
      showToast("done", text("sb_phone_read_count", { count: read }));
    });
  return (
    <section
      aria-label={text("sb_phone_of", { name: customer.name })}
      data-testid="phone"
      className="mx-auto flex h-[min(42rem,78dvh)] w-full max-w-96 flex-col overflow-hidden rounded-[2rem] border-4 border-ink/80 bg-panel shadow-pop"
    >
      <header className="flex items-center gap-2.5 border-b border-line px-4 py-2.5">
        <Avatar name={text("sb_phone_business")} seed={number.phoneNumberId} size={34} />
        <div className="flex min-w-0 grow flex-col">
          <span className="text-sm font-semibold">{text("sb_phone_business")}</span>
          <span role="status" className="text-xs text-soft">
            {data?.seesTyping === true ? text("sb_phone_typing") : <PhoneNumber digits={number.displayPhoneNumber} />}
          </span>
        </div>
        {data === undefined ? null : (
          <Badge tone={data.isWindowOpen ? "accent" : "plain"}>
            {text(data.isWindowOpen ? "sb_phone_window_open" : "sb_phone_window_closed")}
          </Badge>
        )}
        <IconButton label={text("sb_phone_read_all")} onClick={readAll}>
          <CheckCheck size={18} aria-hidden />
        </IconButton>
      </header>
      {data === undefined ? (
        isError ? (
          <ReadTrouble title={text("sb_failed")} onRetry={() => void refetch()} />
        ) : (
          <Skeleton className="m-4 grow" />
        )
      ) : (
        <Bubbles bubbles={bubbles} acts={acts} name={customer.name} />
      )}
      <PhoneComposer
        key={customer.digits}
        types={types}
        aim={aim}
        onAimless={() => setAim(null)}
        target={aim?.bubble ?? bubbles.findLast(({ direction }) => direction === "fromBusiness") ?? null}
        onWrite={(body, done) =>
          deed(async () => {
            await write(body);
            done();
          })
        }
      />
    </section>
  );
}

function Bubbles({ bubbles, acts, name }: { bubbles: readonly Bubble[]; acts: PhoneActs; name: string }) {
  const text = useText();
  const end = useRef<HTMLLIElement>(null);
  const lastId = bubbles.at(-1)?.waMessageId;
  useEffect(() => {
    end.current?.scrollIntoView({ block: "nearest" });
  }, [lastId]);
  if (bubbles.length === 0) {
    return (
      <div className="flex grow bg-thread">
        <EmptyState icon={<Smartphone size={34} aria-hidden />} title={text("sb_phone_empty")} />
      </div>
    );
  }
  return (
    // It scrolls, so the keyboard must reach it.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <ol tabIndex={0} aria-label={text("sb_phone_of", { name })} className="flex grow flex-col gap-1.5 overflow-y-auto bg-thread px-3 py-3">
      {bubbles.map((bubble) => (
        <PhoneBubble
          key={bubble.waMessageId}
          bubble={bubble}
          quoted={bubbles.find((one) => one.waMessageId === bubble.replyTo) ?? null}
          acts={acts}
        />
      ))}
      <li ref={end} aria-hidden />
    </ol>
  );
}
