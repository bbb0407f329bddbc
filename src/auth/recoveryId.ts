/** The last byte of a 65-byte signature, in each of the ways that wallets spell it. Runs on the fronts. */
const recoveryIds: Readonly<Record<number, 0 | 1>> = { 0: 0, 1: 1, 27: 0, 28: 1 };

/** `undefined` when the byte is absent or none of the four. */
export function recoveryIdOf(v: number | undefined): 0 | 1 | undefined {
  return v === undefined ? undefined : recoveryIds[v];
}
