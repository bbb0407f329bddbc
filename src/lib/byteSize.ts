/** Sizes as operators write them: `512kb`, `10mb`, `1gb` or a plain number of bytes; 1 kb is 1024 bytes. Runs everywhere. */

const units = ['b', 'kb', 'mb', 'gb', 'tb'] as const;

const form = /^([0-9]{1,16})(?:\.([0-9]{1,6}))? ?(?:(b)|([kmgt])(?:i?b)?)?$/;

/** Bytes, a fraction of a byte cut off; `undefined` when the text is no size or not exact in a JavaScript number. */
export function parseByteSize(text: string): number | undefined {
  const match = form.exec(text.toLowerCase());
  if (match === null) return undefined;
  const [, whole = '0', fraction = '', bytes, prefix] = match;
  // "1.5" and "1.5b" name no size that exists.
  if (fraction !== '' && prefix === undefined) return undefined;
  const exponent = prefix === undefined || bytes !== undefined ? 0 : 'kmgt'.indexOf(prefix) + 1;
  const scale = 1024n ** BigInt(exponent);
  let size = BigInt(whole) * scale;
  if (fraction !== '') size += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length);
  return size > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(size);
}

/** The size in the largest unit that holds it without a fraction: `10485760` is `10mb`. */
export function formatByteSize(sizeBytes: number): string {
  let amount = sizeBytes;
  let unit = 0;
  while (amount > 0 && amount % 1024 === 0 && unit < units.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${amount}${units[unit]}`;
}
