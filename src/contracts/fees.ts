/** What a transaction may cost: EIP-1559 fees, and on a chain of the OP stack the fee for its data. Runs in the command line. */
import { decodeFunctionResult, encodeFunctionData, isHex } from 'viem/utils';
import { gasPriceOracleAbi, gasPriceOracleAddress } from '#abis/gasPriceOracle.js';
import type { HexText } from '../lib/hexText.js';
import { parseBigQuantity, requireBigQuantity } from './bigQuantity.js';
import type { Chain } from './chain.js';
import { chainFailure, chainFailureKind } from './chainFailure.js';

/** Wei for a unit of gas. */
export interface Fees {
  readonly baseFeePerGas: bigint;
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/** Six full blocks in a row double the base fee; that long the transaction stays worth including. */
const baseFeeMultiple = 2n;

export async function readFees(chain: Chain): Promise<Fees> {
  const block = await chain.request('eth_getBlockByNumber', ['latest', false]);
  const fields = (typeof block === 'object' && block !== null ? block : {}) as Record<string, unknown>;
  const baseFeePerGas = parseBigQuantity(fields['baseFeePerGas']);
  if (baseFeePerGas === undefined) {
    throw chainFailure('bad_response', 'The newest block has no base fee, so EIP-1559 fees cannot be set.');
  }
  const maxPriorityFeePerGas = await readPriorityFee(chain, baseFeePerGas);
  return {
    baseFeePerGas,
    maxFeePerGas: baseFeeMultiple * baseFeePerGas + maxPriorityFeePerGas,
    maxPriorityFeePerGas,
  };
}

async function readPriorityFee(chain: Chain, baseFeePerGas: bigint): Promise<bigint> {
  try {
    const answer = await chain.request('eth_maxPriorityFeePerGas', []);
    return requireBigQuantity(answer, 'eth_maxPriorityFeePerGas');
  } catch (thrown) {
    const kind = chainFailureKind(thrown);
    // The method is not part of the standard, and some endpoints answer an unknown one with an HTTP error.
    if (kind !== 'rpc_error' && kind !== 'http_error') throw thrown;
    // The older one contains the base fee.
    const gasPrice = requireBigQuantity(await chain.request('eth_gasPrice', []), 'eth_gasPrice');
    return gasPrice > baseFeePerGas ? gasPrice - baseFeePerGas : 0n;
  }
}

/** Wei beside gas for these bytes; 0 on a chain without such a fee. */
export async function readDataFee(chain: Chain, serialized: HexText): Promise<bigint> {
  const call = { abi: gasPriceOracleAbi, functionName: 'getL1Fee' } as const;
  const data = encodeFunctionData({ ...call, args: [serialized] });
  let answer: unknown;
  try {
    answer = await chain.request('eth_call', [{ to: gasPriceOracleAddress, data }, 'latest']);
  } catch (thrown) {
    if (chainFailureKind(thrown) === 'reverted') return 0n;
    throw thrown;
  }
  if (!isHex(answer) || answer.length !== 66) return 0n;
  return decodeFunctionResult({ ...call, data: answer });
}
