/** Blocks as reads are pinned to them. Runs in the registry thread and the command line. */
import { isHex } from 'viem/utils';
import { chainFailure } from './chainFailure.js';
import type { JsonRpcClient } from './jsonRpc.js';

export interface Block {
  readonly number: number;
  /** `0x` and 64 hex digits. */
  readonly hash: `0x${string}`;
  readonly parentHash: `0x${string}`;
  /** Unix seconds. */
  readonly timestampS: number;
}

/** A quantity as a safe integer; `undefined` when it is none. */
export function readQuantity(value: unknown): number | undefined {
  if (typeof value !== 'string' || !/^0x[0-9a-fA-F]{1,14}$/.test(value)) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
}

export const quantity = (value: number): string => `0x${value.toString(16)}`;

const isHash = (value: unknown): value is `0x${string}` => isHex(value) && value.length === 66;

/** The block of that number, or the newest one; throws a chain failure. */
export async function getBlock(
  rpc: JsonRpcClient,
  which: number | 'latest',
  deadlineMs?: number,
): Promise<Block> {
  const tag = which === 'latest' ? which : quantity(which);
  const raw = await rpc.request('eth_getBlockByNumber', [tag, false], deadlineMs);
  const fields = (typeof raw === 'object' && raw !== null ? raw : {}) as Record<string, unknown>;
  const number = readQuantity(fields['number']);
  const timestampS = readQuantity(fields['timestamp']);
  const { hash, parentHash } = fields;
  if (number === undefined || timestampS === undefined || !isHash(hash) || !isHash(parentHash)) {
    throw chainFailure('bad_response', 'The RPC endpoint has no such block or describes it badly.', {
      block: which,
    });
  }
  if (which !== 'latest' && number !== which) {
    throw chainFailure('unpinned', 'The RPC endpoint answered with another block than the one asked for.', {
      block: which,
      answered: number,
    });
  }
  return { number, hash, parentHash, timestampS };
}
