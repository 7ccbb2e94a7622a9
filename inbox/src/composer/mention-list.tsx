import type { Person } from "../../../src/contract/people.ts";
import { useText } from "../app/text.tsx";
import { Avatar, Bdi } from "../ui/bits.tsx";
import { ChoiceList } from "./choice-list.tsx";

/** Above a note while `@…` is typed. */
export function MentionList({ people, chosen, onPick }: { people: readonly Person[]; chosen: number; onPick: (person: Person) => void }) {
  const text = useText();
  return (
    <ChoiceList label={text("mention")} choices={people} chosen={chosen} onPick={onPick}>
      {(person) => (
        <span className="flex items-center gap-3">
          <Avatar name={person.name} seed={person.id} size={24} />
          <Bdi className="font-medium">{person.name}</Bdi>
        </span>
      )}
    </ChoiceList>
  );
}
