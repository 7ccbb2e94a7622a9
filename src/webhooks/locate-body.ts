import { limits } from "../limits.ts";
import { previewOf } from "../services/whatsapp/graph/decode.ts";
import { locateUpdates, parseBody } from "../services/whatsapp/graph/locate.ts";
import type { LocatedUpdate } from "../services/whatsapp/graph/updates.ts";

/** All updates of a body. One that cannot be read is a single update that shows its first bytes. Never throws, never empty. */
export function locateBody(body: Uint8Array): readonly LocatedUpdate[] {
  const parsed = parseBody(body);
  const located = parsed.ok ? locateUpdates(parsed.body) : [];
  return located.length === 0 || located.length > limits.updatesPerBodyMax ? locateUpdates(previewOf(body)) : located;
}
