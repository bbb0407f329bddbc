/** Ids of providers: up to 64 bytes that their owners choose. Runs in the command line. */
import { type HexText, hexText } from '../lib/hexText.js';
import { printableText } from '../lib/printableText.js';

const mostBytes = 64;

/**
 * Bytes written as `0x` and pairs of hex digits, else the bytes of the text. `undefined` for none, for more than 64, and for
 * what begins like hex digits and is none: a mistyped address must not become a text.
 */
export function parseProviderId(text: string): HexText | undefined {
  const isHex = /^0x/i.test(text);
  if (isHex && !/^0x(?:[0-9a-f]{2})+$/i.test(text)) return undefined;
  const bytes = isHex ? Buffer.from(text.slice(2), 'hex') : Buffer.from(text, 'utf8');
  return bytes.length >= 1 && bytes.length <= mostBytes ? hexText(bytes) : undefined;
}

/** The hex digits, and the text where they spell one. */
export function providerIdText(id: HexText): string {
  const text = Buffer.from(id.slice(2), 'hex').toString('utf8');
  const isText = /^[\p{L}\p{N}\p{P}\p{S} ]+$/u.test(text) && !text.includes('\ufffd');
  return isText ? `${id} ("${printableText(text)}")` : id;
}
