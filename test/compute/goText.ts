/** Go's `%.6f` in exact arithmetic on integers: slow, short, and the reference for everything that prints cells. */

/** A finite double is sign · mantissa · 2^exponent. */
function partsOf(value: number): { isNegative: boolean; mantissa: bigint; exponent: number } {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const biased = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & ((1n << 52n) - 1n);
  return {
    isNegative: bits >> 63n === 1n,
    mantissa: biased === 0 ? fraction : fraction | (1n << 52n),
    exponent: Math.max(biased, 1) - 1_075,
  };
}

/** @param value finite */
export function goText(value: number): string {
  const { isNegative, mantissa, exponent } = partsOf(value);
  const numerator = mantissa * 1_000_000n * (exponent > 0 ? 1n << BigInt(exponent) : 1n);
  const denominator = exponent < 0 ? 1n << BigInt(-exponent) : 1n;
  const below = numerator / denominator;
  const twiceRest = 2n * (numerator % denominator);
  const roundsUp = twiceRest > denominator || (twiceRest === denominator && (below & 1n) === 1n);
  const digits = String(roundsUp ? below + 1n : below).padStart(7, '0');
  return `${isNegative ? '-' : ''}${digits.slice(0, -6)}.${digits.slice(-6)}`;
}
