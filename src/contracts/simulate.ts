/**
 * Tries calls without sending them. Calls that build on one another are tried together where the endpoint has
 * `eth_simulateV1`; elsewhere only the first of them can be tried, since the chain does not have its effect yet. Runs in
 * the command line.
 */
import { isHex } from 'viem/utils';
import type { AddressText } from '../lib/address.js';
import type { HexText } from '../lib/hexText.js';
import { parseBigQuantity, requireBigQuantity } from './bigQuantity.js';
import type { Chain } from './chain.js';
import { chainFailure, chainFailureKind } from './chainFailure.js';
import { decodeRevert, revertReason } from './revertReason.js';

export interface SimulatedCall {
  readonly from: AddressText;
  readonly to: AddressText;
  readonly data: HexText;
}

/** The gas limit to send with, or why the contract refuses; `later` when earlier calls must be mined first. */
export type Simulation = SingleSimulation | { readonly kind: 'later' };

export type SingleSimulation =
  | { readonly kind: 'gas'; readonly gas: bigint }
  | { readonly kind: 'refused'; readonly reason: string };

/** The state may be another one when the transaction runs: a quarter more than was needed now. */
const withMargin = (gas: bigint): bigint => gas + gas / 4n;
/** The gas used is what is left after refunds, and less than what inner calls must be given. */
const withWideMargin = (gas: bigint): bigint => gas + gas / 2n + 10_000n;

export async function simulateCall(chain: Chain, call: SimulatedCall): Promise<SingleSimulation> {
  try {
    await chain.request('eth_call', [call, 'latest']);
    const gas = requireBigQuantity(await chain.request('eth_estimateGas', [call]), 'eth_estimateGas');
    return { kind: 'gas', gas: withMargin(gas) };
  } catch (thrown) {
    if (chainFailureKind(thrown) !== 'reverted') throw thrown;
    return { kind: 'refused', reason: revertReason(thrown) };
  }
}

/** One result for each call, in order. */
export async function simulateCalls(
  chain: Chain,
  calls: readonly SimulatedCall[],
): Promise<readonly Simulation[]> {
  const [first, ...rest] = calls;
  if (first === undefined) return [];
  const alone = await simulateCall(chain, first);
  if (rest.length === 0) return [alone];
  const together = await simulateTogether(chain, calls);
  return [alone, ...rest.map((_, at): Simulation => together?.[at + 1] ?? { kind: 'later' })];
}

async function simulateTogether(
  chain: Chain,
  calls: readonly SimulatedCall[],
): Promise<readonly Simulation[] | undefined> {
  let answer: unknown;
  try {
    answer = await chain.request('eth_simulateV1', [{ blockStateCalls: [{ calls }] }, 'latest']);
  } catch (thrown) {
    const kind = chainFailureKind(thrown);
    // Not every endpoint has it, and some answer an unknown method with an HTTP error.
    if (kind === 'rpc_error' || kind === 'http_error') return undefined;
    throw thrown;
  }
  const results = (answer as { calls?: unknown }[] | undefined)?.[0]?.calls;
  if (!Array.isArray(results) || results.length !== calls.length) {
    throw chainFailure('bad_response', 'The RPC endpoint answered eth_simulateV1 with something else.');
  }
  return results.map(readResult);
}

function readResult(result: Record<string, unknown>): Simulation {
  const gasUsed = parseBigQuantity(result['gasUsed']);
  if (result['status'] === '0x1' && gasUsed !== undefined) {
    return { kind: 'gas', gas: withWideMargin(gasUsed) };
  }
  const error = result['error'] as { data?: unknown } | undefined;
  const data = [error?.data, result['returnData']].find((bytes) => isHex(bytes) && bytes !== '0x');
  return { kind: 'refused', reason: decodeRevert((data ?? '0x') as HexText) };
}
