import { Megaphone } from "lucide-react";
import { useText } from "../app/text.tsx";
import { plain, safeHref } from "../ui/plain.ts";
import { textOf, type Fields } from "./fields.ts";

/** The ad or post that brought the customer. Its picture is elsewhere, and the page asks nobody else for anything. */
export function Referral({ referral }: { referral: Fields }) {
  const text = useText();
  const headline = textOf(referral["headline"]);
  const body = textOf(referral["body"]);
  const source = textOf(referral["sourceUrl"]);
  const href = source === null ? null : safeHref(source);
  return (
    <div className="mb-1.5 max-w-72 rounded-lg border-s-3 border-accent bg-black/4 px-2.5 py-2 text-sm dark:bg-white/6">
      <p className="flex items-center gap-1.5 text-xs font-medium text-accent">
        <Megaphone size={14} aria-hidden />
        {text(referral["sourceType"] === "post" ? "from_post" : "from_ad")}
      </p>
      {headline === null ? null : (
        <p dir="auto" className="text-start font-medium">
          {plain(headline)}
        </p>
      )}
      {body === null ? null : (
        <p dir="auto" className="line-clamp-3 text-start text-soft">
          {plain(body)}
        </p>
      )}
      {href === null ? null : (
        <a href={href} target="_blank" rel="noopener noreferrer nofollow" className="text-xs text-read underline wrap-anywhere">
          <bdi dir="ltr" className="line-clamp-1">
            {href}
          </bdi>
        </a>
      )}
    </div>
  );
}
