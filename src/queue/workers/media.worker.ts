/** Jobs `media-fetch`: one file each, from Meta into the store. */
import { tenantScope } from "../../core/scope.ts";
import { fetchMedia, type FetchDeps, type FetchResult } from "../../services/whatsapp/media/fetch.ts";
import type { Handler } from "../jobs.ts";

export type MediaWorkerOptions = FetchDeps & {
  onFetched: (mediaId: string, result: FetchResult) => void;
  onActivity: (tenantIds: readonly string[]) => void;
};

export function createMediaWorker(options: MediaWorkerOptions): Handler<"media-fetch"> {
  return async ({ tenantId, mediaId }, { signal }) => {
    const result = await fetchMedia(options, tenantScope(tenantId), mediaId, signal);
    options.onFetched(mediaId, result);
    options.onActivity([tenantId]);
  };
}
