import { useState } from "react";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Button } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";
import { Confirm, type Question } from "../ui/confirm.tsx";

/** For owners. Everything stops at once; what is stored stays. */
export function CloseTenant({ name }: { name: string }) {
  const text = useText();
  const { api, tenantId } = useWorkspace();
  const [question, setQuestion] = useState<Question | null>(null);
  const ask = (): void =>
    setQuestion({
      title: text("close_tenant"),
      hint: text("close_tenant_hint"),
      label: text("close_tenant"),
      word: name,
      act: async () => {
        await api.call(`tenants/${tenantId}`, { method: "DELETE" });
        location.assign("/");
      },
    });
  return (
    <Card title={text("close_tenant")}>
      <p className="text-sm text-soft">{text("close_tenant_hint")}</p>
      <Button look="danger" className="self-start" onClick={ask}>
        {text("close_tenant")}
      </Button>
      <Confirm question={question} onClose={() => setQuestion(null)} />
    </Card>
  );
}
