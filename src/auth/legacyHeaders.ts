/**
 * The four headers of a signed request (legacy scheme), checked for form only. Nothing here needs the body or
 * costs more than a few comparisons. Runs on the fronts.
 */
import { NodeError } from '../errors/nodeError.js';
import { type AddressText, parseAddress } from '../lib/address.js';
import { decodeHex, hexByte, hexStart } from '../lib/hex.js';
import { recoveryIdOf } from './recoveryId.js';

export interface LegacyHeaders {
  readonly address: AddressText;
  /** As sent: the signature covers these digits. */
  readonly timestamp: string;
  readonly timestampS: number;
  readonly nonce: string;
  /** r ‖ s, 64 bytes. */
  readonly signature: Buffer;
  readonly recoveryId: 0 | 1;
}

const timestampForm = /^\d{1,11}$/;
const nonceForm = /^[\x20-\x7e]{1,512}$/;
const signatureBytes = 64;
/** r, s and v. */
const signatureDigits = 130;

const malformed = (message: string): NodeError => new NodeError('auth_malformed', { message });

/** The headers, or why they are refused. */
export function parseLegacyHeaders(headers: ReadonlyMap<string, string>): LegacyHeaders | NodeError {
  const addressHeader = headers.get('x-address');
  const timestamp = headers.get('x-timestamp');
  const nonce = headers.get('x-nonce');
  const signatureHeader = headers.get('x-signature');
  if (!addressHeader || !timestamp || !nonce || !signatureHeader) {
    return new NodeError('auth_missing', {
      message: 'X-Address, X-Timestamp, X-Nonce and X-Signature are all required.',
    });
  }

  const address = parseAddress(addressHeader);
  if (address === undefined) return malformed('X-Address is not an Ethereum address.');
  if (!timestampForm.test(timestamp)) return malformed('X-Timestamp is not a Unix time in whole seconds.');
  if (!nonceForm.test(nonce)) return malformed('X-Nonce is not 1 to 512 printable ASCII characters.');
  const start = hexStart(signatureHeader);
  const signature = Buffer.allocUnsafe(signatureBytes);
  const v = hexByte(signatureHeader, start + 2 * signatureBytes);
  const isWhole = signatureHeader.length === start + signatureDigits && v >= 0;
  if (!isWhole || !decodeHex(signatureHeader, start, signature)) {
    return malformed('X-Signature is not 65 bytes in hex.');
  }
  const recoveryId = recoveryIdOf(v);
  if (recoveryId === undefined) return malformed('The last byte of X-Signature is not 0, 1, 27 or 28.');

  return {
    address,
    timestamp,
    timestampS: Number(timestamp),
    nonce,
    signature,
    recoveryId,
  };
}
