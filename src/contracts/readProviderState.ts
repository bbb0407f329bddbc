/**
 * All that the contracts say of an owner's providers, read at one block: where the Router says the contracts are, the
 * owner's providers and what each of them stakes. What a contract does not answer is `undefined`, never a zero. Runs in
 * the command line.
 */

import { erc20Abi } from '#abis/erc20.js';
import { gatewayRegistryAbi } from '#abis/gatewayRegistry.js';
import { providerRegistryAbi } from '#abis/providerRegistry.js';
import { routerAbi } from '#abis/router.js';
import { epochControllerAbi, modelAbi, providerStakingAbi } from '#abis/staking.js';
import { type AddressText, parseAddress } from '../lib/address.js';
import type { HexText } from '../lib/hexText.js';
import { printableText } from '../lib/printableText.js';
import type { Block } from './block.js';
import type { Chain } from './chain.js';
import { chainFailure, chainFailureKind } from './chainFailure.js';
import type { JsonRpcClient } from './jsonRpc.js';
import { readViews, view } from './view.js';

export interface ProviderEntry {
  readonly id: HexText;
  readonly owner: AddressText;
  readonly modelId: bigint;
  /** As the contract has it. */
  readonly registeredAt: bigint;
  readonly metadata: string;
  readonly paused: boolean;
  /** Registered, not paused, staked and whatever else the network asks for. */
  readonly active: boolean | undefined;
  readonly staked: bigint | undefined;
}

export interface Token {
  readonly address: AddressText;
  /** Fit for a terminal. */
  readonly symbol: string;
  readonly decimals: number;
  /** The owner's. */
  readonly balance: bigint;
  /** What the registry may take of the owner's. */
  readonly registryAllowance: bigint;
}

export interface ModelStake {
  readonly required: bigint | undefined;
  readonly pool: AddressText | undefined;
  /** What the pool may take of the owner's tokens. */
  readonly poolAllowance: bigint | undefined;
}

export interface ProviderState {
  readonly block: number;
  readonly registry: AddressText;
  /** Absent while the registry takes no stake. */
  readonly token: Token | undefined;
  /** The owner's, in the order of the contract, at most `mostProviders`. */
  readonly providers: readonly ProviderEntry[];
  /** How many the owner has. */
  readonly providerCount: number;
  /** The provider with the id that was asked for, whoever owns it. */
  readonly wanted: ProviderEntry | undefined;
  /** By model id: the models of the providers, and the one asked for. */
  readonly stakes: ReadonlyMap<bigint, ModelStake>;
  /** The last epoch whose rewards can be claimed. */
  readonly claimableEpoch: bigint | undefined;
  /** Gateways that are not paused. */
  readonly gateways: number | undefined;
}

export interface ProviderQuestion {
  readonly router: AddressText;
  readonly owner: AddressText;
  readonly id?: HexText | undefined;
  readonly modelId?: bigint | undefined;
  /** The list of gateways is the only long answer. */
  readonly withGateways?: boolean;
}

/** An owner with more is not shown all of them. */
const mostProviders = 64;
/** The contract writes it as it likes; a long one could look like a sentence of this program. */
const mostSymbolCharacters = 16;

/** @param notBefore the least block to read at */
export const readProviderState = (
  chain: Chain,
  question: ProviderQuestion,
  notBefore?: number,
): Promise<ProviderState> => chain.atHead((rpc, block) => readAt(rpc, block, question), notBefore);

async function readAt(rpc: JsonRpcClient, block: Block, question: ProviderQuestion): Promise<ProviderState> {
  const { router, owner, id, modelId } = question;
  const [registryName, modelName, epochsName, gatewaysName] = await readViews(rpc, block, [
    view(routerAbi, router, 'providerRegistry', []),
    view(routerAbi, router, 'model', []),
    view(routerAbi, router, 'epochController', []),
    view(routerAbi, router, 'gatewayRegistry', []),
  ]);
  const registry = contractAt(registryName);
  if (registry === undefined) throw noRegistry(router, block);
  const [ids, tokenName, isWantedThere] = await readViews(rpc, block, [
    view(providerRegistryAbi, registry, 'getProviderIdsByOwner', [owner]),
    view(providerRegistryAbi, registry, 'FUNC', []),
    view(providerRegistryAbi, registry, 'registered', [id ?? '0x']),
  ]);
  if (ids === undefined) throw notARegistry(registry, block);

  const at = { rpc, block, registry, owner };
  const shown = ids.slice(0, mostProviders).map((each) => each.toLowerCase() as HexText);
  const isOwn = id !== undefined && ids.some((each) => each.toLowerCase() === id);
  const isStranger = id !== undefined && !isOwn && isWantedThere === true;
  const asked = id !== undefined && (isStranger || isOwn) && !shown.includes(id) ? [...shown, id] : shown;
  const found = await readEntries(at, asked);
  const token = await readToken(at, contractAt(tokenName));
  const models = new Set([...found.map((each) => each.modelId), ...(modelId === undefined ? [] : [modelId])]);
  const stakes = await readStakes({ ...at, router, model: contractAt(modelName), token }, [...models]);
  const entries = await withStakes(at, found, stakes);
  return {
    block: block.number,
    registry,
    token,
    providers: entries.filter((each) => shown.includes(each.id)),
    providerCount: ids.length,
    wanted: entries.find((each) => each.id === id),
    stakes,
    claimableEpoch: await readClaimableEpoch(at, contractAt(epochsName)),
    gateways: question.withGateways === true ? await countGateways(at, contractAt(gatewaysName)) : undefined,
  };
}

interface ReadPlace {
  readonly rpc: JsonRpcClient;
  readonly block: Block;
  readonly registry: AddressText;
  readonly owner: AddressText;
}

const zeroAddress = `0x${'0'.repeat(40)}`;

function contractAt(answer: string | undefined): AddressText | undefined {
  const address = answer === undefined ? undefined : parseAddress(answer);
  return address === zeroAddress ? undefined : address;
}

async function readEntries(
  { rpc, block, registry }: ReadPlace,
  ids: readonly HexText[],
): Promise<readonly ProviderEntry[]> {
  const [entries, activity] = await Promise.all([
    readViews(
      rpc,
      block,
      ids.map((id) => view(providerRegistryAbi, registry, 'getProvider', [id])),
    ),
    readViews(
      rpc,
      block,
      ids.map((id) => view(providerRegistryAbi, registry, 'active', [id])),
    ),
  ]);
  return ids.flatMap((id, at) => {
    const entry = entries[at];
    if (entry === undefined) return [];
    const { modelId, registeredAt, metadata, paused } = entry;
    const owner = parseAddress(entry.owner)!;
    return [{ id, owner, modelId, registeredAt, metadata, paused, active: activity[at], staked: undefined }];
  });
}

async function readToken(
  { rpc, block, registry, owner }: ReadPlace,
  address: AddressText | undefined,
): Promise<Token | undefined> {
  if (address === undefined) return undefined;
  const [balance, registryAllowance, decimals, symbol] = await readViews(rpc, block, [
    view(erc20Abi, address, 'balanceOf', [owner]),
    view(erc20Abi, address, 'allowance', [owner, registry]),
    view(erc20Abi, address, 'decimals', []),
    view(erc20Abi, address, 'symbol', []),
  ]);
  if (balance === undefined || registryAllowance === undefined) {
    throw chainFailure(
      'no_contract',
      `The registry's token ${address} does not answer as an ERC-20 token does.`,
      {
        address,
        block: block.number,
      },
    );
  }
  // Neither is required by the standard.
  return {
    address,
    balance,
    registryAllowance,
    decimals: decimals ?? 18,
    symbol: printableText(symbol ?? 'FUNC', mostSymbolCharacters),
  };
}

async function readStakes(
  place: ReadPlace & {
    readonly router: AddressText;
    readonly model: AddressText | undefined;
    readonly token: Token | undefined;
  },
  modelIds: readonly bigint[],
): Promise<ReadonlyMap<bigint, ModelStake>> {
  const { rpc, block, owner, router, model, token } = place;
  const required =
    model === undefined
      ? []
      : await readViews(
          rpc,
          block,
          modelIds.map((each) => view(modelAbi, model, 'modelStakeAmount', [each])),
        );
  const pools = (
    await readViews(
      rpc,
      block,
      modelIds.map((each) => view(routerAbi, router, 'providerStaking', [each])),
    )
  ).map(contractAt);
  const allowances = await readViews(
    rpc,
    block,
    pools.map((pool) =>
      // A pool that is not there has no allowance; asking the token for its own keeps the answers in step.
      view(erc20Abi, token?.address ?? router, 'allowance', [owner, pool ?? router]),
    ),
  );
  return new Map(
    modelIds.map((modelId, at) => {
      const pool = pools[at];
      const poolAllowance = pool === undefined || token === undefined ? undefined : allowances[at];
      return [modelId, { required: required[at], pool, poolAllowance }];
    }),
  );
}

async function withStakes(
  { rpc, block, registry }: ReadPlace,
  entries: readonly ProviderEntry[],
  stakes: ReadonlyMap<bigint, ModelStake>,
): Promise<readonly ProviderEntry[]> {
  const staked = await readViews(
    rpc,
    block,
    entries.map(({ id, modelId }) =>
      // Where there is no pool, the registry has no such function.
      view(providerStakingAbi, stakes.get(modelId)?.pool ?? registry, 'getProviderStakedAmount', [id]),
    ),
  );
  return entries.map((entry, at) => ({ ...entry, staked: staked[at] }));
}

async function readClaimableEpoch(
  { rpc, block }: ReadPlace,
  controller: AddressText | undefined,
): Promise<bigint | undefined> {
  if (controller === undefined) return undefined;
  const [epoch, delay] = await readViews(rpc, block, [
    view(epochControllerAbi, controller, 'epochNumber', []),
    view(epochControllerAbi, controller, 'epochRewardDelay', []),
  ]);
  if (epoch === undefined || delay === undefined || epoch < delay) return undefined;
  return epoch - delay;
}

async function countGateways(
  { rpc, block }: ReadPlace,
  registry: AddressText | undefined,
): Promise<number | undefined> {
  if (registry === undefined) return undefined;
  try {
    const [gateways] = await readViews(rpc, block, [
      view(gatewayRegistryAbi, registry, 'getActiveGatewaysState', []),
    ]);
    return gateways?.filter(({ paused }) => !paused).length;
  } catch (thrown) {
    const kind = chainFailureKind(thrown);
    // A long list may be more than an endpoint computes or this one takes; the rest stands without it.
    if (kind === undefined || kind === 'aborted') throw thrown;
    return undefined;
  }
}

const noRegistry = (router: AddressText, block: Block) =>
  chainFailure(
    'no_contract',
    `There is no Router at ${router}, or it names no provider registry: check registry.routerSmartContractAddress and chainId.`,
    { address: router, block: block.number },
  );

const notARegistry = (registry: AddressText, block: Block) =>
  chainFailure('no_contract', `The provider registry at ${registry} does not answer as one does.`, {
    address: registry,
    block: block.number,
  });
