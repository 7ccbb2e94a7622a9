import { KeyRound } from "lucide-react";
import { EmptyState } from "../ui/bits.tsx";
import { useText } from "./text.tsx";

export const signInPath = "/sign-in";

export function SignedOut() {
  const text = useText();
  return (
    <main className="flex h-full bg-canvas">
      <EmptyState icon={<KeyRound size={36} aria-hidden />} title={text("signed_out")}>
        <p>{text("signed_out_hint")}</p>
        <a
          href={signInPath}
          className="mt-4 inline-flex min-h-10 items-center rounded-lg bg-accent px-5 font-medium text-accent-ink hover:bg-accent-strong"
        >
          {text("sign_in")}
        </a>
      </EmptyState>
    </main>
  );
}
