/**
 * Durations as operators write them: `250ms`, `5s`, `1m30s`, `1.5h`, with the units and the compound form of
 * Go's `time.ParseDuration`, so that files written for the Go node keep their meaning. Runs everywhere.
 */

const nsPerUnit = {
  ns: 1n,
  us: 1_000n,
  // Go accepts both characters that look like a micro sign: U+00B5 and U+03BC.
  '\u00b5s': 1_000n,
  '\u03bcs': 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
} as const;

const part = /([0-9]*)(?:\.([0-9]*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y;

/** Go holds a duration in a signed 64-bit count of nanoseconds, about 292 years. */
const maxNs = 2n ** 63n - 1n;
/** No duration that means something is longer than this text; bounds the big integers below. */
const maxTextLength = 64;

/**
 * Whole milliseconds, rounded up so that a duration above zero never turns into the 0 that switches things
 * off; `undefined` when the text is no duration, is negative or is longer than Go can hold.
 */
export function parseDuration(text: string): number | undefined {
  if (text.length > maxTextLength) return undefined;
  const unsigned = text.startsWith('+') ? text.slice(1) : text;
  if (unsigned === '0') return 0;
  if (unsigned === '') return undefined;

  let totalNs = 0n;
  part.lastIndex = 0;
  while (part.lastIndex < unsigned.length) {
    const match = part.exec(unsigned);
    if (match === null) return undefined;
    const [, whole = '', fraction = '', unit] = match;
    if (whole === '' && fraction === '') return undefined;
    const ns = nsPerUnit[unit as keyof typeof nsPerUnit];
    totalNs += BigInt(whole || '0') * ns;
    if (fraction !== '') totalNs += (BigInt(fraction) * ns) / 10n ** BigInt(fraction.length);
  }
  return totalNs > maxNs ? undefined : Number((totalNs + 999_999n) / 1_000_000n);
}

/** The shortest compound form of a whole, non-negative number of milliseconds: `90000` is `1m30s`. */
export function formatDuration(durationMs: number): string {
  if (durationMs === 0) return '0s';
  const hours = Math.floor(durationMs / 3_600_000);
  const minutes = Math.floor(durationMs / 60_000) % 60;
  const seconds = Math.floor(durationMs / 1_000) % 60;
  const milliseconds = durationMs % 1_000;
  return [
    hours > 0 ? `${hours}h` : '',
    minutes > 0 ? `${minutes}m` : '',
    seconds > 0 ? `${seconds}s` : '',
    milliseconds > 0 ? `${milliseconds}ms` : '',
  ].join('');
}
