/**
 * What authentication needs to know of callers. It is handed an authority and does not care whether a chain
 * registry, a fixed address or a test stands behind it. Runs on the fronts.
 */

/** `unavailable`: nobody can say at the moment, so nobody is authorised. */
export type Standing = 'known' | 'unknown' | 'unavailable';

export interface CallerAuthority {
  /** @param caller the address as five little-endian words */
  standingOf(caller: Int32Array): Standing;
}

/** Knows whom any of the given authorities knows; asks them in order. */
export function anyAuthority(authorities: readonly CallerAuthority[]): CallerAuthority {
  return {
    standingOf(caller) {
      let standing: Standing = 'unknown';
      for (const authority of authorities) {
        const found = authority.standingOf(caller);
        if (found === 'known') return found;
        if (found === 'unavailable') standing = found;
      }
      return standing;
    },
  };
}
