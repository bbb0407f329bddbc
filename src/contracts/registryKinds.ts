/**
 * The two registries as data: which Router function names the contract, and how its list is called and decoded.
 * The `…Live` functions are declared nonpayable, so viem's readContract types refuse them; they are encoded,
 * called with eth_call and decoded like any other. Runs in the registry thread.
 */
import type { Hex } from 'viem';
import { decodeFunctionResult, encodeFunctionData } from 'viem/utils';
import { gatewayRegistryAbi } from '#abis/gatewayRegistry.js';
import { providerRegistryAbi } from '#abis/providerRegistry.js';

/** What both registries say of an entry and this node needs. */
export interface RegistryEntry {
  /** 20 bytes as `0x` hex. */
  readonly owner: Hex;
  /** Up to 64 bytes as `0x` hex. */
  readonly id: Hex;
  readonly paused: boolean;
}

export interface RegistryKind {
  readonly name: 'gateway' | 'provider';
  /** The Router function that answers with this registry's address. */
  readonly routerFunction: 'gatewayRegistry' | 'providerRegistry';
  readonly listCall: Hex;
  /** Throws whatever the ABI decoder throws. */
  decodeList(data: Hex): readonly RegistryEntry[];
}

const onlyNeeded = ({ owner, id, paused }: RegistryEntry): RegistryEntry => ({
  owner: owner.toLowerCase() as Hex,
  id: id.toLowerCase() as Hex,
  paused,
});

const gatewayFunction = { abi: gatewayRegistryAbi, functionName: 'getActiveGatewaysLive' } as const;
const providerFunction = { abi: providerRegistryAbi, functionName: 'getActiveProvidersLive' } as const;

export const gatewayKind: RegistryKind = {
  name: 'gateway',
  routerFunction: 'gatewayRegistry',
  listCall: encodeFunctionData(gatewayFunction),
  decodeList: (data) => decodeFunctionResult({ ...gatewayFunction, data }).map(onlyNeeded),
};

export const providerKind: RegistryKind = {
  name: 'provider',
  routerFunction: 'providerRegistry',
  listCall: encodeFunctionData(providerFunction),
  decodeList: (data) => decodeFunctionResult({ ...providerFunction, data }).map(onlyNeeded),
};
