/** The labels of the business: everybody uses them, whoever may manage changes them. */
import { useQueryClient } from "@tanstack/react-query";
import { Pencil, Plus, Tag, Trash2 } from "lucide-react";
import { useState } from "react";
import type { Label, LabelColour } from "../../../src/contract/inbox.ts";
import { can } from "../app/session.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { LabelDot } from "../team/label-chip.tsx";
import { Bdi, EmptyState } from "../ui/bits.tsx";
import { Button, IconButton } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";
import { Confirm, type Question } from "../ui/confirm.tsx";
import { cx } from "../ui/cx.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Field, Input } from "../ui/field.tsx";
import { FormTrouble, useProblem } from "../ui/form-trouble.tsx";
import { ListFrame, Row, Rows, usePagedList } from "../ui/list-frame.tsx";
import { showToast } from "../ui/toast.tsx";
import { useAction } from "../ui/use-action.ts";
import { ReadOnlyNote } from "./read-only.tsx";

const colours: readonly LabelColour[] = ["grey", "red", "orange", "amber", "green", "teal", "blue", "indigo", "violet", "pink"];

export function Labels() {
  const text = useText();
  const { api, session } = useWorkspace();
  const queries = useQueryClient();
  const [editing, setEditing] = useState<Label | "new" | null>(null);
  const [question, setQuestion] = useState<Question | null>(null);
  const mayManage = can(session, "manage");
  const list = usePagedList<Label>(["labels", "list"], "labels");
  const askDelete = ({ id, name }: Label): void =>
    setQuestion({
      title: text("label_delete_title", { name: `\u2068${name}\u2069` }),
      hint: text("label_delete_hint"),
      label: text("delete"),
      act: async () => {
        await api.call(`labels/${id}`, { method: "DELETE" });
        await queries.invalidateQueries({ queryKey: ["labels"] });
        showToast("done", text("deleted"));
      },
    });
  const add = mayManage ? (
    <Button look="primary" onClick={() => setEditing("new")}>
      <Plus size={16} aria-hidden />
      {text("label_create")}
    </Button>
  ) : null;
  return (
    <>
      {mayManage ? null : <ReadOnlyNote />}
      <Card title={text("labels")} actions={add}>
        <ListFrame
          list={list}
          empty={
            <EmptyState icon={<Tag size={30} aria-hidden />} title={text("labels_empty")}>
              {text("labels_empty_hint")}
            </EmptyState>
          }
        >
          {(labels) => (
            <Rows label={text("labels")}>
              {labels.map((label) => {
                const name = `\u2068${label.name}\u2069`;
                return (
                  <Row
                    key={label.id}
                    icon={<LabelDot label={label} />}
                    title={<Bdi>{label.name}</Bdi>}
                    actions={
                      mayManage ? (
                        <>
                          <IconButton label={text("edit_one", { name })} onClick={() => setEditing(label)}>
                            <Pencil size={17} aria-hidden />
                          </IconButton>
                          <IconButton label={text("delete_one", { name })} onClick={() => askDelete(label)}>
                            <Trash2 size={17} aria-hidden />
                          </IconButton>
                        </>
                      ) : null
                    }
                  />
                );
              })}
            </Rows>
          )}
        </ListFrame>
        <Confirm question={question} onClose={() => setQuestion(null)} />
        <Dialog title={text(editing === "new" ? "label_create" : "label_edit")} isOpen={editing !== null} onClose={() => setEditing(null)}>
          {editing === null ? null : <Form label={editing === "new" ? null : editing} onClose={() => setEditing(null)} />}
        </Dialog>
      </Card>
    </>
  );
}

function Form({ label, onClose }: { label: Label | null; onClose: () => void }) {
  const text = useText();
  const { api } = useWorkspace();
  const queries = useQueryClient();
  const [name, setName] = useState(label?.name ?? "");
  const [colour, setColour] = useState<LabelColour>(label?.colour ?? "teal");
  const saving = useAction(async () => {
    await api.call(label === null ? "labels" : `labels/${label.id}`, { method: label === null ? "POST" : "PATCH", body: { name, colour } });
    await queries.invalidateQueries({ queryKey: ["labels"] });
    showToast("done", text("saved"));
    onClose();
  });
  const problem = useProblem(saving.error, { fields: ["name"], known: { conflict: "label_taken" } });
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (!saving.isRunning) saving.run();
      }}
    >
      <Field
        label={text("name")}
        error={problem.at("name")}
        render={(control) => <Input {...control} required maxLength={50} value={name} onChange={(event) => setName(event.target.value)} />}
      />
      <fieldset className="flex flex-col gap-2">
        <legend className="mb-1.5 text-sm font-medium text-soft">{text("colour")}</legend>
        <div className="flex flex-wrap gap-1.5">
          {colours.map((one) => (
            <label
              key={one}
              title={text(`colour_${one}`)}
              className={cx(
                "relative grid size-9 cursor-pointer place-items-center rounded-full border-2 has-focus-visible:outline-2 has-focus-visible:outline-accent",
                one === colour ? "border-accent" : "border-transparent hover:bg-hover",
              )}
            >
              <input
                type="radio"
                name="colour"
                aria-label={text(`colour_${one}`)}
                checked={one === colour}
                onChange={() => setColour(one)}
                className="absolute inset-0 m-0 cursor-pointer appearance-none rounded-full outline-none"
              />
              <LabelDot label={{ id: one, name: text(`colour_${one}`), colour: one, createdAt: "" }} />
            </label>
          ))}
        </div>
      </fieldset>
      <FormTrouble>{problem.rest}</FormTrouble>
      <div className="flex justify-end gap-2">
        <Button look="quiet" onClick={onClose}>
          {text("cancel")}
        </Button>
        <Button type="submit" look="primary" disabled={saving.isRunning || name.trim() === ""}>
          {text("save")}
        </Button>
      </div>
    </form>
  );
}
