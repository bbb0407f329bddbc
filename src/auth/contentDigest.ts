/** The Content-Digest header of RFC 9530, of which SHA-256 counts here. Runs on the fronts and in the command line. */
import { parseDictionary, serializeDictionary } from 'structured-headers';
import { NodeError } from '../errors/nodeError.js';
import type { ReceivedBody } from '../http/bodyReader.js';
import { readPlainBytes } from './plainFields.js';

const maxHeaderLength = 1_024;
const sha256Bytes = 32;

/** The SHA-256 that the header gives, as lower-case hex. */
export function parseContentDigest(header: string): string | NodeError {
  if (header.length > maxHeaderLength) return malformed('Content-Digest is too long.');
  const plain = readPlainBytes(header);
  if (plain?.label === 'sha-256' && plain.bytes.length === sha256Bytes) return plain.bytes.toString('hex');
  let digest: unknown;
  try {
    digest = parseDictionary(header).get('sha-256')?.[0];
  } catch {
    // No structured field; the message below says so.
    digest = undefined;
  }
  if (!(digest instanceof ArrayBuffer) || digest.byteLength !== sha256Bytes) {
    return malformed('Content-Digest holds no sha-256 of 32 bytes.');
  }
  return Buffer.from(digest).toString('hex');
}

/** Why a body is refused whose digest was signed; `undefined` when it is that body, or none was signed. */
export function bodyRefusal(sha256Hex: string | undefined, body: ReceivedBody): NodeError | undefined {
  if (sha256Hex === undefined || sha256Hex === body.sha256Hex) return undefined;
  return new NodeError('auth_bad_signature', { message: 'The body is not the one that was signed.' });
}

export function contentDigest(sha256: Uint8Array): string {
  return serializeDictionary({ 'sha-256': sha256 });
}

const malformed = (message: string): NodeError => new NodeError('auth_malformed', { message });
