/** Router: the one address an operator configures; it names the network's other contracts. */
import { parseAbi } from 'viem/utils';

export const routerAbi = parseAbi([
  'function gatewayRegistry() view returns (address)',
  'function providerRegistry() view returns (address)',
  'function gatewayStaking() view returns (address)',
  'function model() view returns (address)',
  'function epochController() view returns (address)',
  'function permissions() view returns (address)',
  'function treasury() view returns (address)',
  'function rewardPool() view returns (address)',
  'function providerStaking(uint256 modelId) view returns (address)',
]);
