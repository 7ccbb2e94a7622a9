import { useQueryClient } from "@tanstack/react-query";
import { Monitor, Smartphone } from "lucide-react";
import type { OwnSession } from "../../../src/contract/people.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Badge, Bdi } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";
import { ListFrame, Row, Rows, usePagedList } from "../ui/list-frame.tsx";
import { showToast } from "../ui/toast.tsx";
import { useDeed } from "../ui/use-action.ts";
import { browserOf } from "./browser-name.ts";

/** Where this person is signed in. */
export function OwnSessions() {
  const text = useText();
  const formats = useFormats();
  const { api } = useWorkspace();
  const queries = useQueryClient();
  const deed = useDeed();
  const list = usePagedList<OwnSession>(["sessions"], "sessions");
  const end = (id: string): void =>
    deed(async () => {
      await api.call(`sessions/${id}`, { method: "DELETE" });
      await queries.invalidateQueries({ queryKey: ["sessions"] });
      showToast("done", text("session_ended"));
    });
  return (
    <Card title={text("sessions")}>
      <ListFrame list={list} empty={null}>
        {(sessions) => (
          <Rows label={text("sessions")}>
            {sessions.map((session) => {
              const { name, isPhone } = browserOf(session.userAgent);
              const Icon = isPhone ? Smartphone : Monitor;
              return (
                <Row
                  key={session.id}
                  icon={<Icon size={20} aria-hidden className="text-faint" />}
                  title={
                    <>
                      <Bdi>{name ?? text("session_unknown")}</Bdi>
                      {session.isCurrent ? <Badge tone="accent">{text("session_current")}</Badge> : null}
                    </>
                  }
                  below={
                    <>
                      {session.ip === null ? null : <bdi dir="ltr">{session.ip}</bdi>}
                      <span>{text("last_seen", { at: formats.list(session.lastSeenAt) })}</span>
                    </>
                  }
                  actions={session.isCurrent ? null : <Button onClick={() => end(session.id)}>{text("session_end")}</Button>}
                />
              );
            })}
          </Rows>
        )}
      </ListFrame>
    </Card>
  );
}
