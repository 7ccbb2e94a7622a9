/** Playing Meta and the customers: their phones, and what goes wrong on command. */
import { useQuery } from "@tanstack/react-query";
import { FlaskConical } from "lucide-react";
import { useState } from "react";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { control, readTypes, type SandboxNumber } from "../sandbox/control.ts";
import { CustomerList } from "../sandbox/customer-list.tsx";
import { useCustomers, type Customer } from "../sandbox/customers.ts";
import { Conduct, Faults } from "../sandbox/faults.tsx";
import { Habits } from "../sandbox/habits.tsx";
import { Phone, usePhone } from "../sandbox/phone.tsx";
import { EmptyState, Skeleton } from "../ui/bits.tsx";
import { Field, Select } from "../ui/field.tsx";
import { Page } from "../ui/page.tsx";
import { ReadTrouble } from "../ui/trouble.tsx";

export function Screen() {
  const text = useText();
  const { session } = useWorkspace();
  return (
    <Page title={text("sb_title")}>
      {session.isSandbox ? (
        <Sandbox />
      ) : (
        <EmptyState icon={<FlaskConical size={36} aria-hidden />} title={text("sb_none")}>
          {text("sb_none_hint")}
        </EmptyState>
      )}
    </Page>
  );
}

function Sandbox() {
  const text = useText();
  const { data, isError, refetch } = useQuery({
    queryKey: ["sandbox-setting"],
    queryFn: async () => ({ types: await readTypes(), ...(await control<{ numbers: SandboxNumber[] }>("GET", "numbers")) }),
  });
  const { customers, add, remove } = useCustomers();
  const [chosen, setChosen] = useState<string | null>(null);
  const [numberId, setNumberId] = useState<string | null>(null);
  const customer = customers.find(({ digits }) => digits === chosen) ?? customers[0];
  const number = data?.numbers.find(({ phoneNumberId }) => phoneNumberId === numberId) ?? data?.numbers[0];
  if (isError) return <ReadTrouble title={text("sb_failed")} onRetry={() => void refetch()} />;
  if (data === undefined || number === undefined || customer === undefined) return <Skeleton className="h-96" />;
  return (
    <>
      <p className="mb-4 text-sm text-soft">{text("sb_about")}</p>
      <div className="grid gap-5 lg:grid-cols-[15rem_1fr_17rem]">
        <div className="flex min-w-0 flex-col gap-3">
          {data.numbers.length < 2 ? null : (
            <Field
              label={text("sb_phone_business")}
              render={(props) => (
                <Select {...props} value={number.phoneNumberId} onChange={(event) => setNumberId(event.target.value)}>
                  {data.numbers.map(({ phoneNumberId, displayPhoneNumber }) => (
                    <option key={phoneNumberId} value={phoneNumberId}>
                      {displayPhoneNumber}
                    </option>
                  ))}
                </Select>
              )}
            />
          )}
          <CustomerList
            customers={customers}
            chosen={customer.digits}
            onChoose={setChosen}
            onAdd={(one) => {
              add(one);
              setChosen(one.digits);
            }}
            onRemove={remove}
          />
        </div>
        <Phone customer={customer} number={number} types={data.types} />
        <div className="flex flex-col gap-4">
          <PersonHabits
            customer={customer}
            number={number}
            onMoved={(digits) => {
              add({ digits, name: customer.name });
              setChosen(digits);
            }}
          />
          <Faults />
          <Conduct />
        </div>
      </div>
    </>
  );
}

function PersonHabits(props: { customer: Customer; number: SandboxNumber; onMoved: (digits: string) => void }) {
  const { data } = usePhone(props.customer, props.number);
  return <Habits {...props} person={data?.person ?? null} />;
}
