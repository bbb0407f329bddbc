/**
 * The names of keys in the store. All nodes with one key on one chain share them, and nobody else: nodes of
 * different identities may use one server. Runs on the fronts and in main.
 */
import { hash } from 'node:crypto';

export interface StoreKeys {
  readonly marker: string;
  /** Fronts that hold streams, by the moment at which they count as gone. */
  readonly holders: string;
  nonce(caller: Int32Array, nonce: string): string;
  /** A caller's two buckets. */
  buckets(caller: string): string;
  /** A caller's open streams by holder. */
  streams(caller: string): string;
  session(id: string): string;
  /** The ids of a caller's sessions by their end. */
  sessionsOf(caller: string): string;
}

const addressLength = 20;

export function storeKeys(chainId: number, nodeAddress: string): StoreKeys {
  // In braces, so that a proxy that spreads keys over servers keeps them together.
  const prefix = `fxn:{${chainId}:${nodeAddress}}:`;
  const input = Buffer.alloc(addressLength + 512);
  return {
    marker: `${prefix}marker`,
    holders: `${prefix}holders`,
    nonce(caller, nonce) {
      input.set(new Uint8Array(caller.buffer, caller.byteOffset, addressLength));
      const end = addressLength + input.write(nonce, addressLength, 'latin1');
      // 128 of 256 bits: nobody but the caller itself gains from two of its nonces that collide.
      const digest = hash('sha256', input.subarray(0, end), 'base64url');
      return `${prefix}n:${digest.slice(0, 22)}`;
    },
    buckets: (caller) => `${prefix}b:${caller}`,
    streams: (caller) => `${prefix}s:${caller}`,
    session: (id) => `${prefix}k:${id}`,
    sessionsOf: (caller) => `${prefix}kc:${caller}`,
  };
}
