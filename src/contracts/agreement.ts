/**
 * Whether all endpoints that answer name the same contracts. A single endpoint that names a contract of its own could have
 * the owner approve tokens for it, so with several configured none is believed alone. Runs in the command line.
 */
import { encodeFunctionData } from 'viem/utils';
import { providerRegistryAbi } from '#abis/providerRegistry.js';
import { routerAbi } from '#abis/router.js';
import type { AddressText } from '../lib/address.js';
import type { Chain } from './chain.js';
import { chainFailure } from './chainFailure.js';
import type { ProviderState } from './readProviderState.js';

/** Throws a chain failure when two endpoints answer differently. */
export async function requireAgreement(
  chain: Chain,
  router: AddressText,
  { registry, stakes }: ProviderState,
): Promise<void> {
  const pools = [...stakes.keys()].map((modelId) =>
    encodeFunctionData({ abi: routerAbi, functionName: 'providerStaking', args: [modelId] }),
  );
  const questions = [encodeFunctionData({ abi: routerAbi, functionName: 'providerRegistry' }), ...pools].map(
    (data) => ({ to: router, data }),
  );
  questions.push({
    to: registry,
    data: encodeFunctionData({ abi: providerRegistryAbi, functionName: 'FUNC' }),
  });
  for (const question of questions) {
    const answers = await chain.requestAll('eth_call', [question, 'latest']);
    const given = answers.flatMap((answer) =>
      answer.status === 'fulfilled' ? [String(answer.value).toLowerCase()] : [],
    );
    if (new Set(given).size <= 1) continue;
    throw chainFailure(
      'bad_response',
      `The RPC endpoints name different contracts for ${question.to}, so one of them is wrong or lies. Nothing was sent: keep only endpoints in rpcProvider that you trust.`,
      { address: question.to },
    );
  }
}
