/** Lets so many through at a time; whoever comes when too many wait already is refused. */
export type Gate = {
  /** Resolves with what gives the place back, to be called once. Null: too many wait. */
  enter(): Promise<() => void> | null;
};

export function createGate({ placesMax, waitingMax }: { placesMax: number; waitingMax: number }): Gate {
  const waiting: (() => void)[] = [];
  let taken = 0;

  /** The place is handed on, or given back. */
  const leave = (): void => {
    const next = waiting.shift();
    if (next === undefined) taken -= 1;
    else next();
  };
  return {
    enter() {
      if (taken < placesMax) {
        taken += 1;
        return Promise.resolve(leave);
      }
      if (waiting.length >= waitingMax) return null;
      return new Promise((resolve) => void waiting.push(() => resolve(leave)));
    },
  };
}
