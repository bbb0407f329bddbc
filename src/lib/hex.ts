/**
 * Hex digits of a text without a string or a regular expression between: what every signed request carries two
 * hundred of. Runs everywhere.
 */

const none = 0xff;
const values = new Uint8Array(128).fill(none);
for (const [value, digit] of [...'0123456789abcdef'].entries()) {
  values[digit.charCodeAt(0)] = value;
  values[digit.toUpperCase().charCodeAt(0)] = value;
}

/** The value of the digit at `at` in either letter case; above 15 when there is none. */
export function hexDigit(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code < 128 ? (values[code] as number) : none;
}

/** The byte that the two digits at `at` spell; -1 when they are not both digits. */
export function hexByte(text: string, at: number): number {
  const high = hexDigit(text, at);
  const low = hexDigit(text, at + 1);
  return (high | low) > 15 ? -1 : (high << 4) | low;
}

/** Fills `into` with the bytes that the digits from `at` on spell; false when one of them is no digit. */
export function decodeHex(text: string, at: number, into: Uint8Array): boolean {
  let seen = 0;
  for (let i = 0, from = at; i < into.length; i++, from += 2) {
    const high = hexDigit(text, from);
    const low = hexDigit(text, from + 1);
    seen |= high | low;
    into[i] = (high << 4) | low;
  }
  return seen <= 15;
}

/** Where the digits of a text begin: behind a `0x`, if there is one. */
export function hexStart(text: string): 0 | 2 {
  // 0x20 is the bit between the letter cases.
  return text.charCodeAt(0) === 0x30 && (text.charCodeAt(1) | 0x20) === 0x78 ? 2 : 0;
}
