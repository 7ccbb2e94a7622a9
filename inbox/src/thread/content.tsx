/** Every kind of message, drawn as what it is. The kinds are the server's (`services/whatsapp/graph/content.ts`, `core/outgoing.ts`). */
import { CircleQuestionMark, Info, Mic, Phone as PhoneIcon, PhoneMissed, ShieldAlert } from "lucide-react";
import { memo, type ReactNode } from "react";
import type { Message } from "../../../src/contract/messages.ts";
import { useText } from "../app/text.tsx";
import { shownPhone } from "../ui/bits.tsx";
import { plain } from "../ui/plain.ts";
import { Contacts, FlowReply, Interactive, Location, Order, Template, Tapped } from "./content-cards.tsx";
import type { TextKey } from "../texts/keys.ts";
import { fieldsOf, listOf, numberOf, textOf, type Fields } from "./fields.ts";
import { FormattedText } from "./formatted-text.tsx";
import { Document, mediaFactsOf, Picture, Sound, Sticker, Video } from "./media.tsx";
import { Referral } from "./referral.tsx";

export type Shown = Pick<Message, "id" | "type" | "content">;

export const Content = memo(function Content({ message, onOpenMedia }: { message: Shown; onOpenMedia: () => void }) {
  const content = fieldsOf(message.content);
  return (
    <>
      <Extras content={content} />
      <Body type={message.type} content={content} onOpenMedia={onOpenMedia} />
    </>
  );
});

function Body({ type, content, onOpenMedia }: { type: string; content: Fields; onOpenMedia: () => void }) {
  const text = useText();
  const kind = textOf(content["kind"]) ?? type;
  const facts = mediaFactsOf(content);
  switch (kind) {
    case "text":
      return <FormattedText text={textOf(content["body"]) ?? ""} />;
    case "image":
      return <Captioned content={content} media={<Picture facts={facts} label={text("kind_image")} onOpen={onOpenMedia} />} />;
    case "video":
      return <Captioned content={content} media={<Video facts={facts} label={text("kind_video")} onOpen={onOpenMedia} />} />;
    case "audio":
      return (
        // The button of the bubble's menu stands over its corner.
        <div className="flex items-center gap-2 pe-7">
          {content["voice"] === true ? <Mic size={18} aria-hidden className="shrink-0 text-soft" /> : null}
          <Sound facts={facts} label={text(content["voice"] === true ? "kind_voice" : "kind_audio")} />
        </div>
      );
    case "document":
      return <Captioned content={content} media={<Document facts={facts} />} />;
    case "sticker":
      return <Sticker facts={facts} label={text("kind_sticker")} />;
    case "location":
      return <Location content={content} />;
    case "contacts":
      return <Contacts content={content} />;
    case "button":
      return <Tapped label={textOf(content["text"])} detail={null} />;
    case "button_reply":
    case "list_reply":
      return <Tapped label={textOf(content["title"])} detail={textOf(content["description"])} />;
    case "flow_reply":
      return <FlowReply content={content} />;
    case "call_permission_reply":
      return <Tapped label={text(content["response"] === "accept" ? "call_permission_given" : "call_permission_refused")} detail={null} />;
    case "interactive":
      return <Interactive content={content} />;
    case "template":
      return <Template content={content} />;
    case "order":
      return <Order content={content} />;
    case "system":
      return <SystemLine content={content} />;
    case "call":
    case "call_status":
      return <Call content={content} facts={mediaFactsOf(fieldsOf(content["recording"]))} />;
    case "reaction":
      return <p className="text-2xl">{plain(textOf(content["emoji"]) ?? "")}</p>;
    default:
      return (
        <Unsupported
          type={textOf(content["unsupportedType"]) ?? textOf(content["originalType"]) ?? (kind === "unsupported" ? null : kind)}
          content={content}
        />
      );
  }
}

function Captioned({ content, media }: { content: Fields; media: ReactNode }) {
  const caption = textOf(content["caption"]);
  return (
    <div className="flex max-w-72 flex-col gap-1.5">
      {media}
      {caption === null ? null : <FormattedText text={caption} />}
    </div>
  );
}

/** What may accompany any message: that it was forwarded, the ad it came from, another responder's summary. */
function Extras({ content }: { content: Fields }) {
  const text = useText();
  const summary = textOf(content["conversationSummary"]);
  const referral = content["referral"];
  const identity = fieldsOf(content["identity"]);
  const product = fieldsOf(content["referredProduct"]);
  return (
    <>
      {content["forwarded"] === true || content["frequentlyForwarded"] === true ? (
        <p className="text-xs text-faint italic">{text(content["frequentlyForwarded"] === true ? "forwarded_often" : "forwarded")}</p>
      ) : null}
      {referral === undefined ? null : <Referral referral={fieldsOf(referral)} />}
      {textOf(product["productRetailerId"]) === null ? null : (
        <p className="text-xs text-soft">
          {text("about_product")} <bdi>{plain(textOf(product["productRetailerId"]) ?? "")}</bdi>
        </p>
      )}
      {summary === null ? null : (
        <p dir="auto" className="rounded-md bg-black/5 px-2 py-1 text-start text-sm text-soft dark:bg-white/6">
          {plain(summary)}
        </p>
      )}
      {identity["acknowledged"] === false ? (
        <p className="flex items-center gap-1.5 text-xs text-amber">
          <ShieldAlert size={14} aria-hidden />
          {text("identity_changed")}
        </p>
      ) : null}
    </>
  );
}

function SystemLine({ content }: { content: Fields }) {
  const text = useText();
  const subtype = textOf(content["subtype"]) ?? "";
  const isNewNumber = subtype.includes("changed_number") || textOf(content["waId"]) !== null;
  return (
    <p className="flex items-center gap-1.5 text-sm text-soft">
      <Info size={15} aria-hidden />
      <span dir="auto">
        {isNewNumber
          ? text("system_new_number", { phone: `\u2066${shownPhone(textOf(content["waId"]) ?? "")}\u2069` })
          : plain(textOf(content["body"]) ?? text("kind_system"))}
      </span>
    </p>
  );
}

function Call({ content, facts }: { content: Fields; facts: ReturnType<typeof mediaFactsOf> }) {
  const text = useText();
  const seconds = numberOf(content["durationSeconds"]);
  const isMissed = seconds === null || seconds === 0;
  return (
    <div className="flex flex-col gap-1.5">
      <p className="flex items-center gap-2">
        {isMissed ? (
          <PhoneMissed size={17} aria-hidden className="text-danger" />
        ) : (
          <PhoneIcon size={17} aria-hidden className="text-accent" />
        )}
        <span>{isMissed ? text("call_missed") : text("call_lasted", { minutes: Math.max(1, Math.round(seconds / 60)) })}</span>
      </p>
      {facts.mediaId === null ? null : <Sound facts={facts} label={text("call_recording")} />}
    </div>
  );
}

const unsupportedWords: Readonly<Record<string, TextKey>> = {
  poll_creation: "unsupported_poll",
  poll_update: "unsupported_poll",
  gif: "unsupported_gif",
  group_invite: "unsupported_invite",
  pin: "unsupported_pin",
  product: "unsupported_product",
  button: "kind_interactive",
  list: "kind_interactive",
  interactive: "kind_interactive",
  hsm: "kind_template",
  image: "kind_image",
  media_placeholder: "unsupported_media",
  location: "kind_location",
  order: "unsupported_order",
  link_preview: "unsupported_link",
};
/** Typical of the first message to a number that is also in the WhatsApp Business app: what was written is on the phone. */
const unavailableCode = 131_060;

/** Meta could not show it, or this version does not know it. */
function Unsupported({ type, content }: { type: string | null; content: Fields }) {
  const text = useText();
  const error = fieldsOf(listOf(content["errors"])[0]);
  const code = numberOf(error["code"]);
  const reason = textOf(error["details"]) ?? textOf(error["title"]);
  const word = type === null ? undefined : unsupportedWords[type];
  return (
    <div className="flex max-w-72 flex-col gap-1 text-sm text-soft">
      <p className="flex items-center gap-1.5">
        <CircleQuestionMark size={16} aria-hidden className="shrink-0" />
        <span>
          {text("kind_unsupported")}
          {type === null ? null : word === undefined ? (
            <>
              {" "}
              (<bdi dir="ltr">{plain(type)}</bdi>)
            </>
          ) : (
            ` (${text(word)})`
          )}
        </span>
      </p>
      {code === null ? null : (
        <p dir="auto" className="text-start text-xs">
          {reason === null ? null : `${plain(reason)} `}
          <bdi dir="ltr">({code})</bdi>
        </p>
      )}
      <p className="text-xs">{text(code === unavailableCode ? "unavailable_hint" : "unsupported_hint")}</p>
    </div>
  );
}
