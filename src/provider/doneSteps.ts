/**
 * What a request has on the chain before its next step: what that cost, how it is told, and how long endpoints get to see
 * it. An endpoint behind a load balancer may answer from a node that is behind. Runs in the command line.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Chain } from '../contracts/chain.js';
import { chainFailureKind } from '../contracts/chainFailure.js';
import { NodeError } from '../errors/nodeError.js';
import type { DoneStep } from './sendStep.js';

/** Wei. */
export const spentOn = (done: readonly DoneStep[]): bigint =>
  done.reduce((sum, { receipt }) => sum + receipt.fee, 0n);

/** For an error that ends the request before its next step. */
export function sentSoFar(done: readonly DoneStep[]): string {
  if (done.length === 0) return 'Nothing was sent.';
  const steps = done.map(({ name, receipt: { hash } }) => `${name} (transaction ${hash})`).join(', ');
  return `Done already: ${steps}; nothing else was sent. The same command again goes on from there.`;
}

export const effectPatienceMs = 10_000;
export const effectPollMs = 500;

/**
 * Work that has to see what was done, through the endpoints that have reached its block. Repeated for some seconds: the
 * node that answers next may still be behind, and then an endpoint fails or the contract seems to refuse.
 */
export async function seeing<T>(
  done: readonly DoneStep[],
  { chain, signal }: { readonly chain: Chain; readonly signal: AbortSignal },
  work: (chain: Chain) => Promise<T>,
): Promise<T> {
  const last = done.at(-1);
  if (last === undefined) return await work(chain);
  const endMs = performance.now() + effectPatienceMs;
  for (;;) {
    try {
      return await work(await chain.reaching(last.receipt.blockNumber));
    } catch (thrown) {
      if (!mayPass(thrown) || performance.now() > endMs) throw thrown;
    }
    await sleep(effectPollMs, undefined, { signal });
  }
}

function mayPass(thrown: unknown): boolean {
  const kind = chainFailureKind(thrown);
  if (kind !== undefined) return kind !== 'aborted';
  return thrown instanceof NodeError && thrown.code === 'provider_refused';
}
