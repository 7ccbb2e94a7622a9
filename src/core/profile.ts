/** The two names of a contact, from the sighting with the greatest (time, wamid); equal keys are settled by the names themselves (I3). */
export type Profile = { atMs: number; waMessageId: string; profileName: string | null; username: string | null };

export const noProfile: Profile = { atMs: 0, waMessageId: "", profileName: null, username: null };

export function newerProfile(a: Profile, b: Profile): Profile {
  return compareProfiles(a, b) >= 0 ? a : b;
}

export function hasSameNames(a: Profile, b: Profile): boolean {
  return a.profileName === b.profileName && a.username === b.username;
}

export function compareProfiles(a: Profile, b: Profile): number {
  return (
    a.atMs - b.atMs ||
    compareText(a.waMessageId, b.waMessageId) ||
    compareText(a.profileName ?? "", b.profileName ?? "") ||
    compareText(a.username ?? "", b.username ?? "")
  );
}

/** By code point, as PostgreSQL's collation "C" does; JavaScript's own order differs outside the basic plane. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  let at = 0;
  while (at < a.length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  return codeAt(a, at) - codeAt(b, at);
}

/** Surrogates are moved above the rest of the basic plane, where their code points are. */
function codeAt(text: string, at: number): number {
  if (at >= text.length) return -1;
  const unit = text.charCodeAt(at);
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x2000 + 0x10000 : unit;
}
