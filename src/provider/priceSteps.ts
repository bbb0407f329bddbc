/**
 * What the steps of a plan will cost, found by trying them on the chain. A step that the contracts refuse ends the request
 * before anything is sent. Runs in the command line.
 */
import type { Chain } from '../contracts/chain.js';
import { serializeUnsigned } from '../contracts/feeMarketTransaction.js';
import { type Fees, readDataFee, readFees } from '../contracts/fees.js';
import { readBalance } from '../contracts/receipt.js';
import { simulateCalls } from '../contracts/simulate.js';
import { checksumAddress } from '../keys/checksumAddress.js';
import type { AddressText } from '../lib/address.js';
import { formatEther } from '../lib/tokenAmount.js';
import type { PlannedStep } from './planRequest.js';
import { refused } from './refusal.js';

export interface PricedStep {
  readonly step: PlannedStep;
  /** The limit; absent when it can only be found once the steps before are mined. */
  readonly gas: bigint | undefined;
  /** Wei at most. */
  readonly maxFee: bigint | undefined;
}

export interface Price {
  readonly steps: readonly PricedStep[];
  readonly fees: Fees;
  /** Wei that all steps with a known limit cost at most. */
  readonly maxFee: bigint;
  /** Wei of the owner. */
  readonly balance: bigint;
}

/** Throws a refusal with the contract's reason; `soFar` says there what was sent already. */
export async function priceSteps(
  chain: Chain,
  owner: AddressText,
  steps: readonly PlannedStep[],
  soFar: string,
): Promise<Price> {
  const [simulations, fees, balance] = await Promise.all([
    simulateCalls(
      chain,
      steps.map(({ to, data }) => ({ from: owner, to, data })),
    ),
    readFees(chain),
    readBalance(chain, owner),
  ]);
  const priced: PricedStep[] = [];
  for (const [at, step] of steps.entries()) {
    const simulation = simulations[at]!;
    if (simulation.kind === 'refused') {
      throw refused(`The contract refuses ${step.name}: ${simulation.reason}. ${soFar}`);
    }
    if (simulation.kind === 'later') {
      priced.push({ step, gas: undefined, maxFee: undefined });
      continue;
    }
    const { gas } = simulation;
    const { maxFeePerGas, maxPriorityFeePerGas } = fees;
    const { to, data } = step;
    const sample = { chainId: chain.chainId, from: owner, nonce: 0, to, data };
    const dataFee = await readDataFee(
      chain,
      serializeUnsigned({ ...sample, gas, maxFeePerGas, maxPriorityFeePerGas }),
    );
    priced.push({ step, gas, maxFee: gas * maxFeePerGas + dataFee });
  }
  const maxFee = priced.reduce((sum, each) => sum + (each.maxFee ?? 0n), 0n);
  return { steps: priced, fees, maxFee, balance };
}

/** What the owner lacks to pay for the steps, as a sentence; `undefined` when nothing. */
export function missingFunds({ maxFee, balance }: Price, owner: AddressText): string | undefined {
  if (balance >= maxFee) return undefined;
  return (
    `The transactions cost at most ${formatEther(maxFee)}, but ${checksumAddress(owner)} holds ${formatEther(balance)}: ` +
    `send at least ${formatEther(maxFee - balance)} to that address.`
  );
}

export interface CostBound {
  /** Wei that all transactions of the request together may cost. */
  readonly maxCost: bigint;
  /** Wei of it that those before have cost. */
  readonly spent: bigint;
  /** What was sent already. */
  readonly soFar: string;
}

/** Fees come from an endpoint, which may be mistaken or worse: more than is allowed is not paid. */
export function refuseDearer(
  { maxFee, maxFeePerGas }: { readonly maxFee: bigint; readonly maxFeePerGas: bigint },
  { maxCost, spent, soFar }: CostBound,
): void {
  if (spent + maxFee <= maxCost) return;
  const before = spent === 0n ? '' : `, after ${formatEther(spent)} for those before`;
  throw refused(
    `The transactions would cost up to ${formatEther(maxFee)}${before}, at ${maxFeePerGas} wei for a unit of gas; at most ${formatEther(maxCost)} is allowed. ` +
      `Wait for lower fees, or raise --max-cost. ${soFar}`,
  );
}
