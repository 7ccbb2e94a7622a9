import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import type { ContactSummary } from "../../../src/contract/conversations.ts";
import type { SearchResult } from "../../../src/contract/search.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { contactName } from "../conversations/names.ts";
import { Avatar, Bdi, Phone } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { Field, Input } from "../ui/field.tsx";
import { Row, Rows } from "../ui/list-frame.tsx";
import { ContactPrivacyDialog } from "./contact-privacy-dialog.tsx";

/** Finds a customer whose data is to be exported or erased. */
export function ContactFinder() {
  const text = useText();
  const { api } = useWorkspace();
  const [query, setQuery] = useState("");
  const [chosen, setChosen] = useState<ContactSummary | null>(null);
  const q = useDeferredValue(query.trim());
  const found = useQuery({
    queryKey: ["search", "contacts", q, "privacy"],
    queryFn: ({ signal }) => api.call<SearchResult>("search", { query: { q, in: "contacts", limit: 8 }, signal }),
    enabled: q.length >= 2,
    placeholderData: (before) => before,
  });
  const contacts = q.length < 2 ? [] : (found.data?.contacts ?? []);
  const nameOf = (contact: ContactSummary): string => contactName(contact) ?? text("unknown_contact");
  return (
    <>
      <Field
        label={text("find_customer")}
        render={(control) => (
          <Input
            {...control}
            type="search"
            placeholder={text("find_customer_hint")}
            value={query}
            onChange={(event) => setQuery(event.target.value)}
          />
        )}
      />
      <div role="status" className="text-sm text-soft">
        {q.length < 2 ? null : found.isError ? text("search_failed") : found.data === undefined ? text("searching") : null}
        {q.length >= 2 && found.data !== undefined && contacts.length === 0 ? text("search_nothing") : null}
      </div>
      {contacts.length === 0 ? null : (
        <Rows label={text("search_people")}>
          {contacts.map(({ contact }) => (
            <Row
              key={contact.id}
              icon={<Avatar name={nameOf(contact)} seed={contact.id} size={34} />}
              title={<Bdi>{nameOf(contact)}</Bdi>}
              below={contact.waId === null ? undefined : <Phone digits={contact.waId} />}
              actions={<Button onClick={() => setChosen(contact)}>{text("privacy_open")}</Button>}
            />
          ))}
        </Rows>
      )}
      <ContactPrivacyDialog contact={chosen === null ? null : { id: chosen.id, name: nameOf(chosen) }} onClose={() => setChosen(null)} />
    </>
  );
}
