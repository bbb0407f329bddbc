/**
 * Several contract calls that provably see one block: in one Multicall3 `aggregate3` that also asks for the block
 * number and the parent's hash, or, on a chain without Multicall3, as separate calls at that number after
 * which the block is read again and must still have its hash. An endpoint behind a load balancer can
 * answer any call from a node that is behind or on another fork; both ways notice. Runs in the registry thread and the command line.
 */
import type { Hex } from 'viem';
import { encodeFunctionData, isHex } from 'viem/utils';
import { multicall3Abi, multicall3Address } from '#abis/multicall3.js';
import { type CallResult, decodeAggregateResult } from './aggregateResult.js';
import { type Block, getBlock, quantity } from './block.js';
import { chainFailure, chainFailureKind } from './chainFailure.js';
import type { JsonRpcClient } from './jsonRpc.js';

export interface ContractCall {
  readonly target: Hex;
  readonly data: Hex;
}

/** The answer of one call; `reverted` when the contract refused it. A target without code answers `0x`. */
export type CallOutcome = { readonly data: Hex } | 'reverted';

/** The answers in the order of `calls`, all from `block`; throws a chain failure. */
export async function callsAtBlock(
  rpc: JsonRpcClient,
  block: Block,
  calls: readonly ContractCall[],
): Promise<readonly CallOutcome[]> {
  return (await aggregated(rpc, block, calls)) ?? (await separate(rpc, block, calls));
}

const blockNumberCall = encodeFunctionData({ abi: multicall3Abi, functionName: 'getBlockNumber' });
const parentHashCall = encodeFunctionData({ abi: multicall3Abi, functionName: 'getLastBlockHash' });

async function ethCall(rpc: JsonRpcClient, block: Block, { target, data }: ContractCall): Promise<Hex> {
  const answer = await rpc.request('eth_call', [{ to: target, data }, quantity(block.number)]);
  if (!isHex(answer)) throw chainFailure('bad_response', 'The RPC endpoint answered a call with no bytes.');
  return answer;
}

/** `undefined` where there is no Multicall3, and where it cannot carry these calls. */
async function aggregated(
  rpc: JsonRpcClient,
  block: Block,
  calls: readonly ContractCall[],
): Promise<readonly CallOutcome[] | undefined> {
  const probes = [blockNumberCall, parentHashCall].map(
    (data) => ({ target: multicall3Address, data }) as const,
  );
  const batch = [...probes, ...calls].map(({ target, data }) => ({
    target,
    allowFailure: true,
    callData: data,
  }));
  const data = encodeFunctionData({ abi: multicall3Abi, functionName: 'aggregate3', args: [batch] });
  let answer: Hex | 'reverted';
  try {
    answer = await ethCall(rpc, block, { target: multicall3Address, data });
  } catch (thrown) {
    if (chainFailureKind(thrown) !== 'reverted') throw thrown;
    answer = 'reverted';
  }
  // Copying a long list once more costs gas, so the list alone may still fit under the endpoint's cap.
  if (answer === '0x' || answer === 'reverted') return undefined;

  const [number, parentHash, ...outcomes] = decodeBatch(answer);
  if (outcomes.length !== calls.length || number === undefined || parentHash === undefined) {
    throw chainFailure(
      'bad_response',
      'The RPC endpoint answered a batch of calls with another number of results.',
    );
  }
  const seenNumber = isHex(number.returnData) ? Number(number.returnData) : undefined;
  if (seenNumber !== block.number || parentHash.returnData !== block.parentHash.toLowerCase()) {
    throw chainFailure('unpinned', 'The RPC endpoint answered from another block than the one asked for.', {
      block: block.number,
      answered: seenNumber,
    });
  }
  return outcomes.map(({ success, returnData }) => (success ? { data: returnData } : 'reverted'));
}

function decodeBatch(data: Hex): readonly CallResult[] {
  const results = decodeAggregateResult(data);
  if (results !== undefined) return results;
  throw chainFailure(
    'bad_response',
    'The RPC endpoint answered a batch of calls with bytes that do not decode.',
  );
}

async function separate(
  rpc: JsonRpcClient,
  block: Block,
  calls: readonly ContractCall[],
): Promise<readonly CallOutcome[]> {
  const outcomes: CallOutcome[] = [];
  for (const call of calls) {
    try {
      outcomes.push({ data: await ethCall(rpc, block, call) });
    } catch (thrown) {
      if (chainFailureKind(thrown) !== 'reverted') throw thrown;
      outcomes.push('reverted');
    }
  }
  const again = await getBlock(rpc, block.number);
  if (again.hash !== block.hash) {
    throw chainFailure('unpinned', 'The block was replaced while it was read.', { block: block.number });
  }
  return outcomes;
}
