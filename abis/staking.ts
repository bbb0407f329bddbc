/**
 * What staking needs of the contracts beside the registry: how much a model asks for, the pool of a model, and the epochs
 * that rewards are counted in. `getProviderStakedAmount` and the epochs stand in the network's documentation only, so
 * a contract may lack them.
 */
import { parseAbi } from 'viem/utils';

export const modelAbi = parseAbi(['function modelStakeAmount(uint256 modelId) view returns (uint256)']);

export const providerStakingAbi = parseAbi([
  'function stakeForProvider(bytes id)',
  'function getProviderStakedAmount(bytes id) view returns (uint256)',
]);

export const epochControllerAbi = parseAbi([
  'function epochNumber() view returns (uint256)',
  'function epochRewardDelay() view returns (uint256)',
]);
