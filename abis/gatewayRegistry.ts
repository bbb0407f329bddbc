/** GatewayRegistry: who may send requests. The `…Live` function is declared nonpayable though it only answers. */
import { parseAbi } from 'viem/utils';

export const gatewayRegistryAbi = parseAbi([
  'struct Gateway { address owner; bytes id; uint256 registeredAt; string metadata; bool paused; }',
  'function getActiveGatewaysLive() returns (Gateway[])',
  'function getActiveGatewaysState() view returns (Gateway[])',
  'function getGateways() view returns (Gateway[])',
  'function getGateway(bytes id) view returns (Gateway)',
  'function active(bytes id) view returns (bool)',
  'function register(bytes id, string metadata)',
  'function registerAndStake(bytes id, string metadata, uint256 amount)',
  'function pause(bytes id)',
  'function unpause(bytes id)',
  'function updateMetadata(bytes id, string metadata)',
  'event GatewayRegistered(bytes id, uint256 indexed epoch, string metadata)',
  'event GatewayStatusUpdated(bytes id, bool active)',
  'event GatewayPaused(bytes id)',
  'event GatewayUnpaused(bytes id)',
  'event GatewayMetadataUpdated(bytes id)',
]);
