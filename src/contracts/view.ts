/** Views of contracts as values: what to call and how to read the answer, read together at one block. Runs in the command line. */
import type {
  Abi,
  ContractFunctionArgs,
  ContractFunctionName,
  ContractFunctionReturnType,
  EncodeFunctionDataParameters,
  Hex,
} from 'viem';
import { decodeFunctionResult, encodeFunctionData } from 'viem/utils';
import type { Block } from './block.js';
import { type CallOutcome, callsAtBlock } from './callsAtBlock.js';
import type { JsonRpcClient } from './jsonRpc.js';

export interface View<T> {
  readonly target: Hex;
  readonly data: Hex;
  /** Throws whatever the ABI decoder throws. */
  decode(data: Hex): T;
}

type Names<A extends Abi> = ContractFunctionName<A, 'view'>;

export function view<const A extends Abi, const N extends Names<A>>(
  abi: A,
  target: Hex,
  functionName: N,
  args: ContractFunctionArgs<A, 'view', N>,
): View<ContractFunctionReturnType<A, 'view', N>> {
  const call = { abi, functionName, args } as unknown as EncodeFunctionDataParameters;
  return {
    target,
    data: encodeFunctionData(call),
    decode: (data) => decodeFunctionResult({ ...call, data } as never),
  };
}

type Answers<V extends readonly View<unknown>[]> = {
  readonly [K in keyof V]: V[K] extends View<infer T> ? T | undefined : never;
};

/** `undefined` where a contract refused, is not there, or has no such function; throws a chain failure. */
export async function readViews<const V extends readonly View<unknown>[]>(
  rpc: JsonRpcClient,
  block: Block,
  views: V,
): Promise<Answers<V>> {
  if (views.length === 0) return [] as unknown as Answers<V>;
  const outcomes = await callsAtBlock(rpc, block, views);
  return views.map((each, at) => answerOf(each, outcomes[at])) as unknown as Answers<V>;
}

function answerOf<T>(each: View<T>, outcome: CallOutcome | undefined): T | undefined {
  if (outcome === undefined || outcome === 'reverted' || outcome.data === '0x') return undefined;
  try {
    return each.decode(outcome.data);
  } catch {
    // A contract that answers every call with something else has no such function either.
    return undefined;
  }
}
