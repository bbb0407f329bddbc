/** A session key and what a store of them answers. A session is made once and read by every front. */
import type { AddressText } from './address.js';

export interface Session {
  /** 32 lower-case hex digits, drawn at random. */
  readonly id: string;
  /** Who made it, and whose requests it signs. */
  readonly caller: AddressText;
  /** 32 bytes for HMAC-SHA-256. Secret. */
  readonly key: Uint8Array;
  /** Unix second from which on it signs nothing any more. */
  readonly expiresAtS: number;
}

/** `full`: the store's bound over all callers is reached; a caller's own bound makes its oldest session give way. */
export type SessionPutResult = 'stored' | 'full' | 'unavailable';

/** `unknown`: never made, ended or given way. `unavailable`: the store cannot be asked at the moment. */
export type SessionFindResult = Session | 'unknown' | 'unavailable';
