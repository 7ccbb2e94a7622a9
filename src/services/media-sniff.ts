/** What a file is, by its own bytes. */
import { open } from "node:fs/promises";
import { fileTypeFromFile } from "file-type";
import { plainMimeType } from "../core/media-type.ts";
import { limits } from "../limits.ts";

/** `mimeType` is null where the bytes carry no mark that is known; `isText` then says whether all it begins with is UTF-8 text. */
export async function sniff(path: string): Promise<{ mimeType: string | null; isText: boolean }> {
  const found = await bounded(fileTypeFromFile(path));
  const mimeType = plainMimeType(found?.mime);
  return { mimeType, isText: mimeType === null && (await beginsAsText(path)) };
}

/** A file that is made to take long, or to confuse its reader, is of no known type. */
async function bounded<T>(reading: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), limits.mediaSniffMsMax).unref();
  });
  try {
    return await Promise.race([reading, late]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

const sampleBytes = 4_096;

async function beginsAsText(path: string): Promise<boolean> {
  const handle = await open(path, "r");
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(sampleBytes), 0, sampleBytes, 0);
    // The last character may be cut.
    const text = new TextDecoder("utf-8", { fatal: true }).decode(buffer.subarray(0, bytesRead), { stream: bytesRead === sampleBytes });
    // oxlint-disable-next-line no-control-regex -- text has none of these
    return bytesRead > 0 && !/[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/.test(text);
  } catch {
    return false;
  } finally {
    await handle.close();
  }
}
