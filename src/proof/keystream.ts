/**
 * The ChaCha20 keystream (RFC 8439, nonce of zeros, counter from 0) at any offset: the source of input matrices
 * and of the rows that an opening shows. OpenSSL's vector code makes 1 to 3 GB a second.
 */
import { createCipheriv } from 'node:crypto';

const blockBytes = 64;
const pieceBytes = 1_024 * 1_024;
const zeros = Buffer.alloc(pieceBytes);

/**
 * Fills `target` with the stream's bytes from `offset` on.
 *
 * @param offset below 2^38, where the 32-bit block counter ends
 */
export function fillKeystream(key: Uint8Array, offset: number, target: Uint8Array): void {
  const iv = Buffer.alloc(16);
  // OpenSSL takes the block counter as the first word of its 16-byte vector.
  iv.writeUInt32LE(Math.floor(offset / blockBytes), 0);
  const cipher = createCipheriv('chacha20', key, iv);
  const skip = offset % blockBytes;
  if (skip > 0) cipher.update(zeros.subarray(0, skip));
  for (let done = 0; done < target.length; done += pieceBytes) {
    const length = Math.min(pieceBytes, target.length - done);
    target.set(cipher.update(zeros.subarray(0, length)), done);
  }
}

/** The stream's bytes as values of an input matrix: int8, except that 0x80 means 0. */
export function inputValues(key: Uint8Array, offset: number, length: number): Int8Array {
  const values = new Int8Array(length);
  fillKeystream(key, offset, new Uint8Array(values.buffer));
  for (let i = 0; i < length; i++) if (values[i] === -128) values[i] = 0;
  return values;
}
