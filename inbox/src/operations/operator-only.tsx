import { Lock } from "lucide-react";
import { useText } from "../app/text.tsx";
import { EmptyState } from "../ui/bits.tsx";

/** In the place of a screen that is the operator's alone. */
export function OperatorOnly() {
  const text = useText();
  return <EmptyState icon={<Lock size={34} aria-hidden />} title={text("ops_only_operator")} />;
}
