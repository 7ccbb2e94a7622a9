import type { Person } from "../../../src/contract/people.ts";
import { useText } from "../app/text.tsx";
import { Avatar, Bdi } from "../ui/bits.tsx";
import { cx } from "../ui/cx.ts";

/** Above a note while `@…` is typed; the arrows choose, Enter takes. */
export function MentionList({ people, chosen, onPick }: { people: readonly Person[]; chosen: number; onPick: (person: Person) => void }) {
  const text = useText();
  return (
    <div
      role="listbox"
      tabIndex={-1}
      aria-label={text("mention")}
      className="absolute inset-x-3 bottom-full z-10 mb-1 max-h-64 overflow-y-auto rounded-xl border border-line bg-raised p-1 shadow-pop"
    >
      {people.map((person, index) => (
        <button
          key={person.id}
          type="button"
          role="option"
          aria-selected={index === chosen}
          onClick={() => onPick(person)}
          className={cx(
            "flex w-full items-center gap-3 rounded-lg px-3 py-2 text-start text-sm hover:bg-hover",
            index === chosen && "bg-hover",
          )}
        >
          <Avatar name={person.name} seed={person.id} size={24} />
          <Bdi className="font-medium">{person.name}</Bdi>
        </button>
      ))}
    </div>
  );
}
