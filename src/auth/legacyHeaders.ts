/**
 * The four headers of a signed request (legacy scheme), checked for form only. Nothing here needs the body or
 * costs more than a few comparisons. Runs on the fronts.
 */
import { NodeError } from '../errors/nodeError.js';
import { decodeHex, hexByte, hexStart } from '../lib/hex.js';
import type { ClaimedCallers } from './claimedCallers.js';
import { recoveryIdOf } from './recoveryId.js';
import type { ClaimedCaller } from './signedClaim.js';

export interface LegacyHeaders {
  readonly caller: ClaimedCaller;
  /** As sent: the signature covers these digits. */
  readonly timestamp: string;
  readonly timestampS: number;
  readonly nonce: string;
  /** r ‖ s, 64 bytes. */
  readonly signature: Buffer;
  readonly recoveryId: 0 | 1;
}

const maxTimestampDigits = 11;
const maxNonceLength = 512;
const signatureBytes = 64;
/** r, s and v. */
const signatureDigits = 130;

const malformed = (message: string): NodeError => new NodeError('auth_malformed', { message });

/** The headers, or why they are refused. */
export function parseLegacyHeaders(
  headers: ReadonlyMap<string, string>,
  callers: ClaimedCallers,
): LegacyHeaders | NodeError {
  const addressHeader = headers.get('x-address');
  const timestamp = headers.get('x-timestamp');
  const nonce = headers.get('x-nonce');
  const signatureHeader = headers.get('x-signature');
  if (!addressHeader || !timestamp || !nonce || !signatureHeader) {
    return new NodeError('auth_missing', {
      message: 'X-Address, X-Timestamp, X-Nonce and X-Signature are all required.',
    });
  }

  const caller = callers.named(addressHeader);
  if (caller === undefined) return malformed('X-Address is not an Ethereum address.');
  const timestampS = wholeSeconds(timestamp);
  if (timestampS < 0) return malformed('X-Timestamp is not a Unix time in whole seconds.');
  if (!isNonce(nonce)) return malformed('X-Nonce is not 1 to 512 printable ASCII characters.');
  const start = hexStart(signatureHeader);
  const signature = Buffer.allocUnsafe(signatureBytes);
  const v = hexByte(signatureHeader, start + 2 * signatureBytes);
  const isWhole = signatureHeader.length === start + signatureDigits && v >= 0;
  if (!isWhole || !decodeHex(signatureHeader, start, signature)) {
    return malformed('X-Signature is not 65 bytes in hex.');
  }
  const recoveryId = recoveryIdOf(v);
  if (recoveryId === undefined) return malformed('The last byte of X-Signature is not 0, 1, 27 or 28.');

  return { caller, timestamp, timestampS, nonce, signature, recoveryId };
}

/** The number that 1 to 11 digits spell; -1 when the text is anything else. A loop costs half of a pattern. */
function wholeSeconds(text: string): number {
  if (text.length === 0 || text.length > maxTimestampDigits) return -1;
  let seconds = 0;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    seconds = seconds * 10 + digit;
  }
  return seconds;
}

function isNonce(text: string): boolean {
  if (text.length === 0 || text.length > maxNonceLength) return false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}
