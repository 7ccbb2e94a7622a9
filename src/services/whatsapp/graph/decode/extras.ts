/** What may accompany a message of any type. */
import type { Extras, MessageContent, Referral } from "../content.ts";
import { readErrors } from "./errors.ts";
import { readFlag, readId, readPhone, readRecord, readText, readTimeMs, readUserId, type Wire } from "../wire.ts";

/** Adds to the content, which is fresh, and gives it back. */
export function addExtras<C extends MessageContent>(content: C, message: Wire): C {
  const extras: Extras = content;
  const context = readRecord(message["context"]);
  if (context !== null) addContext(extras, context);
  const referral = readRecord(message["referral"]);
  if (referral !== null) extras.referral = readReferral(referral);
  const summary = readText(readRecord(readRecord(message["conversation_context"])?.["summary"])?.["text"]);
  if (summary !== null) extras.conversationSummary = summary;
  const identity = readRecord(message["identity"]);
  if (identity !== null) {
    const createdAtMs = readTimeMs(identity["created_timestamp"]);
    extras.identity = { acknowledged: readFlag(identity["acknowledged"]), createdAtMs, hash: readText(identity["hash"]) };
  }
  const errors = message["errors"];
  if (Array.isArray(errors) && errors.length > 0) extras.errors = readErrors(errors);
  return content;
}

function addContext(extras: Extras, context: Wire): void {
  const waMessageId = readId(context["id"]);
  const from = readPhone(context["from"]) ?? readUserId(context["from"]);
  if (waMessageId !== null || from !== null) extras.context = { waMessageId, from };
  if (context["forwarded"] === true) extras.forwarded = true;
  if (context["frequently_forwarded"] === true) extras.frequentlyForwarded = true;
  const product = readRecord(context["referred_product"]);
  if (product === null) return;
  extras.referredProduct = { catalogId: readText(product["catalog_id"]), productRetailerId: readText(product["product_retailer_id"]) };
}

const referralFields: readonly (readonly [keyof Referral, string])[] = [
  ["sourceUrl", "source_url"],
  ["sourceId", "source_id"],
  ["sourceType", "source_type"],
  ["headline", "headline"],
  ["body", "body"],
  ["mediaType", "media_type"],
  ["imageUrl", "image_url"],
  ["videoUrl", "video_url"],
  ["thumbnailUrl", "thumbnail_url"],
  ["ctwaClid", "ctwa_clid"],
];

function readReferral(wire: Wire): Referral {
  const referral: Referral = {};
  for (const [name, field] of referralFields) {
    const text = readText(wire[field]);
    if (text !== null) referral[name] = text;
  }
  const welcomeMessage = readText(readRecord(wire["welcome_message"])?.["text"]);
  if (welcomeMessage !== null) referral.welcomeMessage = welcomeMessage;
  return referral;
}
