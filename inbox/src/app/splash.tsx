import { CloudOff, MessagesSquare } from "lucide-react";
import { EmptyState, Skeleton } from "../ui/bits.tsx";
import { useText } from "./text.tsx";

/** The outline of what comes, so that nothing jumps when it is there. */
export function Splash() {
  return (
    <div aria-hidden className="flex h-full bg-canvas">
      <div className="hidden w-14 border-e border-line sm:block" />
      <div className="flex w-full flex-col gap-4 border-e border-line bg-panel p-4 sm:w-90">
        {Array.from({ length: 9 }, (_, index) => (
          <div key={index} className="flex items-center gap-3">
            <Skeleton className="size-11 rounded-full" />
            <div className="flex grow flex-col gap-2">
              <Skeleton className="h-3.5 w-2/5" />
              <Skeleton className="h-3 w-4/5" />
            </div>
          </div>
        ))}
      </div>
    </div>
  );
}

export function Trouble({ kind }: { kind: "unreachable" | "no-tenant" }) {
  const text = useText();
  return (
    <main className="flex h-full">
      {kind === "unreachable" ? (
        <EmptyState icon={<CloudOff size={36} aria-hidden />} title={text("server_unreachable")}>
          {text("trying_again")}
        </EmptyState>
      ) : (
        <EmptyState icon={<MessagesSquare size={36} aria-hidden />} title={text("no_tenant")}>
          {text("no_tenant_hint")}
        </EmptyState>
      )}
    </main>
  );
}
