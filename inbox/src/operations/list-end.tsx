import { useText } from "../app/text.tsx";
import { Skeleton } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import type { Pages } from "./use-pages.ts";

/** Under a list: its next page, or that the next page could not be read. */
export function ListEnd<Row>({ pages: { hasMore, more, isReading }, label }: { pages: Pages<Row>; label?: string }) {
  const text = useText();
  if (!hasMore) return null;
  return (
    <div className="flex justify-center pt-4">
      <Button onClick={more} disabled={isReading}>
        {isReading ? text("ops_loading") : (label ?? text("ops_load_more"))}
      </Button>
    </div>
  );
}

export function ListSkeleton() {
  const text = useText();
  return (
    <div role="status" aria-label={text("ops_loading")} className="flex flex-col gap-3">
      {["a", "b", "c", "d"].map((one) => (
        <Skeleton key={one} className="h-18 rounded-xl" />
      ))}
    </div>
  );
}
