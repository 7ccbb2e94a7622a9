/** What is one's own: name, how it looks, the password, where one is signed in. */
import { LogOut } from "lucide-react";
import { useState } from "react";
import { locales, useAppearance, type Theme } from "../app/appearance.tsx";
import { signOut } from "../app/sign-out.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Avatar, Badge, Bdi } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";
import { cx } from "../ui/cx.ts";
import { Field, Input } from "../ui/field.tsx";
import { FormTrouble, useProblem } from "../ui/form-trouble.tsx";
import { showToast } from "../ui/toast.tsx";
import { useAction } from "../ui/use-action.ts";
import { languageNames } from "./languages.ts";
import { OwnSessions } from "./own-sessions.tsx";

export function Account() {
  const text = useText();
  const workspace = useWorkspace();
  const { person, role } = workspace.session;
  return (
    <>
      {person === null ? null : (
        <div className="flex flex-wrap items-center gap-4 rounded-2xl border border-line bg-raised p-4">
          <Avatar name={person.name} seed={person.id} size={52} />
          <div className="flex min-w-0 grow flex-col items-start">
            <Bdi className="text-base font-semibold">{person.name}</Bdi>
            <Bdi className="max-w-full truncate text-sm text-soft">{person.email}</Bdi>
          </div>
          {role === null ? null : <Badge tone="accent">{text(`role_${role}`)}</Badge>}
          <Button onClick={() => void signOut(workspace)}>
            <LogOut size={16} aria-hidden className="directional" />
            {text("sign_out")}
          </Button>
        </div>
      )}
      <Looks />
      {person === null ? null : (
        <>
          <Password email={person.email} />
          <OwnSessions />
        </>
      )}
    </>
  );
}

function Looks() {
  const text = useText();
  const { locale, setLocale, theme, setTheme } = useAppearance();
  return (
    <Card title={text("appearance")}>
      <div className="flex flex-wrap gap-x-8 gap-y-4">
        <Choice
          label={text("language")}
          options={locales.map((one) => ({ value: one, label: languageNames[one] ?? one, lang: one }))}
          value={locale}
          onChoose={setLocale}
        />
        <Choice
          label={text("theme")}
          options={(["system", "light", "dark"] satisfies Theme[]).map((one) => ({ value: one, label: text(`theme_${one}`) }))}
          value={theme}
          onChoose={setTheme}
        />
      </div>
      <p className="text-xs text-faint">{text("appearance_hint")}</p>
    </Card>
  );
}

function Choice<Value extends string>({
  label,
  options,
  value,
  onChoose,
}: {
  label: string;
  options: readonly { value: Value; label: string; lang?: string }[];
  value: Value;
  onChoose: (value: Value) => void;
}) {
  return (
    <div className="flex flex-col gap-1.5">
      <span aria-hidden className="text-sm font-medium text-soft">
        {label}
      </span>
      <div role="group" aria-label={label} className="flex gap-0.5 rounded-xl bg-sunken p-1">
        {options.map((option) => (
          <button
            key={option.value}
            type="button"
            lang={option.lang}
            aria-pressed={option.value === value}
            onClick={() => onChoose(option.value)}
            className={cx(
              "min-h-8 rounded-lg px-3 text-sm transition-colors",
              option.value === value ? "bg-raised font-medium text-ink shadow-card" : "text-soft hover:text-ink",
            )}
          >
            {option.label}
          </button>
        ))}
      </div>
    </div>
  );
}

const passwordCharsMin = 12;

function Password({ email }: { email: string }) {
  const text = useText();
  const { api } = useWorkspace();
  const [given, setGiven] = useState({ currentPassword: "", newPassword: "" });
  const changing = useAction(async () => {
    await api.call("session/password", { method: "POST", body: given });
    setGiven({ currentPassword: "", newPassword: "" });
    showToast("done", text("password_changed"));
  });
  const problem = useProblem(changing.error, { fields: ["newPassword"], known: { forbidden: "password_wrong" } });
  const isShort = given.newPassword !== "" && given.newPassword.length < passwordCharsMin;
  const isReady = given.currentPassword !== "" && given.newPassword.length >= passwordCharsMin;
  return (
    <Card title={text("password")}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady && !changing.isRunning) changing.run();
        }}
      >
        {/* Password managers look for it. */}
        <input type="email" autoComplete="username" value={email} readOnly hidden />
        <div className="grid gap-4 sm:grid-cols-2">
          <Field
            label={text("password_current")}
            render={(control) => (
              <Input
                {...control}
                type="password"
                dir="ltr"
                autoComplete="current-password"
                maxLength={128}
                value={given.currentPassword}
                onChange={(event) => setGiven({ ...given, currentPassword: event.target.value })}
              />
            )}
          />
          <Field
            label={text("password_new")}
            hint={text("password_hint", { count: passwordCharsMin })}
            error={problem.at("newPassword") ?? (isShort ? text("password_hint", { count: passwordCharsMin }) : undefined)}
            render={(control) => (
              <Input
                {...control}
                type="password"
                dir="ltr"
                autoComplete="new-password"
                maxLength={128}
                value={given.newPassword}
                onChange={(event) => setGiven({ ...given, newPassword: event.target.value })}
              />
            )}
          />
        </div>
        <FormTrouble>{problem.rest}</FormTrouble>
        <div className="flex flex-wrap items-center gap-3">
          <Button type="submit" look="primary" disabled={!isReady || changing.isRunning}>
            {text("password_change")}
          </Button>
          <span className="text-xs text-faint">{text("password_change_hint")}</span>
        </div>
      </form>
    </Card>
  );
}
