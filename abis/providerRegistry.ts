/** ProviderRegistry: who serves which model. The `…Live` function is declared nonpayable though it only answers. */
import { parseAbi } from 'viem/utils';

export const providerRegistryAbi = parseAbi([
  'struct Provider { address owner; bytes id; uint256 modelId; uint256 registeredAt; string metadata; bool paused; }',
  'function getActiveProvidersLive() returns (Provider[])',
  'function getProvider(bytes id) view returns (Provider)',
  'function getProviderIdsByOwner(address owner) view returns (bytes[])',
  'function active(bytes id) view returns (bool)',
  'function registered(bytes id) view returns (bool)',
  'function FUNC() view returns (address)',
  'function register(bytes id, uint256 modelId, string metadata)',
  'function registerAndStake(bytes id, uint256 modelId, string metadata)',
  'function pause(bytes id)',
  'function unpause(bytes id)',
  'function updateMetadata(bytes id, string metadata)',
  'function claimRewardsCluster(uint256 fromEpoch, uint256 toEpoch)',
  'function unstakeCluster()',
  'event ProviderRegistered(bytes id, uint256 indexed modelId, uint256 indexed epoch, string metadata)',
  'event ProviderStatusUpdated(bytes id, bool active)',
  'event ProviderPaused(bytes id)',
  'event ProviderUnpaused(bytes id)',
  'event ProviderMetadataUpdated(bytes id)',
  'event RewardClaimedForCluster(address indexed owner, uint256 indexed claimedEpoch, uint256 fromEpoch, uint256 toEpoch, bytes[] succeededIds, bytes[] failedIds)',
  'event LogError(bytes failedId, string message)',
]);
