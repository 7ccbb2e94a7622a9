/** Whose phones are at hand; this browser's own list. */
import { useState } from "react";
import { useText } from "../app/text.tsx";
import { fieldsOf, listOf, textOf } from "../thread/fields.ts";

export type Customer = { digits: string; name: string };

const key = "kesher.sandbox.customers";
const customersMax = 30;

export function useCustomers() {
  const text = useText();
  const [kept, setKept] = useState<readonly Customer[] | null>(read);
  const customers = kept ?? [
    { digits: "972521234567", name: text("sb_customer_default_1") },
    { digits: "972502020202", name: text("sb_customer_default_2") },
    { digits: "972543334444", name: text("sb_customer_default_3") },
  ];
  const keep = (next: readonly Customer[]): void => {
    setKept(next);
    try {
      localStorage.setItem(key, JSON.stringify(next));
    } catch {
      // The list then holds for this visit.
    }
  };
  return {
    customers,
    add: (customer: Customer) => keep([...customers.filter(({ digits }) => digits !== customer.digits), customer].slice(-customersMax)),
    remove: (digits: string) => keep(customers.filter((one) => one.digits !== digits)),
  };
}

function read(): readonly Customer[] | null {
  try {
    const text = localStorage.getItem(key);
    if (text === null) return null;
    return listOf(JSON.parse(text)).flatMap((one) => {
      const [digits, name] = [textOf(fieldsOf(one)["digits"]), textOf(fieldsOf(one)["name"])];
      return digits === null || name === null ? [] : [{ digits, name }];
    });
  } catch {
    return null;
  }
}
