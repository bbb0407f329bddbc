/**
 * Receipts and what else the chain says of a transaction. An endpoint is believed only as far as its answers fit each other:
 * a receipt of another transaction, or from a block that the endpoint does not have, is none. Runs in the command line.
 */
import { isHex } from 'viem/utils';
import { type AddressText, parseAddress } from '../lib/address.js';
import type { HexText } from '../lib/hexText.js';
import { isRecord } from '../lib/unknownJson.js';
import { parseBigQuantity, requireBigQuantity } from './bigQuantity.js';
import { quantity, readQuantity } from './block.js';
import type { Chain } from './chain.js';
import { chainFailure } from './chainFailure.js';

export interface Log {
  readonly address: AddressText;
  readonly topics: readonly HexText[];
  readonly data: HexText;
}

export interface Receipt {
  readonly hash: HexText;
  readonly blockNumber: number;
  readonly isSuccess: boolean;
  readonly gasUsed: bigint;
  /** Wei: gas, and the fee for data where the chain has one. */
  readonly fee: bigint;
  readonly logs: readonly Log[];
}

/** `undefined` while there is none. */
export async function readReceipt(chain: Chain, hash: HexText): Promise<Receipt | undefined> {
  const raw = await chain.request('eth_getTransactionReceipt', [hash]);
  if (!isRecord(raw)) return undefined;
  const blockNumber = readQuantity(raw['blockNumber']);
  const gasUsed = parseBigQuantity(raw['gasUsed']);
  const { status, transactionHash, blockHash } = raw;
  const isOurs = isHex(transactionHash) && transactionHash.toLowerCase() === hash;
  if (!isOurs || blockNumber === undefined || gasUsed === undefined) return undefined;
  if (status !== '0x1' && status !== '0x0') return undefined;
  const block = await chain.request('eth_getBlockByNumber', [quantity(blockNumber), false]);
  if (!isRecord(block) || block['hash'] !== blockHash) return undefined;
  const gasPrice = parseBigQuantity(raw['effectiveGasPrice']) ?? 0n;
  const dataFee = parseBigQuantity(raw['l1Fee']) ?? 0n;
  return {
    hash,
    blockNumber,
    isSuccess: status === '0x1',
    gasUsed,
    fee: gasUsed * gasPrice + dataFee,
    logs: readLogs(raw['logs']),
  };
}

function readLogs(value: unknown): readonly Log[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((raw: unknown) => {
    if (!isRecord(raw) || typeof raw['address'] !== 'string') return [];
    const address = parseAddress(raw['address']);
    const { topics, data } = raw;
    if (
      address === undefined ||
      !isHex(data) ||
      !Array.isArray(topics) ||
      !topics.every((each) => isHex(each))
    )
      return [];
    return [{ address, topics, data }];
  });
}

/** Whether an endpoint has the transaction, mined or waiting. */
export async function isKnown(chain: Chain, hash: HexText): Promise<boolean> {
  return isRecord(await chain.request('eth_getTransactionByHash', [hash]));
}

/** The nonce of the account's next transaction, counting mined ones only or waiting ones too. */
export async function readNonce(
  chain: Chain,
  account: AddressText,
  counting: 'latest' | 'pending',
): Promise<number> {
  const answer = await chain.request('eth_getTransactionCount', [account, counting]);
  const nonce = readQuantity(answer);
  if (nonce !== undefined) return nonce;
  throw chainFailure('bad_response', 'The RPC endpoint names no nonce.');
}

export async function readHeight(chain: Chain): Promise<number> {
  const height = readQuantity(await chain.request('eth_blockNumber', []));
  if (height !== undefined) return height;
  throw chainFailure('bad_response', 'The RPC endpoint names no newest block.');
}

export async function readBalance(chain: Chain, account: AddressText): Promise<bigint> {
  return requireBigQuantity(await chain.request('eth_getBalance', [account, 'latest']), 'eth_getBalance');
}

export interface MinedTransaction {
  readonly hash: HexText;
  /** Absent for a transaction that creates a contract. */
  readonly to: AddressText | undefined;
  readonly data: HexText;
}

/** Blocks that are searched at most: an account's own replacement is near. */
const mostBlocksSearched = 256;

/** The mined transaction of an account with a nonce, searched from the head back to a block; `undefined` when it is not there. */
export async function findByNonce(
  chain: Chain,
  { account, nonce, fromBlock }: { account: AddressText; nonce: number; fromBlock: number },
): Promise<MinedTransaction | undefined> {
  const head = await readHeight(chain);
  const least = Math.max(0, fromBlock, head - mostBlocksSearched + 1);
  for (let number = head; number >= least; number--) {
    const block = await chain.request('eth_getBlockByNumber', [quantity(number), true]);
    const transactions = isRecord(block) && Array.isArray(block['transactions']) ? block['transactions'] : [];
    for (const raw of transactions as unknown[]) {
      if (!isRecord(raw) || readQuantity(raw['nonce']) !== nonce) continue;
      if (parseAddress(String(raw['from'])) !== account || !isHex(raw['hash'])) continue;
      const { hash, input } = raw;
      return {
        hash,
        to: typeof raw['to'] === 'string' ? parseAddress(raw['to']) : undefined,
        data: isHex(input) ? input : '0x',
      };
    }
  }
  return undefined;
}
