/** How long what is kept, and what was exported and erased. */
import { can } from "../app/session.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Card } from "../ui/card.tsx";
import { ContactFinder } from "./contact-finder.tsx";
import { PrivacyJobs } from "./privacy-jobs.tsx";
import { ReadOnlyNote } from "./read-only.tsx";
import { RetentionCard } from "./retention.tsx";

export function Privacy() {
  const text = useText();
  const { session } = useWorkspace();
  const mayAct = can(session, "admin");
  return (
    <>
      {mayAct ? null : <ReadOnlyNote />}
      <RetentionCard isDisabled={!mayAct} />
      {mayAct ? (
        <>
          <Card title={text("privacy_of_customer")}>
            <p className="text-sm text-soft">{text("privacy_of_customer_hint")}</p>
            <ContactFinder />
          </Card>
          <PrivacyJobs />
        </>
      ) : null}
    </>
  );
}
