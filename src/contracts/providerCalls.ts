/** The calls that a provider's owner sends, encoded. Amounts are in the token's smallest unit. Runs in the command line. */
import { encodeFunctionData } from 'viem/utils';
import { erc20Abi } from '#abis/erc20.js';
import { providerRegistryAbi } from '#abis/providerRegistry.js';
import { providerStakingAbi } from '#abis/staking.js';
import type { AddressText } from '../lib/address.js';
import type { HexText } from '../lib/hexText.js';

const abi = providerRegistryAbi;

export interface Registration {
  readonly id: HexText;
  readonly modelId: bigint;
  readonly metadata: string;
}

export const registerCall = ({ id, modelId, metadata }: Registration): HexText =>
  encodeFunctionData({ abi, functionName: 'register', args: [id, modelId, metadata] });

export const registerAndStakeCall = ({ id, modelId, metadata }: Registration): HexText =>
  encodeFunctionData({ abi, functionName: 'registerAndStake', args: [id, modelId, metadata] });

export const pauseCall = (id: HexText): HexText =>
  encodeFunctionData({ abi, functionName: 'pause', args: [id] });

export const unpauseCall = (id: HexText): HexText =>
  encodeFunctionData({ abi, functionName: 'unpause', args: [id] });

export const updateMetadataCall = (id: HexText, metadata: string): HexText =>
  encodeFunctionData({ abi, functionName: 'updateMetadata', args: [id, metadata] });

/** Both epochs are included. */
export const claimCall = (fromEpoch: bigint, toEpoch: bigint): HexText =>
  encodeFunctionData({ abi, functionName: 'claimRewardsCluster', args: [fromEpoch, toEpoch] });

export const stakeCall = (id: HexText): HexText =>
  encodeFunctionData({ abi: providerStakingAbi, functionName: 'stakeForProvider', args: [id] });

export const approveCall = (spender: AddressText, amount: bigint): HexText =>
  encodeFunctionData({ abi: erc20Abi, functionName: 'approve', args: [spender, amount] });
