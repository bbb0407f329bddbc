/**
 * HMAC-SHA-256 of a short text (RFC 2104) by two one-shot hashes: half of what `createHmac` takes, which makes and
 * collects a native object for each call. Runs on the fronts.
 */
import { createHmac, hash } from 'node:crypto';

export const macKeyBytes = 32;
export const macBytes = 32;
const blockBytes = 64;
const innerPad = 0x36;
const outerPad = 0x5c;
/** Far above any signature base; longer texts take the long way. */
const maxTextLength = 4_096;

/** Key and pad, then the text. */
const inner = Buffer.alloc(blockBytes + maxTextLength, innerPad);
/** Key and pad, then the inner hash. */
const outer = Buffer.alloc(blockBytes + macBytes, outerPad);
const mac = Buffer.alloc(macBytes);

/**
 * @param key 32 bytes
 * @param text one byte a character
 * @returns 32 bytes, which the next call overwrites
 */
export function hmacSha256(key: Uint8Array, text: string): Buffer {
  if (text.length > maxTextLength) return createHmac('sha256', key).update(text, 'latin1').digest();
  for (let i = 0; i < macKeyBytes; i++) {
    inner[i] = key[i]! ^ innerPad;
    outer[i] = key[i]! ^ outerPad;
  }
  const end = blockBytes + inner.write(text, blockBytes, 'latin1');
  // As strings of one character per byte: asking for a Buffer costs half a microsecond each.
  outer.write(hash('sha256', inner.subarray(0, end), 'binary'), blockBytes, 'binary');
  mac.write(hash('sha256', outer, 'binary'), 'binary');
  return mac;
}
