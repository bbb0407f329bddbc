/** Quantities of JSON-RPC of any size: amounts of wei and gas. Runs in the command line. */
import { chainFailure } from './chainFailure.js';

/** `undefined` for what is no quantity of at most 256 bits. */
export function parseBigQuantity(value: unknown): bigint | undefined {
  if (typeof value !== 'string' || !/^0x[0-9a-fA-F]{1,64}$/.test(value)) return undefined;
  return BigInt(value);
}

/** Throws a chain failure for anything else. */
export function requireBigQuantity(value: unknown, method: string): bigint {
  const quantity = parseBigQuantity(value);
  if (quantity !== undefined) return quantity;
  throw chainFailure('bad_response', `The RPC endpoint answered ${method} with no number.`, { method });
}
