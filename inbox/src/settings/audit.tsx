/** Who did what, and when; and whether the log is still what it was. */
import { ScrollText } from "lucide-react";
import { useState } from "react";
import type { AuditEvent } from "../../../src/contract/audit.ts";
import { useFormats, useText } from "../app/text.tsx";
import { usePeople } from "../team/people.ts";
import { Bdi, EmptyState } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";
import { Field, Input, Select } from "../ui/field.tsx";
import { ListFrame, usePagedList } from "../ui/list-frame.tsx";
import { actionText, auditActions } from "./audit-actions.ts";
import { AuditVerify, type AuditReach } from "./audit-verify.tsx";

type Filter = { action: string; actorId: string; from: string; to: string };
const nothing: Filter = { action: "", actorId: "", from: "", to: "" };

export function Audit() {
  return <AuditLog reach={own} />;
}

const own: AuditReach = {};

export function AuditLog({ reach }: { reach: AuditReach }) {
  const text = useText();
  const [filter, setFilter] = useState(nothing);
  const list = usePagedList<AuditEvent>(["audit"], "audit", { limit: 30, ...reach, ...queryOf(filter) });
  const isFiltered = Object.values(filter).some((word) => word !== "");
  return (
    <>
      <AuditVerify reach={reach} />
      <Card
        title={text("settings_audit")}
        actions={
          isFiltered ? (
            <Button look="quiet" onClick={() => setFilter(nothing)}>
              {text("filters_clear")}
            </Button>
          ) : null
        }
      >
        <Filters filter={filter} onChange={setFilter} isOfOthers={"tenantId" in reach} />
        <ListFrame
          list={list}
          empty={<EmptyState icon={<ScrollText size={30} aria-hidden />} title={text(isFiltered ? "audit_nothing" : "audit_empty")} />}
        >
          {(events) => (
            <ul aria-label={text("settings_audit")} className="divide-y divide-line rounded-2xl border border-line">
              {events.map((event) => (
                <Deed key={event.id} event={event} onOnly={(actorId) => setFilter({ ...filter, actorId })} />
              ))}
            </ul>
          )}
        </ListFrame>
      </Card>
    </>
  );
}

/** `isOfOthers`: whose people are not known here; who did it is chosen at a deed. */
function Filters({ filter, onChange, isOfOthers }: { filter: Filter; onChange: (filter: Filter) => void; isOfOthers: boolean }) {
  const text = useText();
  const people = usePeople();
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      {isOfOthers ? null : (
        <Field
          label={text("audit_who")}
          render={(control) => (
            <Select {...control} value={filter.actorId} onChange={(event) => onChange({ ...filter, actorId: event.target.value })}>
              <option value="">{text("audit_anyone")}</option>
              {people.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </Select>
          )}
        />
      )}
      <Field
        label={text("audit_what")}
        render={(control) => (
          <Select {...control} value={filter.action} onChange={(event) => onChange({ ...filter, action: event.target.value })}>
            <option value="">{text("audit_anything")}</option>
            {auditActions.map((action) => (
              <option key={action} value={action}>
                {actionText(text, action)}
              </option>
            ))}
          </Select>
        )}
      />
      {(["from", "to"] as const).map((end) => (
        <Field
          key={end}
          label={text(end === "from" ? "time_from" : "time_to")}
          render={(control) => (
            <Input
              {...control}
              type="date"
              dir="ltr"
              value={filter[end]}
              onChange={(event) => onChange({ ...filter, [end]: event.target.value })}
            />
          )}
        />
      ))}
    </div>
  );
}

/** Days by this machine's clock; the last one whole. */
function queryOf({ action, actorId, from, to }: Filter): Record<string, string> {
  const after = new Date(`${to}T00:00`);
  after.setDate(after.getDate() + 1);
  return {
    ...(action === "" ? {} : { action }),
    ...(actorId === "" ? {} : { actorId }),
    ...(from === "" ? {} : { from: new Date(`${from}T00:00`).toISOString() }),
    ...(to === "" ? {} : { to: after.toISOString() }),
  };
}

function Deed({ event, onOnly }: { event: AuditEvent; onOnly: (actorId: string) => void }) {
  const text = useText();
  const formats = useFormats();
  const { actor, subject, data } = event;
  const isBare = data === null || (typeof data === "object" && Object.keys(data).length === 0);
  return (
    <li className="px-4 py-2.5">
      <details className="group">
        <summary className="flex cursor-pointer flex-wrap items-baseline gap-x-3 gap-y-0.5 text-sm">
          <span className="grow font-medium">{actionText(text, event.action)}</span>
          <span className="text-soft">
            {actor.kind === "person" ? <Bdi>{actor.name}</Bdi> : text(`actor_${actor.kind}`, { name: `\u2068${actor.name}\u2069` })}
          </span>
          <time dateTime={event.createdAt} title={formats.full(event.createdAt)} className="w-32 text-end text-xs text-faint tabular-nums">
            {formats.day(event.createdAt)} {formats.clock(event.createdAt)}
          </time>
        </summary>
        <dl className="mt-2 grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-xs">
          <Fact name={text("audit_when")}>{formats.full(event.createdAt)}</Fact>
          <Fact name={text("audit_action")}>
            <bdi dir="ltr" className="font-mono">
              {event.action}
            </bdi>
          </Fact>
          {subject === null ? null : (
            <Fact name={text("audit_subject")}>
              <bdi dir="ltr" className="font-mono break-all">{`${subject.kind} ${subject.id}`}</bdi>
            </Fact>
          )}
          {event.ip === null ? null : (
            <Fact name={text("audit_ip")}>
              <bdi dir="ltr">{event.ip}</bdi>
            </Fact>
          )}
          {isBare ? null : (
            <Fact name={text("audit_data")}>
              <bdi dir="ltr" className="block font-mono break-all whitespace-pre-wrap">
                {JSON.stringify(data, null, 1)}
              </bdi>
            </Fact>
          )}
        </dl>
        {actor.id === null ? null : (
          <Button look="quiet" className="mt-1" onClick={() => onOnly(actor.id ?? "")}>
            {text("audit_only_by", { name: `\u2068${actor.name}\u2069` })}
          </Button>
        )}
      </details>
    </li>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <>
      <dt className="text-faint">{name}</dt>
      <dd className="min-w-0">{children}</dd>
    </>
  );
}
