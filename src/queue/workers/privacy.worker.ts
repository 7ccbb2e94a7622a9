/** Jobs `contact-erase`, `contact-export`, `privacy-rewrite`, and `retention-sweep`, which the clock makes. */
import { tenantScope } from "../../core/scope.ts";
import type { Failpoint } from "../../failpoint.ts";
import { eraseContact, type PrivacyDeps } from "../../services/privacy/erase.ts";
import { exportContact } from "../../services/privacy/export.ts";
import { noteJobError } from "../../services/privacy/jobs.ts";
import { enforceRetention } from "../../services/privacy/retention.ts";
import { rewriteDeliveries } from "../../services/privacy/rewrite.ts";
import type { Handlers } from "../jobs.ts";

export type PrivacyJobsOptions = Omit<PrivacyDeps, "afterPortion"> & { failpoint: Failpoint };

/** The handlers, by the names of their queues. */
export function privacyJobs(
  options: PrivacyJobsOptions,
): Pick<Handlers, "contact-erase" | "contact-export" | "privacy-rewrite" | "retention-sweep"> {
  const { failpoint, ...deps } = options;
  const erasing: PrivacyDeps = { ...deps, afterPortion: (step) => failpoint(`erase.${step}`) };

  /** What the job shows of an attempt that failed; why in full is in the log. */
  async function noting(tenantId: string, jobId: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      await noteJobError(deps.privacy, tenantScope(tenantId), jobId, "will be tried again").catch(() => undefined);
      throw error;
    }
  }

  return {
    "contact-erase": ({ tenantId, jobId }, { signal }) =>
      noting(tenantId, jobId, () => eraseContact(erasing, tenantScope(tenantId), jobId, signal)),
    "contact-export": ({ tenantId, jobId }, { signal }) =>
      noting(tenantId, jobId, () => exportContact(deps, tenantScope(tenantId), jobId, signal)),
    "privacy-rewrite": async ({ tenantId, deliveryIds }) => {
      await rewriteDeliveries(deps, tenantScope(tenantId), deliveryIds);
    },
    "retention-sweep": (_data, { signal }) => enforceRetention(deps, signal),
  };
}
