/** `POST /{phone}/media`, `GET` and `DELETE /{media}`, and the download of the URL. */
import type { PhoneNumber } from "../accounts.ts";
import type { Media } from "../media.ts";
import type { World } from "../world.ts";
import { GraphRefusal, json, refuseObject, refuseParameter, type Reply } from "./answer.ts";
import type { Call } from "./call.ts";
import { bytesMaxOf, supportedTypes, uploadKind } from "./media-types.ts";

export async function upload(world: World, call: Call, number: PhoneNumber): Promise<Reply> {
  const form = await readForm(call);
  if (form?.get("messaging_product") !== "whatsapp") throw refuseParameter("The parameter messaging_product is required.");
  const file = form.get("file");
  if (!(file instanceof File)) throw refuseParameter("The parameter file is required.");
  const said = form.get("type");
  const mimeType = typeof said === "string" && said.includes("/") ? said : file.type;
  const kind = uploadKind(mimeType);
  if (kind === null) {
    const message = `Param file must be a file with one of the following types: ${supportedTypes.join(", ")}. Received file of type '${mimeType}'.`;
    throw refuseParameter(message);
  }
  if (file.size === 0) throw new GraphRefusal(131_053, "The file is empty");
  if (file.size > bytesMaxOf[kind]) throw new GraphRefusal(131_053, `File is larger than the ${bytesMaxOf[kind]} bytes of type ${kind}`);
  const bytes = Buffer.from(await file.arrayBuffer());
  const { id } = world.media.put({ phoneNumberId: number.phoneNumberId, mimeType, bytes, from: "business" });
  return json({ id });
}

/** Null where it is no form, or too long. */
async function readForm({ bytes, contentType }: Call): Promise<FormData | null> {
  if (!contentType.startsWith("multipart/form-data")) return null;
  const form = new Response(new Uint8Array(bytes), { headers: { "content-type": contentType } });
  return form.formData().catch(() => null);
}

export function answerMedia(world: World, call: Call, media: Media): Reply | null {
  const owner = call.query.get("phone_number_id");
  if (owner !== null && owner !== media.phoneNumberId) throw refuseObject(media.id);
  if (call.method === "DELETE") {
    world.media.remove(media.id);
    return json({ success: true });
  }
  if (call.method !== "GET") return null;
  return json({
    messaging_product: "whatsapp",
    url: world.media.urlOf(media),
    mime_type: media.mimeType,
    sha256: media.sha256.toString("hex"),
    file_size: media.bytes.length,
    id: media.id,
  });
}

/** The URL alone opens nothing: the token goes with it. */
export function download(world: World, call: Call, mayOpen: (phoneNumberId: string) => boolean): Reply {
  const media = world.media.open(call.query);
  if (media === undefined || !mayOpen(media.phoneNumberId)) return { status: 404, type: "text/plain", body: "Not found" };
  return { status: 200, type: media.mimeType, body: media.bytes };
}
