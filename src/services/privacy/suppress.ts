/**
 * On the path in: updates about people whom their tenant has erased are left out, whoever sends them again. Costs nothing where no tenant of the
 * batch has erased anybody, which routing has read with the tenant; else a look at the marks for all updates of such tenants together.
 * A delivery that brought something of this kind is put down to be rewritten, in the same transaction.
 */
import { isErased } from "../../core/erased.ts";
import type { Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import { enqueue } from "../jobs.ts";
import { cleanUpdate, namesToAsk, withElement } from "./clean.ts";
import { findMarked, type Hasher } from "./marks.ts";
import type { Suspect } from "./names.ts";

/** Of whom the tenant is known. */
export type Received = Suspect & { deliveryId: string };

export type Suppression = {
  /** Aligned: the item as it may be applied, or null when it is left out. `tenantIds` are those of the items. */
  sift<Item extends Received>(tx: Tx, items: readonly Item[], tenantIds: readonly string[]): Promise<(Item | null)[]>;
};

export function createSuppression(hasher: Hasher): Suppression {
  return {
    async sift<Item extends Received>(tx: Tx, items: readonly Item[], tenantIds: readonly string[]): Promise<(Item | null)[]> {
      const kept: (Item | null)[] = [...items];
      for (const tenantId of [...new Set(tenantIds)].toSorted()) {
        const places = items.flatMap((item, index) =>
          tenantIds[index] === tenantId && !isErased(item.located.element) ? [{ item, index }] : [],
        );
        const hash = await hasher.of(tx, tenantId);
        if (hash === null || places.length === 0) continue;
        const names = places.flatMap(({ item }) => namesToAsk(item));
        const isMarked = await findMarked(tx, tenantId, hash, names);
        const touched = new Set<string>();
        for (const { item, index } of places) {
          const cleaned = cleanUpdate(item, isMarked);
          if (cleaned.kind === "whole") continue;
          touched.add(item.deliveryId);
          kept[index] = cleaned.kind === "erased" ? null : { ...item, ...withElement(item.located, cleaned.element) };
        }
        await askForRewriting(tx, tenantId, [...touched]);
      }
      return kept;
    },
  };
}

async function askForRewriting(tx: Tx, tenantId: string, deliveryIds: readonly string[]): Promise<void> {
  for (let from = 0; from < deliveryIds.length; from += limits.privacyRowsMax) {
    await enqueue(tx, "privacy-rewrite", [{ tenantId, deliveryIds: deliveryIds.slice(from, from + limits.privacyRowsMax) }]);
  }
}

/** Updates of a batch that were erased already, in the journal, and wait to be counted. */
export function isBlank(item: { located: { element: unknown } }): boolean {
  return isErased(item.located.element);
}
