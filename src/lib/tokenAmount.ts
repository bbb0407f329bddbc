/**
 * Amounts of a currency that a chain counts in its smallest unit, in the decimal form that people read. Digits are
 * moved, never divided: a number of the language would lose the last ones. Runs in the command line.
 */

/** All digits that are not zeros at the end: 1_500_000_000_000_000_000 of 18 decimals is `1.5`. */
export function formatTokenAmount(amount: bigint, decimals: number): string {
  const sign = amount < 0n ? '-' : '';
  const digits = (amount < 0n ? -amount : amount).toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '');
  return `${sign}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

export const etherDecimals = 18;

export const formatEther = (wei: bigint): string => `${formatTokenAmount(wei, etherDecimals)} ETH`;

/** The other way round; `undefined` for what is no decimal number of at most so many decimals. */
export function parseTokenAmount(text: string, decimals: number): bigint | undefined {
  const [, whole, fraction = ''] = /^(\d{1,40})(?:\.(\d{1,40}))?$/.exec(text) ?? [];
  if (whole === undefined || fraction.length > decimals) return undefined;
  return BigInt(whole + fraction.padEnd(decimals, '0'));
}
