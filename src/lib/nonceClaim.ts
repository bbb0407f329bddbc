/** The claim of a nonce: what every store of used nonces is asked, and what it answers. Runs on the fronts. */

export interface NonceClaim {
  /** The caller's address as five words. */
  readonly caller: Int32Array;
  /** 1–512 bytes of ASCII. */
  readonly nonce: string;
  /** Unix second that the request is dated. */
  readonly timestampS: number;
  /** Unix second from which on the entry is free. */
  readonly expiresAtS: number;
  /** Unix second now. */
  readonly nowS: number;
}

/**
 * `expired`: entries of that age are free already, so nobody can say whether the pair was used. `unavailable`: the
 * store cannot be asked at the moment. Only `claimed` lets a request through.
 */
export type ClaimResult = 'claimed' | 'replayed' | 'full' | 'expired' | 'unavailable';
