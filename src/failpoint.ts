/**
 * Fail points: named places at which a test lets the process die or freeze. Without the test-only setting the function does
 * nothing; `config.ts` refuses the setting outside of tests. `name:action@3` acts at the third hit only.
 */
export type Failpoint = (name: string, texts?: () => Iterable<string>) => Promise<void> | void;

/** Customers' text that counts as poison for the actions that end in `_on_poison`. */
export const poison = "[[kesher-poison]]";

export function createFailpoint(wanted: { name: string; action: string } | null): Failpoint {
  if (wanted === null) return () => undefined;
  const [wholeAction = "", onlyHit] = wanted.action.split("@");
  const onPoison = wholeAction.endsWith("_on_poison");
  const action = onPoison ? wholeAction.slice(0, -"_on_poison".length) : wholeAction;
  let hits = 0;
  return (name, texts): Promise<void> | void => {
    if (name !== wanted.name) return undefined;
    if (onPoison && !(texts !== undefined && [...texts()].some((text) => text.includes(poison)))) return undefined;
    hits += 1;
    if (onlyHit !== undefined && hits !== Number(onlyHit)) return undefined;
    if (action === "kill") process.kill(process.pid, "SIGKILL");
    if (action === "freeze") process.kill(process.pid, "SIGSTOP");
    if (action === "throw") throw new Error(`Fail point ${name}`);
    if (action === "hang") return new Promise(() => undefined);
    return undefined;
  };
}
