import { Link } from "@tanstack/react-router";
import { Compass } from "lucide-react";
import { EmptyState } from "../ui/bits.tsx";
import { useText } from "./text.tsx";

export function NotFound() {
  const text = useText();
  return (
    <main className="flex grow">
      <EmptyState icon={<Compass size={36} aria-hidden />} title={text("page_not_found")}>
        <Link to="/" className="font-medium text-accent underline">
          {text("to_conversations")}
        </Link>
      </EmptyState>
    </main>
  );
}
