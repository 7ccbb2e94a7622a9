import { useText } from "../app/text.tsx";
import { Avatar } from "../ui/bits.tsx";
import { usePeople } from "./people.ts";

/** Somebody who is not here any more shows without a name. */
export function PersonAvatar({ id, size }: { id: string; size: number }) {
  const text = useText();
  const person = usePeople().find((one) => one.id === id);
  const name = person?.name ?? text("former_person");
  return (
    <span role="img" aria-label={text("assigned_to", { name })} title={text("assigned_to", { name })}>
      <Avatar name={person?.name ?? ""} seed={id} size={size} />
    </span>
  );
}
