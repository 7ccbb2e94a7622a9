/** Messages that are more than words: places, people, orders, buttons, lists, templates, answers to forms. */
import { CornerDownLeft, ExternalLink, FileText, List, MapPin, MousePointerClick, ShoppingCart } from "lucide-react";
import type { ReactNode } from "react";
import { useIntl } from "react-intl";
import { useFormats, useText } from "../app/text.tsx";
import { Avatar, Bdi, Phone } from "../ui/bits.tsx";
import { plain, plainLine, safeHref } from "../ui/plain.ts";
import { fieldsOf, listOf, numberOf, textOf, type Fields } from "./fields.ts";
import { FormattedText } from "./formatted-text.tsx";
import { Document, HeaderPicture, mediaFactsOf } from "./media.tsx";

const card = "flex w-72 max-w-full flex-col gap-2";

export function Location({ content }: { content: Fields }) {
  const text = useText();
  const [latitude, longitude] = [numberOf(content["latitude"]), numberOf(content["longitude"])];
  const [name, address] = [textOf(content["name"]), textOf(content["address"])];
  const place = latitude === null || longitude === null ? null : `${latitude},${longitude}`;
  return (
    <div className={card}>
      <div className="flex gap-2.5 rounded-lg bg-black/5 p-3 dark:bg-white/6">
        <MapPin size={22} aria-hidden className="shrink-0 text-danger" />
        <span className="flex min-w-0 flex-col text-sm">
          <Bdi className="aligned font-medium">{name ?? text("kind_location")}</Bdi>
          {address === null ? null : <Bdi className="aligned text-soft">{address}</Bdi>}
          {place === null ? null : (
            <bdi dir="ltr" className="aligned text-xs text-faint">
              {place}
            </bdi>
          )}
        </span>
      </div>
      {place === null ? null : (
        <OutLink href={`https://www.google.com/maps/search/?api=1&query=${encodeURIComponent(place)}`} label={text("open_map")} />
      )}
    </div>
  );
}

export function Contacts({ content }: { content: Fields }) {
  const text = useText();
  return (
    <ul className={card}>
      {listOf(content["contacts"]).map((one, index) => {
        const contact = fieldsOf(one);
        const name = textOf(contact["name"]) ?? text("unknown_contact");
        return (
          <li key={index} className="flex items-start gap-2.5">
            <Avatar name={name} seed={name} size={36} />
            <span className="flex min-w-0 flex-col text-sm">
              <Bdi className="text-start font-medium">{name}</Bdi>
              {textOf(contact["org"]) === null ? null : <Bdi className="text-start text-soft">{textOf(contact["org"]) ?? ""}</Bdi>}
              {listOf(contact["phones"]).map((phone, at) => {
                const digits = textOf(fieldsOf(phone)["phone"]) ?? textOf(fieldsOf(phone)["waId"]);
                const href = digits === null ? null : safeHref(`tel:${digits.replaceAll(/[^\d+]/g, "")}`);
                return digits === null || href === null ? null : (
                  <a key={at} href={href} className="text-start text-read">
                    <Phone digits={digits} />
                  </a>
                );
              })}
              {listOf(contact["emails"]).map((email, at) => {
                const href = typeof email === "string" ? safeHref(`mailto:${email}`) : null;
                return href === null ? null : (
                  <a key={at} href={href} className="text-start text-read">
                    <Bdi>{String(email)}</Bdi>
                  </a>
                );
              })}
            </span>
          </li>
        );
      })}
    </ul>
  );
}

/** The customer chose one of our buttons or lines. */
export function Tapped({ label, detail }: { label: string | null; detail: string | null }) {
  const text = useText();
  return (
    <div className="flex items-start gap-2">
      <MousePointerClick size={17} aria-hidden className="mt-0.5 shrink-0 text-soft" />
      <span className="flex flex-col">
        <Bdi className="text-start font-medium">{label ?? text("kind_button")}</Bdi>
        {detail === null ? null : <Bdi className="text-start text-sm text-soft">{detail}</Bdi>}
      </span>
    </div>
  );
}

export function FlowReply({ content }: { content: Fields }) {
  const text = useText();
  const answers = Object.entries(fieldsOf(content["response"])).filter(([name]) => name !== "flow_token");
  return (
    <div className={card}>
      <p className="flex items-center gap-2 font-medium">
        <FileText size={17} aria-hidden className="text-soft" />
        <Bdi>{textOf(content["body"]) ?? textOf(content["name"]) ?? text("kind_flow")}</Bdi>
      </p>
      <dl className="flex flex-col gap-1 text-sm">
        {answers.map(([name, value]) => (
          <div key={name} className="flex flex-col">
            <dt className="text-start text-xs text-faint">
              <Bdi>{name.replaceAll("_", " ")}</Bdi>
            </dt>
            <dd dir="auto" className="text-start">
              {plain(typeof value === "string" ? value : JSON.stringify(value))}
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

export function Order({ content }: { content: Fields }) {
  const text = useText();
  const formats = useFormats();
  const money = useMoney();
  const items = listOf(content["items"]).map(fieldsOf);
  const total = items.reduce((sum, item) => sum + (numberOf(item["quantity"]) ?? 0) * (numberOf(item["itemPrice"]) ?? 0), 0);
  const currency = textOf(items[0]?.["currency"]) ?? "";
  return (
    <div className={card}>
      <p className="flex items-center gap-2 font-medium">
        <ShoppingCart size={17} aria-hidden className="text-soft" />
        {text("kind_order", { count: items.length })}
      </p>
      <ul className="flex flex-col gap-0.5 text-sm">
        {items.map((item, index) => (
          <li key={index} className="flex gap-2">
            <span className="text-soft tabular-nums">{formats.number(numberOf(item["quantity"]) ?? 0)}×</span>
            <Bdi className="aligned min-w-0 grow truncate">{textOf(item["productRetailerId"]) ?? ""}</Bdi>
            <bdi className="tabular-nums">{money(numberOf(item["itemPrice"]) ?? 0, textOf(item["currency"]) ?? "")}</bdi>
          </li>
        ))}
      </ul>
      <p className="flex justify-between border-t border-line pt-1 text-sm font-medium">
        <span>{text("total")}</span>
        <bdi className="tabular-nums">{money(total, currency)}</bdi>
      </p>
      {textOf(content["text"]) === null ? null : <FormattedText text={textOf(content["text"]) ?? ""} />}
    </div>
  );
}

/** As the reader's language writes money; a currency that is none is a stranger's word. */
function useMoney(): (amount: number, currency: string) => string {
  const { formatNumber } = useIntl();
  return (amount, currency) =>
    /^[A-Z]{3}$/.test(currency)
      ? formatNumber(amount, { style: "currency", currency })
      : `\u2066${formatNumber(amount)} ${plainLine(currency)}\u2069`;
}

/** One of ours with buttons, a list and the like: what the customer sees, as far as words go. */
export function Interactive({ content }: { content: Fields }) {
  const text = useText();
  const header = fieldsOf(content["header"]);
  const action = fieldsOf(content["action"]);
  const body = textOf(content["body"]) ?? textOf(fieldsOf(content["body"])["text"]);
  const footer = textOf(content["footer"]);
  const buttons = [...listOf(content["buttons"]), ...listOf(action["buttons"])].map(fieldsOf);
  const sections = [...listOf(content["sections"]), ...listOf(action["sections"])].map(fieldsOf);
  const single = textOf(content["displayText"]) ?? textOf(action["displayText"]) ?? textOf(content["button"]);
  return (
    <div className={card}>
      {textOf(header["text"]) === null ? null : <Bdi className="text-start font-semibold">{textOf(header["text"]) ?? ""}</Bdi>}
      {body === null ? <p className="text-sm text-soft">{text("kind_interactive")}</p> : <FormattedText text={body} />}
      {footer === null ? null : <Bdi className="text-start text-xs text-faint">{footer}</Bdi>}
      {sections.map((section, index) => (
        <ul key={index} className="text-sm text-soft">
          {listOf(section["rows"]).map((row, at) => (
            <li key={at} className="flex items-center gap-1.5">
              <List size={13} aria-hidden />
              <Bdi>{textOf(fieldsOf(row)["title"]) ?? ""}</Bdi>
            </li>
          ))}
        </ul>
      ))}
      <Buttons labels={[...buttons.map((button) => textOf(button["title"]) ?? textOf(button["text"])), single]} />
    </div>
  );
}

export function Template({ content }: { content: Fields }) {
  const text = useText();
  const body = textOf(content["body"]);
  return (
    <div className="flex max-w-80 flex-col gap-1">
      <p className="flex items-center gap-1.5 text-xs text-faint">
        <FileText size={13} aria-hidden />
        {text("kind_template")} · <bdi dir="ltr">{plainLine(textOf(content["name"]) ?? "")}</bdi>
      </p>
      <TemplateHeader header={fieldsOf(fieldsOf(content["parameters"])["header"])} />
      {body === null ? null : <FormattedText text={body} />}
    </div>
  );
}

/** What went out above the words: a file that was uploaded here, a place, or a value. */
function TemplateHeader({ header }: { header: Fields }) {
  const text = useText();
  const facts = mediaFactsOf(header);
  switch (header["type"]) {
    case "image":
      return <HeaderPicture facts={facts} label={text("kind_image")} />;
    case "video":
    case "document":
      return (
        <Document facts={{ ...facts, fileName: facts.fileName ?? text(header["type"] === "video" ? "kind_video" : "kind_document") }} />
      );
    case "location":
      return <Location content={header} />;
    case "text":
      return <Bdi className="text-start font-semibold">{textOf(header["text"]) ?? ""}</Bdi>;
    default:
      return null;
  }
}

export function Buttons({ labels }: { labels: readonly (string | null)[] }): ReactNode {
  const shown = labels.filter((label) => label !== null);
  if (shown.length === 0) return null;
  return (
    <ul className="-mx-1 mt-0.5 flex flex-col gap-1">
      {shown.map((label, index) => (
        <li
          key={index}
          className="flex items-center justify-center gap-1.5 rounded-lg bg-black/4 py-1.5 text-sm font-medium dark:bg-white/6"
        >
          <CornerDownLeft size={14} aria-hidden className="directional text-read" />
          <Bdi>{label}</Bdi>
        </li>
      ))}
    </ul>
  );
}

function OutLink({ href, label }: { href: string; label: string }) {
  const safe = safeHref(href);
  return safe === null ? null : (
    <a href={safe} target="_blank" rel="noopener noreferrer nofollow" className="inline-flex items-center gap-1.5 text-sm text-read">
      <ExternalLink size={14} aria-hidden />
      {label}
    </a>
  );
}
