/** What an active provider has staked: without enough of it the network sends nothing either. */
import { openChain } from '../../contracts/chain.js';
import { chainFailureKind } from '../../contracts/chainFailure.js';
import { type ProviderState, readProviderState } from '../../contracts/readProviderState.js';
import type { AddressText } from '../../lib/address.js';
import { tokenText } from '../../provider/planRequest.js';
import type { NodeContext } from '../context.js';
import { type Finding, failure, ok, skipped } from '../finding.js';

const title = 'Stake';
const callTimeoutMs = 10_000;

/** Nothing where the registry takes no stake. */
export async function findStake(context: NodeContext, owner: AddressText): Promise<Finding[]> {
  let state: ProviderState;
  try {
    state = await readState(context, owner);
  } catch (thrown) {
    if (chainFailureKind(thrown) === undefined) throw thrown;
    return [skipped('stake', title, 'the contracts do not say what is staked')];
  }
  const { token, stakes } = state;
  const entry = state.providers.find(({ paused }) => !paused);
  if (token === undefined || entry === undefined) return [];
  const { staked, active, modelId } = entry;
  const required = stakes.get(modelId)?.required;
  if (staked === undefined && active === undefined) {
    return [skipped('stake', title, 'the contracts do not say what is staked')];
  }
  const text = [
    staked === undefined ? 'an unknown amount' : tokenText(staked, token),
    ...(required === undefined ? [] : [`of ${tokenText(required, token)}`]),
  ].join(' ');
  const isTooLittle = staked !== undefined && required !== undefined && staked < required;
  if (active === true || (active === undefined && !isTooLittle)) {
    return [ok('stake', title, `${text} staked for model ${modelId}`)];
  }
  return [
    failure({
      id: 'stake_missing',
      title,
      detail: `${text} staked for model ${modelId}, and the registry does not count the provider as active`,
      remedy: isTooLittle
        ? 'stake the rest with "fxn provider stake"'
        : '"fxn provider status" shows what the contracts say of it',
    }),
  ];
}

async function readState({ config, signal }: NodeContext, owner: AddressText): Promise<ProviderState> {
  const { rpcProvider: urls, chainId } = config;
  const chain = await openChain({ urls, chainId, callTimeoutMs, signal });
  try {
    return await readProviderState(chain, { router: config.registry.routerSmartContractAddress, owner });
  } finally {
    chain.close();
  }
}
