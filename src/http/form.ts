/** One file and a few fields, as `multipart/form-data`. Only routes that register it take such bodies. */
import multipart, { type MultipartFile } from "@fastify/multipart";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { invalidRequest, Rejection } from "../core/rejection.ts";
import type { TenantScope } from "../core/scope.ts";
import { limits } from "../limits.ts";
import type { MediaStore, StagedFile } from "../services/media-store.ts";
import { stageUpload } from "../services/whatsapp/media/send.ts";

export type Form = { file: StagedFile; fileName: string | null; mimeType: string; fields: ReadonlyMap<string, string> };

export async function registerForms(scoped: FastifyInstance): Promise<void> {
  await scoped.register(multipart, {
    // A file's bytes are counted, and a form of fields alone is refused, where they are read.
    limits: {
      files: 1,
      fields: limits.mediaFormFieldsMax,
      fieldSize: limits.apiTextCharsMax,
      fieldNameSize: limits.apiTextCharsMax,
      headerPairs: limits.mediaFormFieldsMax,
      fileSize: limits.mediaBytesMax + 1,
    },
  });
}

/** How many forms are being read of each tenant: whoever sends slowly holds up nobody else. */
const underWay = new Map<string, number>();

/** Reads the form, with its file on the disk, hands it to `take`, and forgets the file unless that has kept it. */
export async function withForm<T>(
  request: FastifyRequest,
  { store, scope }: { store: MediaStore; scope: TenantScope },
  take: (form: Form) => Promise<T>,
): Promise<T> {
  if (!request.isMultipart())
    throw new Rejection("unsupported_media_type", 415, "The body must be multipart/form-data with a field `file`");
  const { tenantId } = scope;
  const [own, all] = [underWay.get(tenantId) ?? 0, underWay.values().reduce((sum, count) => sum + count, 0)];
  if (own >= limits.mediaUploadsPerTenantMax || all >= limits.mediaUploadsMax) {
    throw new Rejection("too_many", 429, "Too many uploads at once. Try again.");
  }
  underWay.set(tenantId, own + 1);
  const staged: StagedFile[] = [];
  try {
    const form = await readForm(request, store, staged);
    if (form === null) throw invalidRequest("file (body) is missing");
    return await take(form);
  } finally {
    const left = (underWay.get(tenantId) ?? 1) - 1;
    if (left > 0) underWay.set(tenantId, left);
    else underWay.delete(tenantId);
    for (const file of staged) await file.drop();
  }
}

async function readForm(request: FastifyRequest, store: MediaStore, staged: StagedFile[]): Promise<Form | null> {
  const fields = new Map<string, string>();
  let part: Pick<MultipartFile, "filename" | "mimetype"> | null = null;
  for await (const each of request.parts()) {
    if (each.type === "file") {
      if (each.fieldname !== "file") throw invalidRequest(`${each.fieldname} (body) is no field of this form`);
      staged.push(await stageUpload(store, each.file));
      part = each;
    } else if (typeof each.value === "string") {
      fields.set(each.fieldname, each.value);
    }
  }
  const [file] = staged;
  return file === undefined || part === null ? null : { file, fileName: part.filename || null, mimeType: part.mimetype, fields };
}
