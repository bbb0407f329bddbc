/**
 * Signs a request the way gateways and the scheduler do (legacy scheme): the caller's side of
 * `authenticate.ts`. Pure; time, nonce and key are handed in. Runs in the command line and the demo.
 */
import { createHash } from 'node:crypto';
import { legacyMessage } from './digest.js';
import { personalSignature } from './personalSignature.js';

export interface RequestSigner {
  /** Sent as it is; receivers compare it without letter case. */
  readonly address: string;
  /** Signs a 32-byte digest: r(32) ‖ s(32) ‖ v(1), v 0 or 1, or already 27 or 28; low s. */
  sign(digest: Uint8Array): Uint8Array;
}

export interface RequestToSign {
  readonly signer: RequestSigner;
  /** The raw body, to the byte; empty when there is none. */
  readonly body: Uint8Array;
  /** Unix time. */
  readonly timestampS: number;
  /** 1 to 512 bytes of printable ASCII, new for every request. */
  readonly nonce: string;
}

export type SignatureHeaders = Readonly<
  Record<'X-Address' | 'X-Timestamp' | 'X-Nonce' | 'X-Signature', string>
>;

export function signRequest({ signer, body, timestampS, nonce }: RequestToSign): SignatureHeaders {
  const bodyHash = createHash('sha256').update(body).digest('hex');
  const timestamp = String(timestampS);
  const signature = personalSignature(legacyMessage(bodyHash, timestamp, nonce), signer.sign);
  return {
    'X-Address': signer.address,
    'X-Timestamp': timestamp,
    'X-Nonce': nonce,
    'X-Signature': signature.slice('0x'.length),
  };
}
