/** How the keyid of a message signature tells whose key signed. Runs on the fronts and in the command line. */

/** An Ethereum account on a chain: `erc8128:<chainId>:<address>`. */
export const accountKeyidPrefix = 'erc8128:';
/** A session made here: `fxn-session:<id>`. */
export const sessionKeyidPrefix = 'fxn-session:';

/** Kinds that a node may be configured not to take. */
export const keyidPrefixes: readonly string[] = [accountKeyidPrefix, sessionKeyidPrefix];

export const accountKeyid = (chainId: number, address: string): string =>
  `${accountKeyidPrefix}${chainId}:${address.toLowerCase()}`;
