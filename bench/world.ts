/** The world that the load comes from: 50 businesses with a number each, traffic by Zipf(1), 20,000 customers. The same in every run. */
import { hash } from "node:crypto";
import { createRandom } from "../src/sandbox/random.ts";

export const tenantCount = 50;
export const contactCount = 20_000;
export const appSecret = "bench-app-secret";

export type Random = () => number;

const weights = Array.from({ length: tenantCount }, (_, index) => 1 / (index + 1));
const weightSum = weights.reduce((sum, weight) => sum + weight, 0);

/** A busy business has more customers: the 20,000 are divided as the traffic is. */
export const customers: readonly { first: number; count: number }[] = divide();

function divide(): { first: number; count: number }[] {
  const counts = weights.map((weight) => Math.floor((contactCount * weight) / weightSum));
  counts[0] = (counts[0] ?? 0) + contactCount - counts.reduce((sum, count) => sum + count, 0);
  let first = 0;
  return counts.map((count) => {
    const own = { first, count };
    first += count;
    return own;
  });
}

export function pickTenant(random: Random): number {
  let rest = random() * weightSum;
  for (const [tenant, weight] of weights.entries()) {
    rest -= weight;
    if (rest < 0) return tenant;
  }
  return tenantCount - 1;
}

/** Number of the customer, over all tenants. */
export function pickContact(random: Random, tenant: number): number {
  const { first, count } = customersOf(tenant);
  return first + Math.floor(random() * count);
}

export function customersOf(tenant: number): { first: number; count: number } {
  return customers[tenant] ?? { first: 0, count: 1 };
}

export function wabaId(tenant: number): string {
  return `9001002003${String(tenant).padStart(5, "0")}`;
}

export function phoneNumberId(tenant: number): string {
  return `7008009001${String(tenant).padStart(5, "0")}`;
}

export function displayPhoneNumber(tenant: number): string {
  return `97230000${String(tenant).padStart(4, "0")}`;
}

export function phone(contact: number): string {
  return `9725${String(contact).padStart(8, "0")}`;
}

export function userId(contact: number): string {
  return `IL.80214${String(contact).padStart(12, "0")}`;
}

/**
 * 60 characters, as long as Meta's and as random: a hash, so that SQL makes the same ones (`bench/seed.ts`).
 * `stream` keeps apart what must not meet.
 */
export function waMessageId(stream: string, number: number): string {
  return `wamid.${hash("sha384", `${stream}:${number}`, "base64").slice(0, 54)}`;
}

/** Outbound messages stand in blocks of one tenant each; statuses come back block by block. */
export function tenantOfBlock(block: number): number {
  return pickTenant(createRandom(block + 1));
}

/** Also in SQL. */
export function contactOfOutbound(number: number, tenant: number): number {
  const { first, count } = customersOf(tenant);
  return first + ((number * 7_919) % count);
}
