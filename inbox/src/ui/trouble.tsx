import { CloudOff } from "lucide-react";
import { useText } from "../app/text.tsx";
import { EmptyState } from "./bits.tsx";
import { Button } from "./button.tsx";

/** In the place of what could not be read, with another try. */
export function ReadTrouble({ title, onRetry }: { title: string; onRetry: () => void }) {
  const text = useText();
  return (
    <div role="alert" className="flex py-10">
      <EmptyState icon={<CloudOff size={34} aria-hidden />} title={title}>
        <Button className="mt-2" onClick={onRetry}>
          {text("try_again")}
        </Button>
      </EmptyState>
    </div>
  );
}
